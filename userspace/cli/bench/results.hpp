// SPDX-License-Identifier: GPL-2.0-only
// What was measured: the model behind a results file.
#pragma once
#include <cli/bench/statistics.hpp>

#include <string>
#include <utility>
#include <vector>

namespace xenpv::cli::bench {

// What one request or packet cost, by the drivers' or the kernel's own counters.
struct counter {
	std::string unit; // "per request", "per packet"
	std::string name;
	double value;
};

// Shares of all requests, which sum to 1, by how long they took.
struct histogram {
	std::vector<double> upper; // of each bar, in us, ascending
	std::vector<double> share;
	[[nodiscard]] bool empty() const { return upper.empty(); }
};

struct row {
	std::string workload;
	std::string device; // "emulated", "intree", "xenpv"; with a name behind where there are several
	std::string metric; // "bandwidth", "iops", "packets", "latency", "latency p99"
	std::string unit;
	std::vector<double> runs;
	summary spread{};
	std::vector<counter> counters{};
	histogram latencies{};
};

struct results {
	// Pairs in the order in which they are to be shown; nested values have been made text.
	std::vector<std::pair<std::string, std::string>> environment;
	std::vector<row> rows;
};

[[nodiscard]] row make_row(std::string workload, std::string device, std::string metric, std::string unit,
			   const std::vector<double> &runs);

// Null for what was not measured.
[[nodiscard]] const row *find(const results &in, const std::string &workload, const std::string &device,
			      const std::string &metric);

// Without repeats, in order of appearance.
[[nodiscard]] std::vector<std::string> workloads(const results &in);
[[nodiscard]] std::vector<std::string> devices(const results &in);

// What a device's label begins with: "emulated" of "emulated sda".
[[nodiscard]] std::string kind_of(const std::string &device);

// Of a row's metric: what the workload is about, not the latencies that were measured beside it.
[[nodiscard]] bool is_headline(const row &r);

} // namespace xenpv::cli::bench
