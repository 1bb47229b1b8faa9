// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/svg.hpp>

#include <cli/bench/statistics.hpp>

#include <fmt/format.h>

namespace xenpv::cli::report {

std::string escaped(const std::string &text)
{
	std::string out;
	for (const char c : text) {
		switch (c) {
		case '&':
			out += "&amp;";
			break;
		case '<':
			out += "&lt;";
			break;
		case '>':
			out += "&gt;";
			break;
		case '"':
			out += "&quot;";
			break;
		default:
			out += static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' ? ' ' : c;
		}
	}
	return out;
}

std::string at(double value)
{
	return fmt::format("{:.1f}", value);
}

std::string text_at(double x, double y, const std::string &text, const std::string &style, anchor where)
{
	const char *side = where == anchor::start ? "start" : where == anchor::middle ? "middle" : "end";
	return fmt::format("<text x=\"{}\" y=\"{}\" class=\"{}\" text-anchor=\"{}\">{}</text>", at(x), at(y), style,
			   side, escaped(text));
}

std::string duration(double us)
{
	if (us >= 1e6)
		return bench::figure(us / 1e6) + " s";
	return us >= 1e3 ? bench::figure(us / 1e3) + " ms" : bench::figure(us) + " us";
}

std::string fitted(const std::string &text, size_t characters)
{
	size_t seen = 0, end = 0;
	for (size_t i = 0; i < text.size(); ++i) {
		if ((text[i] & 0xc0) == 0x80)
			continue;
		if (++seen == characters)
			end = i;
	}
	return seen <= characters ? text : text.substr(0, end) + "…";
}

std::string picture(double height, const std::string &title, const std::string &content)
{
	return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"><title>{}</title>{}</svg>\n",
			   at(width), at(height), escaped(title), escaped(title), content);
}

} // namespace xenpv::cli::report
