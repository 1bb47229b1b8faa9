// SPDX-License-Identifier: GPL-2.0-only
// The page of xenpv report: what is in it. How it looks is for a browser, in tests/cli.
#include <cli/report/bars.hpp>
#include <cli/report/latencies.hpp>
#include <cli/report/page.hpp>
#include <cli/report/svg.hpp>

#include <boost/test/unit_test.hpp>

using namespace xenpv::cli::report;
namespace bench = xenpv::cli::bench;

namespace {

size_t times_in(const std::string &text, const std::string &part)
{
	size_t found = 0;
	for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
		++found;
	return found;
}

source some(const std::string &name)
{
	source made{name, {}};
	made.content.environment = {{"xen", "4.17"}, {"kernel_command_line", "quiet \"x\" <b>"}};
	made.content.rows = {bench::make_row("random read", "emulated", "iops", "IOPS", {90, 80, 100}),
			     bench::make_row("random read", "xenpv", "iops", "IOPS", {1000, 900, 2000}),
			     bench::make_row("random read", "xenpv", "latency p99", "us", {50}),
			     bench::make_row("TCP 1 stream", "e1000", "bandwidth", "Mbit/s", {5})};
	made.content.rows[1].counters = {{"per request", "notifications front to back", 0.0625}};
	made.content.rows[1].latencies = {{1, 2, 4}, {0.25, 0.5, 0.25}};
	return made;
}

} // namespace

BOOST_AUTO_TEST_SUITE(report_page)

BOOST_AUTO_TEST_CASE(the_page_is_complete_in_itself)
{
	const std::string made = page({some("a")});
	for (const char *outside : {"<script", "http://", "https://", "src=", "@import", "url("})
		BOOST_TEST(times_in(made, outside) == 0u, outside);
	BOOST_TEST(times_in(made, "<svg") == times_in(made, "</svg>"));
	BOOST_TEST(times_in(made, "<svg") == 4u); // two workloads, one histogram, one counter
	for (const char *part : {"Disk</h2>", "Network</h2>", "Latencies", "Costs", "13.6x", "1000 (13.6x)", "50 us"})
		BOOST_TEST(times_in(made, part) > 0u, part);
	BOOST_TEST(times_in(made, "&quot;x&quot; &lt;b&gt;") == 1u);
}

BOOST_AUTO_TEST_CASE(what_was_not_measured_has_no_section)
{
	source only = some("a");
	only.content.rows.resize(1);
	const std::string made = page({only});
	for (const char *part : {"Network</h2>", "Latencies", "Costs"})
		BOOST_TEST(times_in(made, part) == 0u, part);
}

BOOST_AUTO_TEST_CASE(names_out_of_a_file_cannot_become_markup)
{
	source hostile = some("</title><script>");
	for (bench::row &r : hostile.content.rows)
		r.workload = r.device = r.unit = "<script>alert(1)</script>\"'&";
	hostile.content.environment = {{"<script>", "<script>"}};
	hostile.content.rows[1].counters = {{"per <script>", "<script>", 1}};
	BOOST_TEST(times_in(page({hostile}), "<script") == 0u);
}

BOOST_AUTO_TEST_CASE(modes_have_a_colour_each_and_are_compared_with_emulation)
{
	source modes = some("a");
	modes.content.rows.clear();
	for (const char *mode : {"hvm", "pvhvm", "pvh", "pv"})
		modes.content.rows.push_back(
			bench::make_row("random read", mode, "iops", "IOPS", {*mode == 'h' ? 4 : 90.0}));
	const std::string made = page({modes});
	for (const char *bar :
	     {"<rect class=\"grey0\"", "<rect class=\"green0\"", "<rect class=\"green1\"", "<rect class=\"green2\""})
		BOOST_TEST(times_in(made, bar) == 1u, bar);
	BOOST_TEST(times_in(made, "90 (22.5x)") == 3u);
}

