// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/series.hpp>

#include <cli/bench/table.hpp>

#include <algorithm>
#include <filesystem>
#include <map>

namespace xenpv::cli::report {
namespace {

// Emulated ones are grey, the kernel's own pair blue, ours orange: the same on every page.
std::string family_of(const std::string &device)
{
	const std::string kind = bench::kind_of(device);
	if (bench::is_emulated(kind))
		return "grey";
	return kind == "intree" ? "blue" : kind == "xenpv" ? "orange" : "green";
}

} // namespace

std::vector<std::string> short_names(const std::vector<std::string> &paths)
{
	std::vector<std::string> names;
	for (const std::string &path : paths)
		names.push_back(std::filesystem::path(path).stem().string());
	std::vector<std::string> unique = names;
	std::sort(unique.begin(), unique.end());
	return std::adjacent_find(unique.begin(), unique.end()) == unique.end() ? names : paths;
}

bool is_network(const std::string &workload)
{
	return workload.starts_with("TCP") || workload.starts_with("UDP");
}

std::vector<series> all_series(const std::vector<source> &sources, bool network)
{
	constexpr int shades = 3;
	std::vector<series> found;
	std::map<std::string, int> used;
	for (const source &one : sources) {
		bench::results half;
		for (const bench::row &r : one.content.rows)
			if (is_network(r.workload) == network)
				half.rows.push_back(r);
		const std::string base = bench::base_of(half);
		for (const std::string &device : bench::devices(half)) {
			const std::string family = family_of(device);
			found.push_back({&one, device, sources.size() > 1 ? device + ", " + one.name : device,
					 family + std::to_string(used[family]++ % shades), device == base ? "" : base});
		}
	}
	return found;
}

std::vector<std::string> workloads_of(const std::vector<source> &sources, bool network)
{
	std::vector<std::string> found;
	for (const source &one : sources)
		for (const std::string &workload : bench::workloads(one.content))
			if (is_network(workload) == network &&
			    std::find(found.begin(), found.end(), workload) == found.end())
				found.push_back(workload);
	return found;
}

double ratio_of(const series &of, const bench::row &row)
{
	const bench::row *base =
		of.base.empty() ? nullptr : bench::find(of.from->content, row.workload, of.base, row.metric);
	return base ? bench::times_better(row.metric, row.spread.median, base->spread.median) : 0;
}

} // namespace xenpv::cli::report
