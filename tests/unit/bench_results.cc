// SPDX-License-Identifier: GPL-2.0-only
// What xenpv bench makes of its runs: statistics, the results file, comparisons.
#include <cli/bench/compare.hpp>
#include <cli/bench/failure.hpp>
#include <cli/bench/results_file.hpp>
#include <cli/bench/table.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace xenpv::cli::bench;
using xenpv::cli::failure;

namespace {

bool says(const std::string &text, const std::string &part)
{
	return text.find(part) != std::string::npos;
}

// Runs it and tells what it complained of, with the advice behind.
template <class F>
std::string complaint(F &&what)
{
	try {
		what();
	} catch (const failure &error) {
		BOOST_TEST(!error.advice().empty());
		BOOST_TEST(static_cast<int>(error.code()) != 0);
		return std::string(error.what()) + " / " + error.advice();
	}
	return "";
}

results some()
{
	results made;
	made.environment = {{"kernel", "6.1"}, {"xen", "4.17"}};
	made.rows.push_back(make_row("random read", "emulated", "iops", "IOPS", {90, 80, 100}));
	made.rows.push_back(make_row("random read", "xenpv", "iops", "IOPS", {1000, 900, 2000}));
	made.rows.push_back(make_row("random read", "xenpv", "latency p99", "us", {50, 40, 60}));
	made.rows[1].counters = {{"per request", "notifications front to back", 0.0625}};
	made.rows[1].latencies = {{1, 2, 4}, {0.25, 0.5, 0.25}};
	return made;
}

std::string edited(const std::string &from, const std::string &to)
{
	std::string text = to_json(some());
	const size_t found = text.find(from);
	BOOST_TEST_REQUIRE(found != std::string::npos, from);
	return text.replace(found, from.size(), to);
}

class folder {
public:
	folder()
	{
		char pattern[] = "/tmp/xenpv-bench-test.XXXXXX";
		path = ::mkdtemp(pattern);
	}
	folder(const folder &) = delete;
	folder &operator=(const folder &) = delete;
	~folder() { std::filesystem::remove_all(path); }

	std::string put(const std::string &name, const std::string &content) const
	{
		const std::string whole = (path / name).string();
		std::ofstream(whole) << content;
		return whole;
	}

	std::filesystem::path path;
};

} // namespace

BOOST_AUTO_TEST_SUITE(bench_results)

BOOST_AUTO_TEST_CASE(the_median_is_the_middle_run)
{
	const summary odd = summarise({5, 1, 3});
	BOOST_TEST(odd.median == 3);
	BOOST_TEST(odd.min == 1);
	BOOST_TEST(odd.max == 5);
	BOOST_TEST(summarise({4, 1, 2, 3}).median == 2.5);
	BOOST_TEST(summarise({7}).median == 7);
}

BOOST_AUTO_TEST_CASE(less_is_better_of_durations_only)
{
	BOOST_TEST(times_better("iops", 200, 100) == 2);
	BOOST_TEST(times_better("latency p99", 200, 100) == 0.5);
	BOOST_TEST(times_better("iops", 200, 0) == 0);
	BOOST_TEST(times(times_better("iops", 0, 100)) == "-");
	BOOST_TEST(times(217.4) == "217x");
	BOOST_TEST(times(17.14) == "17.1x");
	BOOST_TEST(times(1.968) == "1.97x");
	BOOST_TEST(figure(18917.4) == "18917");
	BOOST_TEST(figure(11.52) == "11.52");
}

BOOST_AUTO_TEST_CASE(ranges_that_touch_overlap)
{
	BOOST_TEST(overlap({2, 1, 3}, {4, 3, 5}));
	BOOST_TEST(overlap({2, 1, 9}, {4, 3, 5}));
	BOOST_TEST(!overlap({2, 1, 3}, {5, 4, 6}));
	BOOST_TEST(!overlap({5, 4, 6}, {2, 1, 3}));
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read)
{
	const results read = from_json(to_json(some()), "it");
	BOOST_TEST_REQUIRE(read.rows.size() == 3u);
	BOOST_TEST((read.environment == some().environment));
	const row &one = read.rows[1];
	BOOST_TEST(one.workload == "random read");
	BOOST_TEST(one.spread.median == 1000);
	BOOST_TEST(one.spread.max == 2000);
	BOOST_TEST(one.runs == (std::vector<double>{1000, 900, 2000}), boost::test_tools::per_element());
	BOOST_TEST_REQUIRE(one.counters.size() == 1u);
	BOOST_TEST(one.counters[0].unit == "per request");
	BOOST_TEST(one.counters[0].value == 0.0625, boost::test_tools::tolerance(0.001));
	BOOST_TEST(one.latencies.share == (std::vector<double>{0.25, 0.5, 0.25}), boost::test_tools::per_element());
	BOOST_TEST(to_json(read) == to_json(some()));
}

