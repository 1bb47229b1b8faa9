// SPDX-License-Identifier: GPL-2.0-only
// The command line, word by word.
#pragma once
#include "peer.hpp"

#include <cstdlib>
#include <cstring>
#include <string>

namespace handfront {

class words {
public:
	words(int argc, char **argv) : at_(argv), end_(argv + argc) {}
	[[nodiscard]] bool more() const { return at_ != end_; }
	const char *next()
	{
		if (!more())
			fail("the last command lacks an argument");
		return *at_++;
	}
	uint64_t number() { return strtoull(next(), nullptr, 0); }

	struct setting {
		std::string field;
		std::string value;
		[[nodiscard]] uint64_t number() const { return strtoull(value.c_str(), nullptr, 0); }
	};
	// The next word if it is FIELD=VALUE.
	std::optional<setting> next_setting()
	{
		const char *equals = more() ? strchr(*at_, '=') : nullptr;
		if (equals == nullptr)
			return std::nullopt;
		const char *text = *at_++;
		return setting{std::string(text, static_cast<size_t>(equals - text)), equals + 1};
	}

private:
	char **at_;
	char **end_;
};

} // namespace handfront
