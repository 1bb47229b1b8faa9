// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/bars.hpp>

#include <cli/report/svg.hpp>

#include <algorithm>
#include <fmt/format.h>

namespace xenpv::cli::report {
namespace {

constexpr double line = 24, thick = 15, gap = 8, margin = 6;
constexpr double letter = 6.4; // width of the mean letter at 12 units, a little more than fonts have

double most(const bar &one)
{
	return one.runs.empty() ? one.value : std::max(one.value, *std::max_element(one.runs.begin(), one.runs.end()));
}

std::string spread(const bar &one, double left, double scale, double middle)
{
	if (one.runs.size() < 2)
		return "";
	const auto [least, greatest] = std::minmax_element(one.runs.begin(), one.runs.end());
	const double a = left + *least * scale, b = left + *greatest * scale;
	std::string all = fmt::format("<path class=\"whisker\" d=\"M{0} {2}H{1}M{0} {3}V{4}M{1} {3}V{4}\"/>", at(a),
				      at(b), at(middle), at(middle - 4), at(middle + 4));
	for (const double run : one.runs)
		all += fmt::format("<circle class=\"run\" cx=\"{}\" cy=\"{}\" r=\"1.8\"/>", at(left + run * scale),
				   at(middle));
	return all;
}

} // namespace

std::string bar_chart(const std::string &title, const std::vector<bar> &bars, double label_width)
{
	double greatest = 0;
	size_t longest = 0;
	for (const bar &one : bars) {
		greatest = std::max(greatest, most(one));
		longest = std::max(longest, one.text.size());
	}
	const double left = label_width + margin;
	const double room = width - left - static_cast<double>(longest) * letter - 2 * margin;
	const double scale = greatest > 0 ? std::max(room, 40.0) / greatest : 0;
	std::string content;
	double y = 2;
	for (const bar &one : bars) {
		y += one.apart ? gap : 0;
		const double middle = y + line / 2;
		const double length = std::max(one.value * scale, 1.0); // a sliver is something, too
		content += text_at(label_width, middle + 4,
				   fitted(one.label, static_cast<size_t>(label_width / letter)), "label", anchor::end);
		content += fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"1.5\"/>",
				       one.colour, at(left), at(middle - thick / 2), at(length), at(thick));
		content += spread(one, left, scale, middle);
		content += text_at(left + std::max(most(one) * scale, length) + margin, middle + 4, one.text, "value");
		y += line;
	}
	content += fmt::format("<path class=\"axis\" d=\"M{} 2V{}\"/>", at(left), at(y));
	return picture(y + 2, title, content);
}

} // namespace xenpv::cli::report
