// SPDX-License-Identifier: GPL-2.0-only
// xenpv doctor: the faults that users meet, each with its fix.
#pragma once

#include <cli/doctor/finding.hpp>

#include <string>
#include <vector>

namespace xenpv::cli {

struct context;
struct machine;

struct doctor_options {
	bool all = false; // say what is fine, too
};

void run_doctor(context &ctx, const doctor_options &options);

// before and after are two surveys of the same machine.
std::vector<finding> examine(const context &ctx, const machine &before, const machine &after);
std::string describe(const context &ctx, const std::vector<finding> &findings, bool all);

} // namespace xenpv::cli
