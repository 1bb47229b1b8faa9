// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/samples.hpp>

#include <algorithm>

namespace xenpv::cli::bench {

samples::gathered &samples::of(const std::string &workload, const std::string &device, const std::string &metric,
			       const std::string &unit)
{
	const auto found = std::find_if(all_.begin(), all_.end(), [&](const gathered &one) {
		return one.workload == workload && one.device == device;
	});
	if (found != all_.end())
		return *found;
	return all_.emplace_back(gathered{workload, device, metric, unit});
}

void samples::add(const disk_job &job, const std::string &device, const disk_sample &one, std::vector<counter> costs)
{
	gathered &to = of(job.workload, device, job.metric, job.unit);
	to.values.push_back(one.value);
	for (const auto &[name, us] : one.latency)
		to.latency[name].push_back(us);
	for (const auto &[bin, count] : one.bins)
		to.bins[bin] += count;
	to.costs.push_back(std::move(costs));
}

void samples::add(const net_job &job, const std::string &device, double value, std::vector<counter> costs)
{
	gathered &to = of(job.workload, device, job.metric, job.unit);
	to.values.push_back(value);
	to.costs.push_back(std::move(costs));
}

std::vector<row> samples::rows() const
{
	std::vector<row> made;
	for (const gathered &one : all_) {
		row &headline = made.emplace_back(make_row(one.workload, one.device, one.metric, one.unit, one.values));
		headline.counters = medians(one.costs);
		headline.latencies = to_histogram(one.bins);
		for (const auto &[name, values] : one.latency)
			made.push_back(make_row(one.workload, one.device, "latency " + name, "us", values));
	}
	return made;
}

} // namespace xenpv::cli::bench
