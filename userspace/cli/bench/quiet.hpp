// SPDX-License-Identifier: GPL-2.0-only
// Whether the machine had time for nothing else: a fixed piece of work is timed on each CPU before, between and after
// the rounds, and what the hypervisor took away meanwhile is counted.
#pragma once
#include <cli/bench/counters.hpp>
#include <cli/bench/results.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <vector>

namespace xenpv::cli::bench {

// Milliseconds that the work takes on a CPU, the median of some times; 0 where it may not run.
[[nodiscard]] double time_work(unsigned cpu);

class quiet_watch {
public:
	explicit quiet_watch(std::filesystem::path root, std::function<double(unsigned)> work = time_work);

	// With nothing else to do: otherwise it is what is timed.
	void probe();

	[[nodiscard]] calibration result() const;

private:
	[[nodiscard]] readings now() const;

	std::filesystem::path root_;
	std::function<double(unsigned)> work_;
	readings began_;
	std::map<unsigned, std::vector<double>> times_; // by CPU
};

} // namespace xenpv::cli::bench
