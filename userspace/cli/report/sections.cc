// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/sections.hpp>

#include <cli/report/bars.hpp>
#include <cli/report/latencies.hpp>
#include <cli/report/svg.hpp>

#include <algorithm>
#include <fmt/format.h>

namespace xenpv::cli::report {
namespace {

constexpr double device_label = 118, workload_label = 190;

std::string figure_box(const std::string &caption, const std::string &aside, const std::string &content)
{
	return fmt::format("<figure><figcaption>{} <small>{}</small></figcaption>\n{}</figure>\n", escaped(caption),
			   escaped(aside), content);
}

const bench::row *headline(const series &of, const bench::measurement &what)
{
	for (const bench::row &r : of.from->content.rows)
		if (r.workload == what.workload && r.load == what.load && r.device == of.device &&
		    bench::is_headline(r))
			return &r;
	return nullptr;
}

std::string section(const char *title, const std::string &text, const std::string &boxes)
{
	return boxes.empty() ? ""
			     : fmt::format("<h3>{}</h3>\n<p class=\"soft\">{}</p>\n<div class=\"charts\">\n{}</div>\n",
					   title, text, boxes);
}

std::string cell(const series &one, const bench::row *r)
{
	if (!r)
		return "<td>-</td>";
	const auto ratios = ratios_of(one, *r);
	std::string lines;
	for (const bench::times_better_than &ratio : ratios)
		lines += "<small>" + escaped(ratio.base) + ": " + bench::told(ratio.value, ratio.span) + "</small>";
	return fmt::format("<td><b>{}</b><small>{} - {}</small>{}</td>", bench::figure(r->spread.median),
			   bench::figure(r->spread.min), bench::figure(r->spread.max), lines);
}

} // namespace

half half_of(const std::vector<source> &sources, bool network)
{
	return {sources, network, all_series(sources, network), measurements_of(sources, network)};
}

std::string warnings(const std::vector<source> &sources)
{
	std::string all;
	for (const source &one : sources) {
		const auto &machine = one.content.machine;
		if (!machine || machine->quiet)
			continue;
		std::string reasons;
		for (const std::string &reason : machine->why)
			reasons += (reasons.empty() ? "" : "; ") + reason;
		all += "<p class=\"warning\"><b>" + escaped(one.name) +
		       ": the machine was not quiet.</b> Figures of such a machine do not repeat: " + escaped(reasons) +
		       ".</p>\n";
	}
	return all;
}

std::string legend(const half &of)
{
	std::string all;
	for (const series &one : of.shown)
		all += fmt::format("<li><i class=\"{}\"></i>{}</li>", one.colour, escaped(one.label));
	return "<ul class=\"legend\">" + all + "</ul>\n";
}

std::string summary_table(const half &of)
{
	std::string rows;
	for (const bench::measurement &what : of.measured) {
		std::string cells, unit;
		for (const series &one : of.shown) {
			const bench::row *r = headline(one, what);
			unit = r ? r->unit : unit;
			cells += cell(one, r);
		}
		rows += fmt::format("<tr><td>{}</td><td>{}</td>{}</tr>\n", escaped(bench::describe(what)),
				    escaped(unit), cells);
	}
	std::string heads;
	for (const series &one : of.shown)
		heads += "<th>" + escaped(one.label) + "</th>";
	std::string note = "Median of the runs; least and most under it";
	if (std::any_of(of.shown.begin(), of.shown.end(), [](const series &s) { return !s.bases.empty(); }))
		note += "; then how many times better than another device, of neighbouring turns, with the interval of "
			"95 %";
	return fmt::format(
		"<p class=\"soft\">{}.</p>\n<div class=\"scroll\"><table><thead><tr><th>workload</th><th>unit</th>{}"
		"</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
		escaped(note), heads, rows);
}

std::string throughput(const half &of)
{
	std::string boxes;
	for (const bench::measurement &what : of.measured) {
		std::vector<bar> bars;
		std::string unit, metric;
		for (const series &one : of.shown)
			if (const bench::row *r = headline(one, what)) {
				unit = r->unit;
				metric = r->metric;
				const auto ratios = ratios_of(one, *r);
				bars.push_back(
					{one.label, one.colour, r->spread.median, r->runs,
					 bench::figure(r->spread.median) +
						 (ratios.empty() ? "" : " (" + bench::times(ratios[0].value) + ")")});
			}
		boxes +=
			figure_box(bench::describe(what), unit + (bench::is_duration(metric) ? ", less is better" : ""),
				   bar_chart(bench::describe(what) + ", " + unit, bars, device_label));
	}
	return section("Workloads", "Bars are medians, rings the single runs, and the line through them their spread.",
		       boxes);
}

namespace {

std::string percentile_table(const half &of, const bench::measurement &what)
{
	constexpr const char *names[] = {"p50", "p99", "p99.9"};
	std::string rows;
	for (const series &one : of.shown) {
		std::string cells;
		bool any = false;
		for (const char *name : names) {
			const bench::row *r = bench::find(one.from->content, what.workload, one.device,
							  std::string("latency ") + name, what.load);
			any = any || r;
			cells += "<td>" + (r ? duration(r->spread.median) : "-") + "</td>";
		}
		if (any)
			rows += fmt::format("<tr><td>{}</td>{}</tr>", escaped(one.label), cells);
	}
	return rows.empty() ? ""
			    : "<table><thead><tr><th></th><th>p50</th><th>p99</th><th>p99.9</th></tr></thead><tbody>" +
				      rows + "</tbody></table>\n";
}

struct shown_counter {
	std::string unit, name;
};

std::vector<shown_counter> counters_of(const half &of)
{
	std::vector<shown_counter> found;
	for (const series &one : of.shown)
		for (const bench::measurement &what : of.measured)
			if (const bench::row *r = headline(one, what))
				for (const bench::counter &c : bench::all_counts(*r))
					if (std::none_of(found.begin(), found.end(), [&](const shown_counter &f) {
						    return f.unit == c.unit && f.name == c.name;
					    }))
						found.push_back({c.unit, c.name});
	return found;
}

std::vector<bar> bars_of(const half &of, const shown_counter &which)
{
	std::vector<bar> bars;
	for (const bench::measurement &what : of.measured) {
		bool first = true;
		for (const series &one : of.shown) {
			const bench::row *r = headline(one, what);
			if (!r)
				continue;
			for (const bench::counter &c : bench::all_counts(*r))
				if (c.unit == which.unit && c.name == which.name) {
					bars.push_back({first ? bench::describe(what) : "",
							one.colour,
							c.value,
							{},
							bench::figure(c.value),
							first && !bars.empty()});
					first = false;
				}
		}
	}
	return bars;
}

} // namespace

std::string latencies(const half &of)
{
	std::string boxes;
	for (const bench::measurement &what : of.measured) {
		std::vector<curve> curves;
		for (const series &one : of.shown)
			if (const bench::row *r = headline(one, what); r && !r->latencies.empty())
				curves.push_back({one.colour, &r->latencies});
		const std::string content =
			latency_chart("latencies of " + bench::describe(what), curves) + percentile_table(of, what);
		if (!content.empty())
			boxes += figure_box(bench::describe(what), "", content);
	}
	return section("Latencies",
		       "The histograms are of all requests of all runs, p50, p99 and p99.9 medians of the runs. "
		       "p99: 99 of 100 requests took no longer.",
		       boxes);
}

std::string costs(const half &of)
{
	std::string boxes;
	for (const shown_counter &which : counters_of(of)) {
		const std::vector<bar> bars = bars_of(of, which);
		if (std::any_of(bars.begin(), bars.end(), [](const bar &b) { return b.value > 0; }))
			boxes += figure_box(which.name, which.unit,
					    bar_chart(which.name + " " + which.unit, bars, workload_label));
	}
	return section("Costs", "Less is better. What has no bar was not counted, or is nought everywhere.", boxes);
}

std::string circumstances(const std::vector<source> &sources)
{
	std::vector<std::string> keys;
	for (const source &one : sources)
		for (const auto &[key, value] : one.content.environment)
			if (std::find(keys.begin(), keys.end(), key) == keys.end())
				keys.push_back(key);
	std::string rows;
	for (const std::string &key : keys) {
		std::string name = key;
		std::replace(name.begin(), name.end(), '_', ' ');
		rows += "<tr><th>" + escaped(name) + "</th>";
		for (const source &one : sources) {
			const auto &all = one.content.environment;
			const auto found = std::find_if(all.begin(), all.end(),
							[&](const auto &pair) { return pair.first == key; });
			rows += "<td>" + (found == all.end() ? "-" : escaped(found->second)) + "</td>";
		}
		rows += "</tr>\n";
	}
	std::string heads;
	for (const source &one : sources)
		heads += "<th>" + escaped(one.name) + "</th>";
	return "<h2>Measured on</h2>\n<table class=\"facts\"><thead><tr><th></th>" + heads +
	       "</tr></thead>\n<tbody>\n" + rows + "</tbody></table>\n";
}

} // namespace xenpv::cli::report
