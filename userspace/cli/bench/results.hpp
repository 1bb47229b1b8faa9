// SPDX-License-Identifier: GPL-2.0-only
// What was measured: the model behind a results file.
#pragma once
#include <cli/bench/statistics.hpp>

#include <optional>
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
	std::string load = "none"; // what else the machine did: "none", "dom0", "guest"
	std::vector<unsigned> turns{}; // in which each run was, ascending; those of one turn are neighbours in time
	// Of the whole machine, per request or packet: what it cost ("instructions"), and what it caused ("hypercalls").
	std::vector<std::pair<std::string, double>> cost{}, causes{};
};

// What a run of a benchmark found about its machine.
struct calibration {
	bool quiet;
	std::vector<std::string> why; // it was not
};

// What is measured in one row of a table.
struct measurement {
	std::string workload;
	std::string load;
	[[nodiscard]] bool operator==(const measurement &) const = default;
};

struct results {
	// Pairs in the order in which they are to be shown; nested values have been made text.
	std::vector<std::pair<std::string, std::string>> environment;
	std::vector<row> rows{};
	std::optional<calibration> machine{};
	std::vector<std::string> notes{}; // about the file it was read from
};

[[nodiscard]] row make_row(std::string workload, std::string device, std::string metric, std::string unit,
			   const std::vector<double> &runs);

// Null for what was not measured.
[[nodiscard]] const row *find(const results &in, const std::string &workload, const std::string &device,
			      const std::string &metric, const std::string &load = "none");

// Without repeats, in order of appearance.
[[nodiscard]] std::vector<std::string> workloads(const results &in);
// The same with their loads, each workload's behind each other.
[[nodiscard]] std::vector<measurement> measurements(const results &in);
[[nodiscard]] std::vector<std::string> devices(const results &in);

// What a device's label begins with: "emulated" of "emulated sda".
[[nodiscard]] std::string kind_of(const std::string &device);

// For people: "dom0 busy" of "dom0"; empty of none.
[[nodiscard]] std::string describe_load(const std::string &load);
[[nodiscard]] std::string describe(const measurement &one);

// Counters, cost and causes, for those to whom one is like another.
[[nodiscard]] std::vector<counter> all_counts(const row &of);

// Of a row's metric: what the workload is about, not the latencies that were measured beside it.
[[nodiscard]] bool is_headline(const row &r);

} // namespace xenpv::cli::bench