BOOST_AUTO_TEST_CASE(the_demo_report_is_read_with_its_costs)
{
	const results read =
		from_json(R"({"environment": {"xen": "4.17", "dom0_vcpus": 1, "pairs": {"disk": {"a": ["x", "y"]}}},
		"rows": [{"workload": "w", "device": "xenpv", "metric": "iops", "unit": "IOPS", "runs": [1, 2, 3], "median": 2,
			  "min": 1, "max": 3},
			 {"workload": "w", "device": "xenpv", "metric": "map hypercalls", "unit": "per request",
			  "runs": [0.5], "median": 0.5, "min": 0.5, "max": 0.5}], "verdicts": []})",
			  "report.json");
	BOOST_TEST_REQUIRE(read.rows.size() == 1u);
	BOOST_TEST_REQUIRE(read.rows[0].counters.size() == 1u);
	BOOST_TEST(read.rows[0].counters[0].name == "map hypercalls");
	BOOST_TEST(read.environment[1].second == "1");
	BOOST_TEST(says(read.environment[2].second, "x, y"));
}

BOOST_AUTO_TEST_CASE(other_versions_and_formats_are_refused)
{
	const auto reading = [](const std::string &text) {
		return complaint([&] { (void)from_json(text, "f.json"); });
	};
	const std::string newer = reading(edited("\"version\": 1", "\"version\": 2"));
	BOOST_TEST(says(newer, "f.json holds results of version 2; this xenpv reads version 1"), newer);
	BOOST_TEST(says(reading(edited("xenpv bench results", "fio")), "is of format fio"));
	BOOST_TEST(says(reading("not json"), "f.json is not JSON"));
	BOOST_TEST(says(reading(""), "is not JSON"));
	BOOST_TEST(says(reading("[]"), "holds no results"));
	BOOST_TEST(says(reading("{\"jobs\": []}"), "holds no results"));
	BOOST_TEST(says(reading("{\"rows\": [], \"environment\": {}}"), "holds no measurement"));
	BOOST_TEST(says(reading(edited("\"unit\": \"IOPS\"", "\"unit\": 3")), "row 0 has no text \"unit\""));
	BOOST_TEST(says(reading(edited("90.0", "null")), "row 0 has in \"runs\""));
	BOOST_TEST(says(reading(edited("0.0625", "\"many\"")), "row 1 has a counter"));
	BOOST_TEST(says(reading(edited("\"upper_us\"", "\"upper_ms\"")), "row 1 histogram has no numbers"));
	for (const char *share : {"2e5", "-0.1", "1.01"}) // a page would be drawn to this scale
		BOOST_TEST(says(reading(edited("0.25", share)), "row 1 histogram does not fit together"), share);
	const std::string deep(100000, '['), closed = deep + std::string(100000, ']');
	for (const std::string &text : {deep, closed, edited("\"6.1\"", closed), edited("90.0", closed),
					edited("\"version\": 1", "\"version\": " + closed)})
		BOOST_TEST(says(reading(text), "f.json is nested too deeply"));
}

BOOST_AUTO_TEST_CASE(files_that_are_none)
{
	const folder in;
	const auto reading = [](const std::string &path) { return complaint([&] { (void)read_file(path); }); };
	BOOST_TEST(says(reading((in.path / "absent").string()), "No such file"));
	BOOST_TEST(says(reading(in.path.string()), "is a directory"));
	BOOST_TEST(says(reading("/dev/zero"), "too large"));
	BOOST_TEST(says(reading("/dev/null"), "is not JSON"));
}

