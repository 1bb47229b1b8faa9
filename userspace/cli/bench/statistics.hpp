// SPDX-License-Identifier: GPL-2.0-only
// What is made of the repeats of one measurement.
#pragma once
#include <string>
#include <vector>

namespace xenpv::cli::bench {

struct summary {
	double median;
	double min;
	double max;
};

// Of at least one run. The median, not the mean: one run that something disturbed is not to show.
[[nodiscard]] summary summarise(const std::vector<double> &runs);

// Four decimals, as results files have them.
[[nodiscard]] double rounded(double value);

// Whether less is better.
[[nodiscard]] bool is_duration(const std::string &metric);

// How many times better `ours` is than `theirs`; 0 where that cannot be said.
[[nodiscard]] double times_better(const std::string &metric, double ours, double theirs);

// As tables and charts show a value: whole from 1000 on, else four digits.
[[nodiscard]] std::string figure(double value);

// A ratio, as in "1.97x", "17.1x", "217x"; "-" for 0.
[[nodiscard]] std::string times(double ratio);

} // namespace xenpv::cli::bench
