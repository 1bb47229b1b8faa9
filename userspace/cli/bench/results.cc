// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/results.hpp>

#include <algorithm>

namespace xenpv::cli::bench {
namespace {

std::vector<std::string> distinct(const results &in, std::string row::*member)
{
	std::vector<std::string> found;
	for (const row &r : in.rows)
		if (std::find(found.begin(), found.end(), r.*member) == found.end())
			found.push_back(r.*member);
	return found;
}

} // namespace

row make_row(std::string workload, std::string device, std::string metric, std::string unit,
	     const std::vector<double> &runs)
{
	row made{std::move(workload), std::move(device), std::move(metric), std::move(unit), {}};
	for (const double run : runs)
		made.runs.push_back(rounded(run));
	made.spread = summarise(runs);
	return made;
}

const row *find(const results &in, const std::string &workload, const std::string &device, const std::string &metric)
{
	const auto found = std::find_if(in.rows.begin(), in.rows.end(), [&](const row &r) {
		return r.workload == workload && r.device == device && r.metric == metric;
	});
	return found == in.rows.end() ? nullptr : &*found;
}

std::vector<std::string> workloads(const results &in)
{
	return distinct(in, &row::workload);
}

std::vector<std::string> devices(const results &in)
{
	return distinct(in, &row::device);
}

std::string kind_of(const std::string &device)
{
	return device.substr(0, device.find(' '));
}

bool is_headline(const row &r)
{
	return !r.metric.starts_with("latency ");
}

} // namespace xenpv::cli::bench
