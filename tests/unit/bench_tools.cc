// SPDX-License-Identifier: GPL-2.0-only
// What xenpv bench reads out of fio, iperf3 and counters.
#include <cli/bench/counters.hpp>
#include <cli/bench/failure.hpp>
#include <cli/bench/fio.hpp>
#include <cli/bench/iperf.hpp>
#include <cli/bench/plan.hpp>
#include <cli/bench/progress.hpp>
#include <cli/bench/samples.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <sstream>

using namespace xenpv::cli::bench;
using xenpv::cli::failure;

namespace {

const disk_job reading{"w", "randread", 4, 32, "iops", "IOPS"};
const disk_job writing{"w", "write", 128, 8, "bandwidth", "MB/s"};

std::string fio_json(const std::string &error, const std::string &latency)
{
	return "fio: a note\n{\"jobs\": [{\"error\": " + error +
	       ", \"read\": {\"bw_bytes\": 1, \"iops\": 70.5, \"total_ios\": 4" + latency +
	       "}, \"write\": {\"bw_bytes\": 5000000, \"iops\": 1, \"total_ios\": 9}}]}";
}

net_job job_of(unsigned datagram, bool reverse = false)
{
	std::vector<std::string> options = datagram ? std::vector<std::string>{"-u", "-l", std::to_string(datagram)}
						    : std::vector<std::string>{"-P", "1"};
	if (reverse)
		options.emplace_back("-R");
	return {"w", reverse, datagram != 0, options, datagram ? "packets" : "bandwidth", ""};
}

const counter *named(const std::vector<counter> &in, const std::string &name)
{
	for (const counter &c : in)
		if (c.name == name)
			return &c;
	return nullptr;
}

bool has(const std::vector<std::string> &command, const std::string &word)
{
	return std::find(command.begin(), command.end(), word) != command.end();
}

} // namespace

BOOST_AUTO_TEST_SUITE(bench_tools)

BOOST_AUTO_TEST_CASE(fio_is_read_on_the_side_of_the_job)
{
	const disk_sample read = read_fio(
		reading, fio_json("0", ", \"clat_ns\": {\"percentile\": {\"50.000000\": 2000, \"99.900000\": 9000}, "
				       "\"bins\": {\"1500\": 3, \"2900\": 1}}"));
	BOOST_TEST(read.value == 70.5);
	BOOST_TEST(read.requests == 4u);
	BOOST_TEST(read.latency.at("p50") == 2);
	BOOST_TEST(read.latency.at("p99.9") == 9);
	BOOST_TEST(read.latency.count("p99") == 0u);
	BOOST_TEST(read.bins.size() == 2u);
	const disk_sample written = read_fio(writing, fio_json("0", ""));
	BOOST_TEST(written.value == 5);
	BOOST_TEST(written.bins.empty());
}

BOOST_AUTO_TEST_CASE(what_fio_finds_wrong_is_said)
{
	BOOST_CHECK_EXCEPTION((void)read_fio(reading, fio_json("5", "")), failure, [](const failure &error) {
		return std::string(error.what()).find("error 5 (Input/output error)") != std::string::npos;
	});
	for (const char *text : {"", "killed", "{}", "{\"jobs\": []}", "{\"jobs\": [{\"read\": 3}]}"})
		BOOST_CHECK_THROW((void)read_fio(reading, text), failure);
}

BOOST_AUTO_TEST_CASE(bins_are_quarters_of_an_octave)
{
	BOOST_TEST(bin_of(1) == 0);
	BOOST_TEST(bin_of(1.99) == 3);
	BOOST_TEST(bin_of(2) == 4);
	BOOST_TEST(bin_of(0) == bin_of(0.1));
	BOOST_TEST(upper_of(3) == 2);
	for (const double us : {0.3, 1.0, 17.0, 250.0, 12345.0}) {
		BOOST_TEST(us < upper_of(bin_of(us)) + 0.001);
		BOOST_TEST(us >= upper_of(bin_of(us) - 1) - 0.001);
	}
	const histogram made = to_histogram({{0, 1}, {2, 3}});
	BOOST_TEST(made.share == (std::vector<double>{0.25, 0, 0.75}), boost::test_tools::per_element());
	BOOST_TEST(to_histogram({}).empty());
}

BOOST_AUTO_TEST_CASE(a_stream_is_what_the_receiver_got)
{
	const net_sample found = read_iperf(job_of(0), R"({"end": {"sum_sent": {"bits_per_second": 9e9, "seconds": 2},
		"sum_received": {"bits_per_second": 8e8, "seconds": 2}}})");
	BOOST_TEST(found.value == 800);
	BOOST_TEST(found.seconds == 2);
}

