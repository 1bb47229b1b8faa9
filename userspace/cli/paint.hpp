// SPDX-License-Identifier: GPL-2.0-only
// Colours, where the context allows them.
#pragma once

#include <cli/context.hpp>

#include <string>
#include <string_view>

namespace xenpv::cli {

enum class colour { good, warning, bad, faint, strong };

inline std::string paint(const context &ctx, colour c, std::string_view text)
{
	if (!ctx.colour)
		return std::string(text);
	constexpr const char *codes[] = {"32", "33", "31", "2", "1"};
	return std::string("\033[") + codes[static_cast<int>(c)] + "m" + std::string(text) + "\033[0m";
}

} // namespace xenpv::cli
