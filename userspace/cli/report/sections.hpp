// SPDX-License-Identifier: GPL-2.0-only
// The parts of the page; each is empty when there is nothing to show in it.
#pragma once
#include <cli/report/series.hpp>

#include <string>
#include <vector>

namespace xenpv::cli::report {

// One half: the disks or the network.
struct half {
	const std::vector<source> &sources;
	bool network;
	std::vector<series> shown;
	std::vector<bench::measurement> measured;
};

[[nodiscard]] half half_of(const std::vector<source> &sources, bool network);

[[nodiscard]] std::string warnings(const std::vector<source> &sources);
[[nodiscard]] std::string legend(const half &of);
[[nodiscard]] std::string summary_table(const half &of);
[[nodiscard]] std::string throughput(const half &of); // or packets, or round trips
[[nodiscard]] std::string latencies(const half &of);
[[nodiscard]] std::string costs(const half &of);
[[nodiscard]] std::string circumstances(const std::vector<source> &sources);

} // namespace xenpv::cli::report