BOOST_AUTO_TEST_CASE(datagrams_of_old_and_new_iperf3)
{
	const net_sample now = read_iperf(job_of(64), R"({"end": {"sum": {"seconds": 9},
		"sum_sent": {"seconds": 2.0, "packets": 100}, "sum_received": {"packets": 100, "lost_packets": 20}}})");
	BOOST_TEST(now.value == 40);
	const net_sample old =
		read_iperf(job_of(64), R"({"end": {"sum": {"seconds": 2.0, "packets": 100, "lost_packets": 40}}})");
	BOOST_TEST(old.value == 30);
	BOOST_TEST(old.sent_packets == 100);
}

BOOST_AUTO_TEST_CASE(what_iperf3_finds_wrong_is_said_with_advice)
{
	const auto said = [](const std::string &error) {
		try {
			(void)read_iperf(job_of(0), "{\"error\": \"" + error + "\"}");
		} catch (const failure &caught) {
			BOOST_TEST(std::string(caught.what()).find(error) != std::string::npos);
			return caught.advice();
		}
		return std::string();
	};
	BOOST_TEST(said("unable to connect to server: Connection refused").find("iperf3 -s") != std::string::npos);
	BOOST_TEST(said("the server is busy running a test").find("--port") != std::string::npos);
	BOOST_TEST(said("unable to connect: No route to host").find("ping") != std::string::npos);
	BOOST_TEST(!said("else").empty());
	BOOST_TEST(server_is_busy(R"({"error": "error - the server is busy running a test. try again later"})"));
	for (const char *text : {"", "{}", "{\"end\": {}}", "{\"end\": {\"sum\": 3}}"})
		BOOST_CHECK_THROW((void)read_iperf(job_of(64), text), failure);
}

BOOST_AUTO_TEST_CASE(commands_fit_their_jobs)
{
	BOOST_TEST(has(fio_command(reading, "/dev/xvdb", 5), "--readonly"));
	BOOST_TEST(!has(fio_command(writing, "/dev/xvdb", 5), "--readonly"));
	BOOST_TEST(has(fio_command(writing, "/dev/xvdb", 5), "--filename=/dev/xvdb"));
	const net_end end{"10.0.0.1", 5201, "eth0", "10.0.0.2"};
	const auto now = iperf_command(job_of(64, true), end, 5, {true});
	BOOST_TEST((has(now, "--bind-dev") && has(now, "eth0") && has(now, "-R") && has(now, "-u") && !has(now, "-B")));
	const auto old = iperf_command(job_of(0), end, 5, {false});
	BOOST_TEST((has(old, "-B") && has(old, "10.0.0.2") && !has(old, "-R") && !has(old, "-u")));
}

BOOST_AUTO_TEST_CASE(the_list_of_jobs_is_whole)
{
	BOOST_TEST(disk_jobs().size() == 6u);
	BOOST_TEST(net_jobs().size() == 6u);
	for (const disk_job &job : disk_jobs()) {
		BOOST_TEST((job.metric == "bandwidth" ? job.unit == "MB/s" : job.unit == "IOPS"), job.workload);
		BOOST_TEST(job.workload.ends_with("QD" + std::to_string(job.depth)));
		for (const std::string &word : fio_command(job, "/dev/xvdb", 5))
			BOOST_TEST(word.find('{') == std::string::npos, word);
	}
	for (const net_job &job : net_jobs()) {
		const auto command = iperf_command(job, {"10.0.0.1", 5201, "eth0", ""}, 5, {true});
		BOOST_TEST(has(command, "-R") == job.reverse, job.workload);
		BOOST_TEST(has(command, "-u") == job.datagrams, job.workload);
		BOOST_TEST((job.reverse == job.workload.ends_with("server to guest")), job.workload);
	}
}

BOOST_AUTO_TEST_CASE(counters_are_shared_by_requests)
{
	const auto before =
		parse_counters("state connected\nqueues 2\nqueue 0\n  requests 5\n  notifications_sent 1\n");
	const auto after = parse_counters("state connected\nqueues 2\nqueue 0\n  requests 15\n  notifications_sent 2\n"
					  "queue 1\n  requests 10\n  notifications_sent 4\n");
	const auto found = per_request(before, after);
	BOOST_TEST_REQUIRE(named(found, "notifications front to back"));
	BOOST_TEST(named(found, "notifications front to back")->value == 0.25);
	BOOST_TEST(!named(found, "spurious events of the front")); // not read: no nought
	// Of another driver, of a device that stood still, and of one that began anew.
	BOOST_TEST(per_request({}, {}).empty());
	BOOST_TEST(per_request(after, after).empty());
	BOOST_TEST(per_request(after, before).empty());
	const auto packets = per_packet(parse_counters("  tx_packets 0\n  rx_packets 0\n  events_received 0\n"),
					parse_counters("  tx_packets 30\n  rx_packets 10\n  events_received 4\n"));
	BOOST_TEST(named(packets, "notifications back to front")->value == 0.1);
}