BOOST_AUTO_TEST_CASE(loads_intervals_costs_and_the_ceiling_are_shown)
{
	source of = some("a");
	of.content.rows.push_back(bench::make_row("random read", "intree", "iops", "IOPS", {500, 440, 990}));
	of.content.rows.push_back(bench::make_row("random read", "dom0", "iops", "IOPS", {4000, 3500, 8100}));
	of.content.rows.push_back(bench::make_row("random read", "xenpv", "iops", "IOPS", {100, 110, 90}));
	of.content.rows.push_back(bench::make_row("random read", "intree", "iops", "IOPS", {111, 91, 100}));
	for (size_t i = 6; i < 8; ++i)
		of.content.rows[i].load = "dom0";
	of.content.rows[1].cost = {{"instructions", 21000}};
	of.content.rows[4].cost = {{"instructions", 30000}};
	of.content.rows[1].causes = {{"hypercalls", 0.25}};
	of.content.machine = bench::calibration{false, {"other programs had <40 %>"}};
	const std::string made = page({of});
	for (const char *part : {"random read, dom0 busy", "intree: 2.02x (", "intree: no difference shown (",
				 "dom0: 0.25x (", "instructions", "hypercalls", "the machine was not quiet",
				 "other programs had &lt;40 %&gt;", "<rect class=\"ink0\""})
		BOOST_TEST(times_in(made, part) > 0u, part);
	of.content.machine->quiet = true;
	BOOST_TEST(times_in(page({of}), "not quiet") == 0u);
}

BOOST_AUTO_TEST_CASE(several_files_are_told_apart)
{
	const std::string made = page({some("before"), some("after")});
	for (const char *part : {"xenpv, before", "xenpv, after", "orange0", "orange1"})
		BOOST_TEST(times_in(made, part) > 0u, part);
	const auto same = [](const std::vector<std::string> &a, const std::vector<std::string> &b) { return a == b; };
	BOOST_TEST(same(short_names({"x/a.json", "y/b.json"}), {"a", "b"}));
	BOOST_TEST(same(short_names({"x/a.json", "y/a.json"}), {"x/a.json", "y/a.json"}));
}

BOOST_AUTO_TEST_CASE(bars_are_in_proportion)
{
	const std::string drawn =
		bar_chart("t", {{"one", "grey0", 50, {50}, "50"}, {"two", "blue0", 100, {80, 100, 120}, "100"}}, 100);
	const auto width_of = [&](const std::string &colour) {
		const size_t bar = drawn.find("<rect class=\"" + colour);
		return std::stod(drawn.substr(drawn.find("width=\"", bar) + 7));
	};
	BOOST_TEST(width_of("blue0") == 2 * width_of("grey0"), boost::test_tools::tolerance(0.01));
	BOOST_TEST(times_in(drawn, "class=\"run\"") == 3u); // of a single run there is no spread
	BOOST_TEST(times_in(drawn, "class=\"whisker\"") == 1u);
	BOOST_TEST(times_in(bar_chart("t", {{"nothing", "grey0", 0, {0}, "0"}}, 100), "nan") == 0u);
}

BOOST_AUTO_TEST_CASE(histograms_leave_out_nothing_but_strays)
{
	const bench::histogram of{{1, 2, 4, 1e6}, {0.25, 0.5, 0.2499, 0.0001}};
	const std::string drawn = latency_chart("t", {{"blue0", &of}});
	BOOST_TEST(times_in(drawn, "class=\"curve blue0\"") == 1u);
	BOOST_TEST(times_in(drawn, "1 us") == 1u);
	BOOST_TEST(times_in(drawn, "100 ms") == 0u); // the stray does not stretch the axis
	BOOST_TEST(latency_chart("t", {}) == "");
	const bench::histogram one{{8}, {1}};
	BOOST_TEST(times_in(latency_chart("t", {{"blue0", &one}}), "nan") == 0u);
}

BOOST_AUTO_TEST_CASE(texts_are_short_and_have_units)
{
	BOOST_TEST(duration(250) == "250 us");
	BOOST_TEST(duration(4000) == "4 ms");
	BOOST_TEST(duration(1.2e6) == "1.2 s");
	BOOST_TEST(fitted("short", 5) == "short");
	BOOST_TEST(fitted("longer", 5) == "long…");
	BOOST_TEST(fitted("äöüäöü", 5) == "äöüä…");
	BOOST_TEST(escaped("a<b>&\"\x01") == "a&lt;b&gt;&amp;&quot; ");
}

BOOST_AUTO_TEST_SUITE_END()
