// SPDX-License-Identifier: GPL-2.0-only
// What xenpv bench makes of its runs: statistics, the results file, comparisons.
#include <cli/bench/compare.hpp>
#include <cli/bench/failure.hpp>
#include <cli/bench/quiet.hpp>
#include <cli/bench/results_file.hpp>
#include <cli/bench/table.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

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

// The same with what the test bed adds: a load, the ceiling, costs of the whole machine, and turns that one has not.
results loaded()
{
	results made = some();
	made.rows.push_back(make_row("random read", "intree", "iops", "IOPS", {500, 440, 990}));
	made.rows.push_back(make_row("random read", "dom0", "iops", "IOPS", {4000, 3500, 8100}));
	made.rows.push_back(make_row("random read", "xenpv", "iops", "IOPS", {100, 110, 90, 105}));
	made.rows.push_back(make_row("random read", "intree", "iops", "IOPS", {111, 91, 100}));
	for (size_t i = 5; i < 7; ++i)
		made.rows[i].load = "dom0";
	made.rows[6].turns = {2, 3, 5};
	made.rows[1].cost = {{"instructions", 21000.5}};
	made.rows[1].causes = {{"hypercalls", 0.25}, {"exits", 0}};
	made.machine = calibration{false, {"other programs had 40 % of the CPUs"}};
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

BOOST_AUTO_TEST_CASE(known_ratios_have_known_intervals)
{
	// 2, 4 and 8 times: logarithms one octave apart, two degrees of freedom.
	const auto found = paired_ratio({{2, 1}, {40, 10}, {8000, 1000}});
	BOOST_TEST_REQUIRE(found.has_value());
	const auto near = boost::test_tools::tolerance(1e-4);
	BOOST_TEST(found->value == 4.0, near);
	BOOST_TEST(found->high / found->value == std::pow(2, 4.3027 / std::sqrt(3)), near);
	BOOST_TEST(found->value / found->low == found->high / found->value, near);
	BOOST_TEST(!found->shows_difference());
	BOOST_TEST(paired_ratio({{3, 2}, {3, 2}})->shows_difference());
	for (const auto &none :
	     {std::vector<std::pair<double, double>>{}, {{2, 1}}, {{2, 1}, {0, 1}}, {{2, 1}, {2, 0}}})
		BOOST_TEST(!paired_ratio(none).has_value());
	// Welch: deviations of 1 and 2 octaves in groups of three, so 2.94 degrees of freedom, of which two count.
	const auto groups = ratio_of_groups({4, 8, 16}, {0.25, 1, 4});
	BOOST_TEST(groups->value == 8.0, near);
	BOOST_TEST(groups->high / groups->value == std::pow(2, 4.3027 * std::sqrt(1.0 / 3 + 4.0 / 3)), near);
	BOOST_TEST(!ratio_of_groups({1}, {2, 2}).has_value());
}

BOOST_AUTO_TEST_CASE(students_table_goes_on)
{
	const auto near = boost::test_tools::tolerance(1e-3);
	BOOST_TEST(student(1) == 12.7062, near);
	BOOST_TEST(student(4.9) == 2.7764, near);
	BOOST_TEST(student(30) == 2.0423, near);
	BOOST_TEST(student(31) == 2.0395, near);
	BOOST_TEST(student(60) == 2.0003, near);
	BOOST_TEST(student(1e9) == 1.95996, near);
}

BOOST_AUTO_TEST_CASE(intervals_hold_what_they_promise)
{
	std::mt19937 random(5);
	std::normal_distribution<double> noise(0, 0.2), drift(0, 0.5);
	constexpr int rounds = 2000;
	int inside = 0, inside_groups = 0;
	for (int i = 0; i < rounds; ++i) {
		std::vector<std::pair<double, double>> turns;
		std::vector<double> a, b;
		for (int turn = 0; turn < 5; ++turn) {
			const double speed = std::exp(drift(random));
			turns.emplace_back(1.3 * speed * std::exp(noise(random)), speed * std::exp(noise(random)));
			a.push_back(1.3 * std::exp(noise(random)));
			b.push_back(std::exp(noise(random)));
		}
		const auto paired = paired_ratio(turns), groups = ratio_of_groups(a, b);
		inside += paired->low <= 1.3 && 1.3 <= paired->high;
		inside_groups += groups->low <= 1.3 && 1.3 <= groups->high;
	}
	BOOST_TEST(std::abs(inside - 0.95 * rounds) < 3 * std::sqrt(rounds * 0.95 * 0.05), inside);
	BOOST_TEST((inside_groups > 0.94 * rounds && inside_groups < 0.98 * rounds), inside_groups);
}

BOOST_AUTO_TEST_CASE(a_machine_with_other_work_is_noticed)
{
	const folder in;
	std::filesystem::create_directories(in.path / "proc");
	const auto look = [&](std::vector<double> times, const std::string &stolen) {
		(void)in.put("proc/stat", "cpu 100 0 0 100 0 0 0 0 0 0\n");
		size_t next = 0;
		quiet_watch watch(in.path, [&](unsigned cpu) { return cpu == 0 ? times.at(next++) : 0; });
		for (size_t i = 0; i < times.size(); ++i)
			watch.probe();
		(void)in.put("proc/stat", "cpu 200 0 0 100 0 0 0 " + stolen + " 0 0\n");
		return watch.result();
	};
	BOOST_TEST(look({10, 10.5, 11}, "1").quiet);
	const calibration slow = look({10, 13, 10}, "0");
	BOOST_TEST((!slow.quiet && says(slow.why.at(0), "30 % longer")));
	const calibration stolen = look({10, 10}, "10");
	BOOST_TEST((!stolen.quiet && says(stolen.why.at(0), "took 9 % of the virtual")), stolen.why.at(0));
	BOOST_TEST(time_work(0) > 0);
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

BOOST_AUTO_TEST_CASE(loads_turns_costs_and_the_machine_are_kept)
{
	const results read = from_json(to_json(loaded()), "it");
	BOOST_TEST(read.notes.empty());
	BOOST_TEST(to_json(read) == to_json(loaded()));
	BOOST_TEST((read.machine && !read.machine->quiet && read.machine->why.size() == 1));
	BOOST_TEST(read.rows[6].turns == (std::vector<unsigned>{2, 3, 5}), boost::test_tools::per_element());
	const auto counts = all_counts(read.rows[1]);
	BOOST_TEST_REQUIRE(counts.size() == 4u);
	BOOST_TEST((counts[1].name == "instructions" && counts[1].value == 21000.5 && counts[3].value == 0));
	BOOST_TEST(find(read, "random read", "xenpv", "iops")->spread.median == 1000);
	BOOST_TEST(find(read, "random read", "xenpv", "iops", "dom0")->spread.median == 102.5);
	BOOST_TEST(!find(read, "random read", "xenpv", "iops", "guest"));
}

BOOST_AUTO_TEST_CASE(ratios_are_of_turns_that_both_have)
{
	const results all = loaded();
	BOOST_TEST(bases_of(all, "xenpv") == (std::vector<std::string>{"emulated", "intree", "dom0"}),
		   boost::test_tools::per_element());
	BOOST_TEST(bases_of(all, "intree") == std::vector<std::string>{"emulated"}, boost::test_tools::per_element());
	BOOST_TEST((bases_of(all, "emulated").empty() && bases_of(all, "dom0").empty()));
	const auto near = boost::test_tools::tolerance(1e-4);
	const auto quiet = compare_with(all, all.rows[1], "intree");
	BOOST_TEST(quiet->value == std::cbrt(2.0 * (900.0 / 440) * (2000.0 / 990)), near);
	BOOST_TEST(quiet->span->shows_difference());
	BOOST_TEST(told(quiet->value, quiet->span).starts_with("2.02x (1."));
	// Turns 2 and 3 only: 110/111 and 90/91.
	const auto busy = compare_with(all, all.rows[5], "intree");
	BOOST_TEST(busy->value == std::sqrt(110.0 / 111 * 90 / 91), near);
	BOOST_TEST(!compare_with(all, all.rows[5], "emulated").has_value());
	results latencies;
	latencies.rows = {make_row("w", "intree", "latency", "us", {100, 200}),
			  make_row("w", "xenpv", "latency", "us", {50, 110})};
	BOOST_TEST(compare_with(latencies, latencies.rows[1], "intree")->value == std::sqrt(2 * 200.0 / 110), near);
	latencies.rows[1] = make_row("w", "xenpv", "latency", "us", {100});
	const auto single = compare_with(latencies, latencies.rows[1], "intree");
	BOOST_TEST((!single->span && told(single->value, single->span) == "1.50x"));
	BOOST_TEST(told(1.02, interval{1.02, 0.9, 1.1}) == "no difference shown (0.90-1.10)");
}

BOOST_AUTO_TEST_CASE(old_results_are_read_with_a_note)
{
	const std::string text = edited("\"version\": 2", "\"version\": 1");
	const results read = from_json(text, "old.json");
	BOOST_TEST_REQUIRE(read.notes.size() == 1u);
	BOOST_TEST(says(read.notes[0], "old.json holds results of before version 2"), read.notes[0]);
	BOOST_TEST((read.rows[0].load == "none" && read.rows[0].turns == std::vector<unsigned>{1, 2, 3}));
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
	BOOST_TEST((read.notes.size() == 1 && says(read.notes[0], "report.json")));
}

BOOST_AUTO_TEST_CASE(other_versions_and_formats_are_refused)
{
	const auto reading = [](const std::string &text) {
		return complaint([&] { (void)from_json(text, "f.json"); });
	};
	const std::string newer = reading(edited("\"version\": 2", "\"version\": 3"));
	BOOST_TEST(says(newer, "f.json holds results of version 3; this xenpv reads versions 1 and 2"), newer);
	const std::string whole = to_json(loaded());
	const std::string cut = reading(whole.substr(0, whole.size() / 2));
	BOOST_TEST(says(cut, "f.json ends in the middle, after " + std::to_string(whole.size() / 2) + " bytes"), cut);
	BOOST_TEST(says(reading(edited("\"rows\"", "\"lines\"")), "the file has no list \"rows\""));
	BOOST_TEST(says(reading(edited("\"load\": \"none\"", "\"load\": \"heavy\"")),
			"row 0 has a \"load\" that is none of none, dom0, guest: heavy"));
	for (const char *turns : {"[1, 2]", "[1, 1, 2]", "[0, 1, 2]", "[3, 2, 1]"})
		BOOST_TEST(says(reading(edited("[\n    1,\n    2,\n    3\n   ]", turns)),
				"row 0 has \"turns\" that do not fit its \"runs\""),
			   turns);
	const auto of_loaded = [&](const std::string &from, const std::string &to) {
		std::string text = whole;
		return reading(text.replace(text.find(from), from.size(), to));
	};
	BOOST_TEST(says(of_loaded("21000.5", "\"many\""), "row 1 has in \"cost\" a \"instructions\""));
	BOOST_TEST(says(of_loaded("0.25\n", "-1\n"), "f.json: row 1"));
	BOOST_TEST(says(of_loaded("\"quiet\": false", "\"quiet\": 3"), "the file has a \"calibration\""));
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
					edited("\"version\": 2", "\"version\": " + closed)})
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
	results a = some();
	a.rows[1] = make_row("random read", "xenpv", "iops", "IOPS", {1000, 1040, 970});
	results b = some();
	b.rows[0] = make_row("random read", "emulated", "iops", "IOPS", {95, 85, 101}); // may be chance
	b.rows[1] = make_row("random read", "xenpv", "iops", "IOPS", {500, 520, 490}); // worse
	b.rows[2] = make_row("random read", "xenpv", "latency p99", "us", {20, 15, 25}); // better: less
	a.rows.push_back(make_row("single", "xenpv", "iops", "IOPS", {5}));
	b.rows.push_back(make_row("single", "xenpv", "iops", "IOPS", {50}));
	const comparison found = compare(a, b);
	BOOST_TEST_REQUIRE(found.both.size() == 4u);
	BOOST_TEST((found.both[0].what == verdict::no_difference));
	BOOST_TEST((found.both[1].what == verdict::worse));
	BOOST_TEST(found.both[1].ratio == 0.5, boost::test_tools::tolerance(0.01));
	BOOST_TEST((found.both[2].what == verdict::better));
	BOOST_TEST((found.both[3].what == verdict::not_told && found.both[3].ratio == 10));
	const std::string shown = compare_table(found, "a.json", "b.json");
	BOOST_TEST((says(shown, "0.50x (0.4") && says(shown, "  worse\n")), shown);
	BOOST_TEST((says(shown, "no difference shown") && says(shown, "too few runs to tell")), shown);
	BOOST_TEST(says(compare_json(found), "\"verdict\": \"worse\""));
	BOOST_TEST(says(compare_json(found), "\"interval\": null"));
}

