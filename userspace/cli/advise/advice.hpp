// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cli/survey/machine.hpp>

#include <string>
#include <vector>

namespace xenpv::cli {

// One thing to change, word for word.
struct step {
	std::string where; // "guest configuration", "kernel command line", "package", ...
	std::string what;
};

struct advice {
	std::string domain{};
	std::optional<unsigned> id{};
	mode now = mode::unknown;
	mode should = mode::unknown;
	bool change = false;
	std::string reason{};
	std::vector<step> steps{};
};

} // namespace xenpv::cli
