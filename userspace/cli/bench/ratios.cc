// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/ratios.hpp>
#include <cli/bench/table.hpp>

#include <algorithm>

namespace xenpv::cli::bench {
namespace {

// Of the turns that both have; the other way about where less is better.
std::vector<std::pair<double, double>> turns_of(const row &of, const row &base)
{
	std::vector<std::pair<double, double>> pairs;
	for (size_t i = 0; i < of.runs.size(); ++i) {
		const auto same = std::find(base.turns.begin(), base.turns.end(), of.turns[i]);
		if (same == base.turns.end())
			continue;
		const double theirs = base.runs[static_cast<size_t>(same - base.turns.begin())];
		pairs.emplace_back(of.runs[i], theirs);
		if (is_duration(of.metric))
			std::swap(pairs.back().first, pairs.back().second);
	}
	return pairs;
}

std::string bounds(const interval &span)
{
	const auto bare = [](double ratio) {
		const std::string text = times(ratio);
		return text.substr(0, text.size() - 1);
	};
	return " (" + bare(span.low) + "-" + bare(span.high) + ")";
}

} // namespace

std::vector<std::string> bases_of(const results &in, const std::string &device)
{
	std::vector<std::string> found;
	if (kind_of(device) == "dom0")
		return found;
	if (const std::string base = base_of(in); !base.empty() && base != device)
		found.push_back(base);
	if (kind_of(device) != "xenpv")
		return found;
	for (const char *kind : {"intree", "dom0"})
		for (const std::string &other : devices(in))
			if (kind_of(other) == kind && std::find(found.begin(), found.end(), other) == found.end()) {
				found.push_back(other);
				break;
			}
	return found;
}

std::optional<times_better_than> compare_with(const results &in, const row &of, const std::string &base)
{
	const row *other = find(in, of.workload, base, of.metric, of.load);
	if (!other)
		return std::nullopt;
	const std::optional<interval> span = paired_ratio(turns_of(of, *other));
	const double value = span ? span->value : times_better(of.metric, of.spread.median, other->spread.median);
	if (value <= 0)
		return std::nullopt;
	return times_better_than{base, value, span};
}

std::string told(double value, const std::optional<interval> &span)
{
	return span && !span->shows_difference() ? "no difference shown" + bounds(*span) : with_interval(value, span);
}

std::string with_interval(double value, const std::optional<interval> &span)
{
	return times(value) + (span ? bounds(*span) : "");
}

} // namespace xenpv::cli::bench