BOOST_AUTO_TEST_CASE(only_results_are_overwritten)
{
	const folder in;
	const auto check = [](const std::string &path) { return complaint([&] { check_writable(path); }); };
	BOOST_TEST(check((in.path / "new.json").string()) == "");
	BOOST_TEST(check(in.put("old.json", to_json(some()))) == "");
	const std::string other = in.put("thesis.txt", "chapter one");
	BOOST_TEST(says(check(other), "holds no results of this version"));
	BOOST_TEST(says(check(in.path.string()), "is no file"));
	BOOST_TEST(says(check((in.path / "no/such/folder.json").string()), "cannot write to"));
	const std::string target = (in.path / "new.json").string();
	write_file(target, "content");
	BOOST_TEST(std::filesystem::file_size(target) == 7u);
	BOOST_TEST(!std::filesystem::exists(target + ".new"));
	BOOST_TEST(says(complaint([&] { write_file((in.path / "no/such").string(), ""); }), "cannot write"));
}

BOOST_AUTO_TEST_CASE(comparing_says_better_worse_or_chance)
{
	results b = some();
	b.rows[0] = make_row("random read", "emulated", "iops", "IOPS", {95, 85, 101}); // touches
	b.rows[1] = make_row("random read", "xenpv", "iops", "IOPS", {500, 400, 600}); // worse
	b.rows[2] = make_row("random read", "xenpv", "latency p99", "us", {25, 20, 30}); // better: less
	const results a = some();
	const comparison found = compare(a, b);
	BOOST_TEST_REQUIRE(found.both.size() == 3u);
	BOOST_TEST((found.both[0].what == verdict::within_spread));
	BOOST_TEST((found.both[1].what == verdict::worse));
	BOOST_TEST(found.both[1].ratio == 0.5);
	BOOST_TEST((found.both[2].what == verdict::better));
	BOOST_TEST(found.both[2].ratio == 2);
	const std::string shown = compare_table(found, "a.json", "b.json");
	BOOST_TEST((says(shown, "0.50x ") && says(shown, " worse\n")), shown);
	BOOST_TEST(says(shown, "ranges overlap"), shown);
	BOOST_TEST(says(compare_json(found), "\"ranges_overlap\": true"));
}

BOOST_AUTO_TEST_CASE(the_only_pv_devices_are_compared_and_what_is_missing_is_named)
{
	results a, b;
	a.environment = {{"kernel", "6.1"}, {"load", "0"}};
	b.environment = {{"kernel", "6.12"}, {"load", "1"}};
	a.rows = {make_row("w", "intree", "iops", "IOPS", {10}), make_row("only a", "emulated", "iops", "IOPS", {1})};
	b.rows = {make_row("w", "xenpv", "iops", "IOPS", {20}), make_row("w", "emulated", "iops", "IOPS", {1})};
	const comparison found = compare(a, b);
	BOOST_TEST_REQUIRE(found.both.size() == 1u);
	const std::string shown = compare_table(found, "a", "b");
	BOOST_TEST(says(shown, "intree -> xenpv"), shown);
	BOOST_TEST(says(shown, "only in A: only a, emulated, iops"), shown);
	BOOST_TEST(says(shown, "only in B: w, emulated, iops"), shown);
	BOOST_TEST(says(shown, "kernel: 6.1 | 6.12"), shown);
	BOOST_TEST(!says(shown, "load:"), shown);
	// With two of them nobody knows which is meant; and units have to be the same.
	b.rows.push_back(make_row("w", "intree 2", "iops", "IOPS", {20}));
	BOOST_TEST(compare(a, b).both.empty());
	b.rows = {make_row("w", "intree", "iops", "kIOPS", {20})};
	BOOST_TEST(compare(a, b).both.empty());
}

BOOST_AUTO_TEST_CASE(the_table_has_ratios_to_the_emulated_device)
{
	const std::string shown = table(some());
	BOOST_TEST(says(shown, "xenpv/emulated"), shown);
	BOOST_TEST(says(shown, "1000 (900-2000)"), shown);
	BOOST_TEST(says(shown, "11.1x"), shown);
	BOOST_TEST(aligned({{"a", "bb"}, {"ccc", "d"}}) == "a    bb\nccc   d\n");
}

BOOST_AUTO_TEST_SUITE_END()
