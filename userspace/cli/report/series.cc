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
	if (kind == "dom0")
		return "ink"; // the ceiling
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
		for (const std::string &device : bench::devices(half)) {
			const std::string family = family_of(device);
			found.push_back({&one, device, sources.size() > 1 ? device + ", " + one.name : device,
					 family + std::to_string(used[family]++ % shades),
					 bench::bases_of(half, device)});
		}
	}
	return found;
}

std::vector<bench::measurement> measurements_of(const std::vector<source> &sources, bool network)
{
	bench::results all;
	for (const source &one : sources)
		for (const bench::row &r : one.content.rows)
			if (is_network(r.workload) == network)
				all.rows.push_back(r);
	return bench::measurements(all);
}

std::vector<bench::times_better_than> ratios_of(const series &of, const bench::row &row)
{
	std::vector<bench::times_better_than> found;
	for (const std::string &base : of.bases)
		if (const auto ratio = bench::compare_with(of.from->content, row, base))
			found.push_back(*ratio);
	return found;
}

} // namespace xenpv::cli::report
