// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/interval.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace xenpv::cli::bench {
namespace {

struct moments {
	double mean;
	double square_error; // of the mean
	double freedom;
};

std::optional<moments> of_logarithms(const std::vector<double> &values)
{
	const auto count = static_cast<double>(values.size());
	if (values.size() < 2 || std::any_of(values.begin(), values.end(), [](double v) { return !(v > 0); }))
		return std::nullopt;
	double sum = 0, squares = 0;
	for (const double value : values)
		sum += std::log(value);
	const double mean = sum / count;
	for (const double value : values)
		squares += (std::log(value) - mean) * (std::log(value) - mean);
	return moments{mean, squares / (count - 1) / count, count - 1};
}

interval around(double mean, double square_error, double freedom)
{
	const double half = student(freedom) * std::sqrt(square_error);
	return {std::exp(mean), std::exp(mean - half), std::exp(mean + half)};
}

} // namespace

double student(double freedom)
{
	constexpr std::array<double, 30> table = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060,
						  2.2622,  2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199,
						  2.1098,  2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639,
						  2.0595,  2.0555, 2.0518, 2.0484, 2.0452, 2.0423};
	if (freedom < 1)
		return table.front();
	if (freedom < table.size() + 1)
		return table.at(static_cast<size_t>(freedom) - 1);
	return 1.95996 + 2.43 / freedom; // within 0.001 of it
}

std::optional<interval> paired_ratio(const std::vector<std::pair<double, double>> &turns)
{
	std::vector<double> ratios;
	for (const auto &[of, over] : turns)
		ratios.push_back(of > 0 && over > 0 ? of / over : 0);
	const auto found = of_logarithms(ratios);
	if (!found)
		return std::nullopt;
	return around(found->mean, found->square_error, found->freedom);
}

std::optional<interval> ratio_of_groups(const std::vector<double> &of, const std::vector<double> &over)
{
	const auto a = of_logarithms(of), b = of_logarithms(over);
	if (!a || !b)
		return std::nullopt;
	const double both = a->square_error + b->square_error;
	const double share =
		a->square_error * a->square_error / a->freedom + b->square_error * b->square_error / b->freedom;
	return around(a->mean - b->mean, both, share > 0 ? both * both / share : a->freedom + b->freedom);
}

} // namespace xenpv::cli::bench
