// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace xenpv::cli {

enum class verdict { fine, unseen, warning, fault };
const char *name_of(verdict v);

struct finding {
	std::string check; // in-tree-module, initramfs, ...
	verdict is = verdict::fine;
	std::string where{}; // "vbd-51712", "guest web1 vif-0", "" for the machine
	std::string what{};
	std::string fix{};
};

} // namespace xenpv::cli