BOOST_AUTO_TEST_CASE(the_guest_counts_too)
{
	const auto before = parse_stat("cpu  10 0 10 500 0 0 0 0 0 0\ncpu0 1 1 1\nintr 1000 1 2 3\n", 100);
	const auto after = parse_stat("cpu  20 0 20 900 0 5 5 7 0 0\ncpu0 1 1 1\nintr 1500 1 2 3\n", 100);
	const auto found = of_guest(before, after, 1000, "per request");
	BOOST_TEST(named(found, "interrupts of the guest")->value == 0.5);
	BOOST_TEST(named(found, "CPU time of the guest, us")->value == 300);
	BOOST_TEST(of_guest(before, after, 0, "per request").empty());
}

BOOST_AUTO_TEST_CASE(counters_of_runs_are_medians)
{
	const std::vector<counter> low{{"per request", "a", 1}}, high{{"per request", "a", 9}},
		middle{{"per request", "a", 2}, {"per request", "b", 1}};
	const auto found = medians({middle, low, high});
	BOOST_TEST_REQUIRE(found.size() == 1u); // b was not there in all
	BOOST_TEST(found[0].value == 2);
}

BOOST_AUTO_TEST_CASE(devices_take_turns_at_each_job)
{
	device a, b;
	const auto plan = make_plan({{a, true}, {b, false}}, 1, {4, 2, 1});
	const size_t disk_turns = 6 + 3, net_turns = 6;
	BOOST_TEST(plan.size() == 3 * (disk_turns + net_turns));
	BOOST_TEST((plan[0].device == 0 && plan[1].device == 1 && plan[0].job == plan[1].job)); // reads: both
	BOOST_TEST((plan[2].device == 0 && plan[3].job != plan[2].job)); // writes: one may
	BOOST_TEST((plan[0].round == 0 && plan[0].seconds == 1 && plan.back().round == 2 && plan.back().seconds == 4));
	BOOST_TEST(
		(plan[plan.size() / 3].device == 0 && plan[plan.size() / 3 * 2].device == 1)); // every second backwards
	for (const turn &one : plan)
		BOOST_TEST((one.network || one.device == 0 || !disk_jobs()[one.job].writes()));
	BOOST_TEST(make_plan({{a, true}}, 0, {4, 2, 0}).front().round == 1u); // no warm-up
	BOOST_TEST(make_plan({{a, true}, {b, false}}, 1, {4, 1, 0}, {"QD32", "TCP 1"}).size() == 3u + 2);
	BOOST_TEST(make_plan({{a, true}}, 1, {4, 1, 0}, {"tape"}).empty());
	BOOST_TEST(span(320) == "5 min 20 s");
	BOOST_TEST(span(7.4) == "7 s");
}

BOOST_AUTO_TEST_CASE(samples_become_rows)
{
	samples all;
	all.add(reading, "xenpv", {10, 1, {{"p99", 5}}, {{0, 1}}}, {{"per request", "a", 1}});
	all.add(reading, "emulated", {1, 1, {}, {}}, {});
	all.add(reading, "xenpv", {30, 1, {{"p99", 7}}, {{0, 1}, {1, 2}}}, {{"per request", "a", 3}});
	const auto rows = all.rows();
	BOOST_TEST_REQUIRE(rows.size() == 3u);
	BOOST_TEST((rows[0].device == "xenpv" && rows[0].spread.median == 20 && rows[0].counters[0].value == 2));
	BOOST_TEST((rows[0].latencies.share == std::vector<double>{0.5, 0.5}));
	BOOST_TEST((rows[1].metric == "latency p99" && rows[1].unit == "us" && rows[1].spread.max == 7));
	BOOST_TEST(rows[2].device == "emulated");
}

BOOST_AUTO_TEST_CASE(progress_is_lines_or_a_bar)
{
	device a;
	const auto plan = make_plan({{a, true}}, 0, {4, 1, 0});
	std::ostringstream lines, terminal;
	{
		progress plain(lines, false, 80, plan);
		plain.begin(1, "second");
		plain.tick();
		progress drawn(terminal, true, 60, plan);
		drawn.begin(3, "a workload with a very long name, longer than any terminal is wide");
	}
	BOOST_TEST(lines.str() == "[2/6] second\n");
	const std::string shown = terminal.str();
	BOOST_TEST(shown.find("[############............] 50%") != std::string::npos, shown);
	BOOST_TEST(shown.find("left") != std::string::npos, shown);
	BOOST_TEST(shown.find('\n') == std::string::npos);
	BOOST_TEST(shown.ends_with("\r")); // taken away
	BOOST_TEST(progress(terminal, true, 60, plan).bar(0.5, 10).size() < 60u);
}

BOOST_AUTO_TEST_SUITE_END()
