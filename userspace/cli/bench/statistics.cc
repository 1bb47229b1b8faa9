// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/statistics.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace xenpv::cli::bench {
namespace {

std::string printed(const char *format, double value)
{
	char text[64];
	(void)std::snprintf(text, sizeof text, format, value);
	return text;
}

} // namespace

summary summarise(const std::vector<double> &runs)
{
	std::vector<double> sorted = runs;
	std::sort(sorted.begin(), sorted.end());
	const size_t half = sorted.size() / 2;
	const double median = sorted.size() % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
	return {median, sorted.front(), sorted.back()};
}

double rounded(double value)
{
	return std::round(value * 1e4) / 1e4;
}

bool is_duration(const std::string &metric)
{
	return metric.starts_with("latency");
}

double times_better(const std::string &metric, double ours, double theirs)
{
	if (ours <= 0 || theirs <= 0)
		return 0;
	return is_duration(metric) ? theirs / ours : ours / theirs;
}

std::string figure(double value)
{
	return printed(std::fabs(value) >= 1000 ? "%.0f" : "%.4g", value);
}

std::string times(double ratio)
{
	if (ratio <= 0)
		return "-";
	return printed(ratio >= 99.95 ? "%.0fx" : ratio >= 9.995 ? "%.1fx" : "%.2fx", ratio);
}

} // namespace xenpv::cli::bench
