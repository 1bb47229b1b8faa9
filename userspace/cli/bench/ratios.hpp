// SPDX-License-Identifier: GPL-2.0-only
// How many times better one device of a results file is than another, as tables and pages show it.
#pragma once
#include <cli/bench/interval.hpp>
#include <cli/bench/results.hpp>

#include <optional>
#include <string>
#include <vector>

namespace xenpv::cli::bench {

struct times_better_than {
	std::string base;
	double value; // of the turns; of the medians where there is no interval
	std::optional<interval> span;
};

// The devices that this one is compared with: the first emulated one of these results; ours also with the kernel's own
// pair, and with dom0 itself, the ceiling.
[[nodiscard]] std::vector<std::string> bases_of(const results &in, const std::string &device);

// None where the base has no such row, or either came to nothing.
[[nodiscard]] std::optional<times_better_than> compare_with(const results &in, const row &of, const std::string &base);

// "1.81x (1.72-1.90)", "no difference shown (0.93-1.04)"; "1.81x" where there is no interval.
[[nodiscard]] std::string told(double value, const std::optional<interval> &span);

[[nodiscard]] std::string with_interval(double value, const std::optional<interval> &span);

} // namespace xenpv::cli::bench