BOOST_AUTO_TEST_CASE(ratios_within_two_files_agree_or_differ)
{
	const results a = loaded();
	results b = loaded(), c = loaded();
	b.machine.reset();
	for (row &r : b.rows) // a machine of half the speed
		r = [&] {
			row made = r;
			for (double &run : made.runs)
				run /= 2;
			return made;
		}();
	for (double &run : c.rows[1].runs)
		run *= 3;
	c.rows[1].cost[0].second *= 2;
	const std::string same = compare_table(compare(a, b), "a", "b"), other = compare_table(compare(a, c), "a", "c");
	BOOST_TEST((says(same, "xenpv/intree") && says(same, "xenpv/dom0")), same);
	BOOST_TEST((says(same, "  agree\n") && !says(same, "  differ\n")), same);
	BOOST_TEST(says(other, "  differ\n"), other);
	BOOST_TEST((says(other, "instructions") && says(other, "2.00x")), other);
	BOOST_TEST((says(same, "A: THE MACHINE WAS NOT QUIET") && !says(same, "B: THE MACHINE")), same);
	BOOST_TEST(says(compare_json(compare(a, c)), "\"agree\": false"));
	// Rows of one load are not compared with those of another.
	for (const compared &one : compare(a, b).both)
		BOOST_TEST(one.a->load == one.b->load);
	b.rows.resize(3);
	BOOST_TEST(says(compare_table(compare(a, b), "a", "b"), "only in A: random read, dom0 busy, xenpv, iops"));
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

BOOST_AUTO_TEST_CASE(the_table_has_ratios_with_their_intervals)
{
	const std::string shown = table(some());
	BOOST_TEST(says(shown, "xenpv/emulated"), shown);
	BOOST_TEST(says(shown, "1000 (900-2000)"), shown);
	BOOST_TEST(says(shown, "13.6x ("), shown);
	BOOST_TEST((!says(shown, "  load ") && !says(shown, "QUIET")), shown);
	BOOST_TEST(aligned({{"a", "bb"}, {"ccc", "d"}}) == "a    bb\nccc   d\n");
}

BOOST_AUTO_TEST_CASE(the_table_has_loads_the_ceiling_and_whether_the_machine_was_quiet)
{
	const std::string shown = table(loaded());
	for (const char *part : {"workload", "load", "xenpv/intree", "xenpv/dom0", "2.02x (", "no difference shown (",
				 "THE MACHINE WAS NOT QUIET", "other programs had 40 %"})
		BOOST_TEST(says(shown, part), shown);
	const size_t busy = shown.find("  dom0  IOPS");
	BOOST_TEST(busy != std::string::npos, shown);
}

BOOST_AUTO_TEST_SUITE_END()
