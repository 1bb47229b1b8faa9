// SPDX-License-Identifier: GPL-2.0-only
// A whole benchmark: what is there is found and checked, then measured turn by turn.
#pragma once
#include <cli/bench/guard.hpp>
#include <cli/bench/measure.hpp>
#include <cli/bench/plan.hpp>
#include <cli/bench/progress.hpp>
#include <cli/bench/results.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace xenpv::cli::bench {

struct wishes {
	std::vector<std::string> disks; // by name; empty: what is found
	std::vector<std::string> nics;
	std::vector<std::string> force_write; // disks whose content may go; a path for each
	std::string server;
	unsigned port = 5201;
	std::string only; // "disk", "network" or empty
	std::vector<std::string> jobs; // words of workloads; empty: all
	bool reads_only = false;
	durations take;
};

struct preparation {
	std::vector<disk_part> disks;
	std::vector<claim> claims; // of the disks that are written to
	std::vector<device> nics;
	std::vector<net_end> ends; // of the NICs
	iperf_abilities can;
	std::vector<std::string> notes; // what the user should know before it begins
};

// The address of an interface, of the family of IPv6 or not; empty when it has none.
using address_of = std::function<std::string(const std::string &nic, bool six)>;
[[nodiscard]] std::string system_address(const std::string &nic, bool six);

// Changes nothing, but holds the disks that will be written to. Throws failure when it cannot or must not be done.
[[nodiscard]] preparation prepare(const wishes &what, const std::filesystem::path &root, const run_tool &run,
				  const address_of &address);

// Runs the plan; `save` is called after each round that counts, with what there is. Throws interrupted, or failure
// when a turn went wrong; what was measured until then has been saved.
void measure_all(const preparation &what, const std::vector<turn> &plan, measurer &by, progress &shown,
		 const std::function<void(const samples &)> &save);

} // namespace xenpv::cli::bench
