// SPDX-License-Identifier: GPL-2.0-only
// xenpv status: modes, disks and NICs, and what serves them.
#pragma once

#include <cstdint>
#include <string>

namespace xenpv::cli {

struct context;
struct machine;

struct status_options {
	double watch = 0; // seconds between two looks; 0: once
	std::uint64_t count = 0; // looks, with watch; 0: until interrupted
};

void run_status(context &ctx, const status_options &options);

// For people.
std::string describe(const context &ctx, const machine &m);
// What happened between two looks, as a table.
std::string describe_rates(const context &ctx, const machine &before, const machine &after, double seconds);

} // namespace xenpv::cli
