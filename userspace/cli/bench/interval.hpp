// SPDX-License-Identifier: GPL-2.0-only
// Ratios of runs, with the interval in which the true ratio lies in 95 of 100 cases: Student's, over the logarithms, for
// ratios multiply. tests/bench/interval.py says why, and computes the same.
#pragma once
#include <optional>
#include <utility>
#include <vector>

namespace xenpv::cli::bench {

struct interval {
	double value;
	double low;
	double high;

	// Whether it lies wholly above 1 or below it.
	[[nodiscard]] bool shows_difference() const { return low > 1 || high < 1; }
};

// How many standard errors the interval of 95 % reaches to each side. A fraction of a degree of freedom is left out.
[[nodiscard]] double student(double freedom);

// Of turns: the first of each pair over the second. None of fewer than two, or where a run came to nothing.
[[nodiscard]] std::optional<interval> paired_ratio(const std::vector<std::pair<double, double>> &turns);

// Of runs at different times, which are no pairs (Welch): the first over the second.
[[nodiscard]] std::optional<interval> ratio_of_groups(const std::vector<double> &of, const std::vector<double> &over);

} // namespace xenpv::cli::bench
