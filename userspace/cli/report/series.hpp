// SPDX-License-Identifier: GPL-2.0-only
// What is drawn beside each other: the devices of one file or of several.
#pragma once
#include <cli/bench/ratios.hpp>

#include <string>
#include <vector>

namespace xenpv::cli::report {

struct source {
	std::string name; // of the file, as short as they can be told apart
	bench::results content;
};

struct series {
	const source *from;
	std::string device;
	std::string label; // the device, and the file where there are several
	std::string colour; // class of the style sheet
	std::vector<std::string> bases; // devices of the same file that it is compared with
};

// File names without what they share.
[[nodiscard]] std::vector<std::string> short_names(const std::vector<std::string> &paths);

// Of the sources' rows that are of the network or not. Points into sources.
[[nodiscard]] std::vector<series> all_series(const std::vector<source> &sources, bool network);

// What is of the network by its name: TCP and UDP.
[[nodiscard]] bool is_network(const std::string &workload);

// Distinct, in order of appearance over all files, each workload's loads behind each other.
[[nodiscard]] std::vector<bench::measurement> measurements_of(const std::vector<source> &sources, bool network);

// How many times better a row is than its series' bases, of those that have it.
[[nodiscard]] std::vector<bench::times_better_than> ratios_of(const series &of, const bench::row &row);

} // namespace xenpv::cli::report
