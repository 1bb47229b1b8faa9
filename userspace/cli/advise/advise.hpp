// SPDX-License-Identifier: GPL-2.0-only
// xenpv advise: the mode a guest should be in, and how to get there.
//
// The rule is the Xen documentation's: PVH for Linux on modern hardware where kernel and toolstack can, else
// PVHVM; HVM for unmodified systems, with the PV drivers that there are for them.
#pragma once

#include <cli/advise/advice.hpp>

#include <string>
#include <vector>

namespace xenpv::cli {

struct context;

// What only a guest knows of itself.
struct own_facts {
	std::optional<bool> kernel_can_pvh{}; // CONFIG_XEN_PVH
	bool efi = false;
	bool xapi = false;
	bool platform_device = true;
	bool xenpv_installed = false;
};

void run_advise(context &ctx);

std::vector<advice> advise(const machine &m, const own_facts &own);
std::string describe(const context &ctx, const std::vector<advice> &all);

} // namespace xenpv::cli
