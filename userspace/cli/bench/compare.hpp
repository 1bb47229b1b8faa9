// SPDX-License-Identifier: GPL-2.0-only
// Two results files against each other.
#pragma once
#include <cli/bench/results.hpp>

#include <string>
#include <utility>
#include <vector>

namespace xenpv::cli::bench {

enum class verdict { better, worse, within_spread };

struct compared {
	const row *a;
	const row *b;
	double ratio; // how many times better b is; 0 when a or b is nothing
	verdict what; // within_spread: the ranges share a value
};

struct comparison {
	std::vector<compared> both;
	std::vector<const row *> only_a, only_b;
	std::vector<std::string> differences; // of the environment: "kernel: 6.1.1, 6.12.3"
};

// Rows of the same workload, device and metric. Where each file has one PV device, those are compared although one is
// in-tree and the other ours. Points into a and b.
[[nodiscard]] comparison compare(const results &a, const results &b);

[[nodiscard]] std::string compare_table(const comparison &of, const std::string &name_a, const std::string &name_b);
[[nodiscard]] std::string compare_json(const comparison &of);

} // namespace xenpv::cli::bench
