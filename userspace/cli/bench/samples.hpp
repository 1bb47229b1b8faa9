// SPDX-License-Identifier: GPL-2.0-only
// What the turns brought, until it becomes rows.
#pragma once
#include <cli/bench/counters.hpp>
#include <cli/bench/fio.hpp>
#include <cli/bench/results.hpp>

#include <map>
#include <string>
#include <vector>

namespace xenpv::cli::bench {

class samples {
public:
	void add(const disk_job &job, const std::string &device, const disk_sample &one, std::vector<counter> costs);
	void add(const net_job &job, const std::string &device, double value, std::vector<counter> costs);

	// In the order of first appearance: a workload's headline with its counters, then its latencies.
	[[nodiscard]] std::vector<row> rows() const;
	[[nodiscard]] bool empty() const { return all_.empty(); }

private:
	struct gathered {
		std::string workload, device, metric, unit;
		std::vector<double> values{};
		std::map<std::string, std::vector<double>> latency{};
		latency_bins bins{};
		std::vector<std::vector<counter>> costs{};
	};

	gathered &of(const std::string &workload, const std::string &device, const std::string &metric,
		     const std::string &unit);

	std::vector<gathered> all_;
};

} // namespace xenpv::cli::bench
