// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/latencies.hpp>

#include <cli/report/svg.hpp>

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace xenpv::cli::report {
namespace {

constexpr double height = 190, left = 40, right = 466, top = 10, bottom = 156;
constexpr double negligible = 0.0002; // a single request among thousands is not to stretch the axis

struct frame {
	double low, high; // log10 of us
	double most; // share

	[[nodiscard]] double x(double us) const
	{
		return left + (std::log10(us) - low) / (high - low) * (right - left);
	}
	[[nodiscard]] double y(double share) const { return bottom - share / most * (bottom - top); }
};

// The lower end of a bar: bars are equally wide on this axis.
double lower(const bench::histogram &of, size_t i)
{
	if (i != 0)
		return of.upper[i - 1];
	return of.upper.size() > 1 ? of.upper[0] * of.upper[0] / of.upper[1] : of.upper[0] / 2;
}

frame fit(const std::vector<curve> &curves)
{
	frame made{9, -3, 0};
	for (const curve &one : curves)
		for (size_t i = 0; i < one.of->upper.size(); ++i) {
			made.most = std::max(made.most, one.of->share[i]);
			if (one.of->share[i] < negligible)
				continue;
			made.low = std::min(made.low, std::log10(lower(*one.of, i)));
			made.high = std::max(made.high, std::log10(one.of->upper[i]));
		}
	// At least a decade, so that there are two figures at the axis.
	const double more = std::max(0.0, 1.05 - (made.high - made.low)) / 2;
	return {made.low - more, made.high + more, made.most};
}

std::string shape(const curve &one, const frame &in)
{
	std::string line;
	for (size_t i = 0; i < one.of->upper.size(); ++i) {
		const double from = std::max(in.x(lower(*one.of, i)), left),
			     to = std::min(in.x(one.of->upper[i]), right);
		if (to <= left || from >= right)
			continue;
		if (line.empty())
			line = fmt::format("M{} {}", at(from), at(bottom));
		line += fmt::format("V{}H{}", at(in.y(one.of->share[i])), at(to));
	}
	return line.empty() ? "" : fmt::format("<path class=\"curve {}\" d=\"{}V{}\"/>", one.colour, line, at(bottom));
}

std::string axes(const frame &in)
{
	std::string content;
	const double step = in.most > 0.5 ? 0.25 : in.most > 0.2 ? 0.1 : in.most > 0.08 ? 0.05 : 0.02;
	for (double share = step; share <= in.most; share += step)
		content += fmt::format("<path class=\"grid\" d=\"M{} {}H{}\"/>", at(left), at(in.y(share)), at(right)) +
			   text_at(left - 5, in.y(share) + 4, fmt::format("{:.0f}%", share * 100), "tick", anchor::end);
	// Between the powers of ten only where there is room.
	const bool fine = in.high - in.low < 2.6;
	for (int power = static_cast<int>(std::floor(in.low)); power <= static_cast<int>(std::ceil(in.high)); ++power)
		for (const double digit : {1.0, 2.0, 5.0}) {
			const double us = digit * std::pow(10, power);
			if ((digit > 1 && !fine) || in.x(us) < left || in.x(us) > right)
				continue;
			content += fmt::format("<path class=\"grid\" d=\"M{0} {1}V{2}\"/>", at(in.x(us)), at(top),
					       at(bottom)) +
				   text_at(std::clamp(in.x(us), left + 8, right - 12), bottom + 15, duration(us),
					   "tick", anchor::middle);
		}
	content +=
		fmt::format("<path class=\"axis\" d=\"M{0} {1}V{2}H{3}\"/>", at(left), at(top), at(bottom), at(right));
	return content + text_at((left + right) / 2, height - 3, "time of a request, and the share that took it",
				 "tick", anchor::middle);
}

} // namespace

std::string latency_chart(const std::string &title, const std::vector<curve> &curves)
{
	const frame in = fit(curves);
	if (in.most <= 0 || in.high <= in.low)
		return "";
	std::string content = axes(in);
	for (const curve &one : curves)
		content += shape(one, in);
	return picture(height, title, content);
}

} // namespace xenpv::cli::report
