// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/results.hpp>

#include <algorithm>
#include <array>
#include <string_view>

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

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> loads = {
	{{"none", ""}, {"dom0", "dom0 busy"}, {"guest", "another guest computing"}}};

} // namespace

row make_row(std::string workload, std::string device, std::string metric, std::string unit,
	     const std::vector<double> &runs)
{
	row made{std::move(workload), std::move(device), std::move(metric), std::move(unit), {}};
	for (const double run : runs) {
		made.runs.push_back(rounded(run));
		made.turns.push_back(static_cast<unsigned>(made.runs.size()));
	}
	made.spread = summarise(runs);
	return made;
}

const row *find(const results &in, const std::string &workload, const std::string &device, const std::string &metric,
		const std::string &load)
{
	const auto found = std::find_if(in.rows.begin(), in.rows.end(), [&](const row &r) {
		return r.workload == workload && r.device == device && r.metric == metric && r.load == load;
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

std::vector<measurement> measurements(const results &in)
{
	std::vector<measurement> found;
	for (const std::string &workload : workloads(in))
		for (const row &r : in.rows)
			if (const measurement one{workload, r.load};
			    r.workload == workload && std::find(found.begin(), found.end(), one) == found.end())
				found.push_back(one);
	return found;
}

std::string describe_load(const std::string &load)
{
	const auto found = std::find_if(loads.begin(), loads.end(), [&](const auto &one) { return one.first == load; });
	return found == loads.end() ? load : std::string(found->second);
}

std::string describe(const measurement &one)
{
	const std::string load = describe_load(one.load);
	return one.workload + (load.empty() ? "" : ", " + load);
}

std::vector<counter> all_counts(const row &of)
{
	std::vector<counter> all = of.counters;
	for (const auto *counts : {&of.cost, &of.causes})
		for (const auto &[name, value] : *counts)
			all.push_back({"of the whole machine, per request or packet", name, value});
	return all;
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
