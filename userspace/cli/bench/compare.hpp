// SPDX-License-Identifier: GPL-2.0-only
// Two results files against each other.
#pragma once
#include <cli/bench/ratios.hpp>

#include <string>
#include <utility>
#include <vector>

namespace xenpv::cli::bench {

enum class verdict { better, worse, no_difference, not_told };

struct compared {
	const row *a;
	const row *b;
	double ratio; // how many times better b is; 0 when a or b is nothing
	std::optional<interval> span; // runs of different files are no pairs; none of single runs
	verdict what;
};

// A ratio that each file has within itself, of turns: it is what repeats from day to day.
struct inner {
	const row *a;
	const row *b;
	times_better_than of_a, of_b;
	[[nodiscard]] bool known() const { return of_a.span && of_b.span; }
	[[nodiscard]] bool agree() const
	{
		return of_a.span->low <= of_b.span->high && of_b.span->low <= of_a.span->high;
	}
};

struct comparison {
	std::vector<compared> both;
	std::vector<inner> within;
	std::vector<const row *> only_a, only_b;
	std::vector<std::string> differences; // of the environment: "kernel: 6.1.1, 6.12.3"
	std::string unquiet; // of either machine, for people
};

// Rows of the same workload, load, device and metric. Where each file has one PV device, those are compared although
// one is in-tree and the other ours. Points into a and b.
[[nodiscard]] comparison compare(const results &a, const results &b);

[[nodiscard]] std::string compare_table(const comparison &of, const std::string &name_a, const std::string &name_b);
[[nodiscard]] std::string compare_json(const comparison &of);

} // namespace xenpv::cli::bench
