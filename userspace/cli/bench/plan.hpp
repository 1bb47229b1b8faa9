// SPDX-License-Identifier: GPL-2.0-only
// Who is measured when: one round of warm-up that does not count, then rounds in which the devices take turns at each
// job, so that what changes on the machine meanwhile meets all of them.
#pragma once
#include <cli/bench/devices.hpp>
#include <cli/bench/jobs.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace xenpv::cli::bench {

struct disk_part {
	device disk;
	bool writes; // whether the jobs that write are done too
};

struct turn {
	bool network;
	size_t job; // of disk_jobs() or net_jobs()
	size_t device;
	unsigned round; // 0 is the warm-up
	unsigned seconds;
};

// Which jobs: all, or those whose workload has one of these words in it.
[[nodiscard]] bool is_chosen(const std::string &workload, const std::vector<std::string> &words);

struct durations {
	unsigned runtime = 5;
	unsigned repeats = 5; // of three, ratios are known within a factor of two at best
	unsigned warmup = 1;
};

[[nodiscard]] std::vector<turn> make_plan(const std::vector<disk_part> &disks, size_t nics, const durations &take,
					  const std::vector<std::string> &jobs = {});

// Of the turns from `first` on, with what starting and ending a program takes.
[[nodiscard]] double seconds_of(const std::vector<turn> &plan, size_t first = 0);

// "5 min 20 s".
[[nodiscard]] std::string span(double seconds);

} // namespace xenpv::cli::bench
