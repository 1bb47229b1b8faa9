// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/command.hpp>

#include <cli/app.hpp>
#include <cli/bench/compare.hpp>
#include <cli/bench/environment.hpp>
#include <cli/bench/failure.hpp>
#include <cli/bench/quiet.hpp>
#include <cli/bench/results_file.hpp>
#include <cli/bench/session.hpp>
#include <cli/bench/table.hpp>
#include <cli/child.hpp>
#include <cli/context.hpp>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <ctime>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace xenpv::cli {
namespace {

volatile std::sig_atomic_t ended_by = 0;

void on_signal(int number)
{
	ended_by = number;
}

// The program that is running is in a group of its own and does not hear Ctrl-C: run_child ends it, and what was
// measured is kept.
class watched_signals {
public:
	watched_signals()
	{
		ended_by = 0;
		for (size_t i = 0; i < numbers.size(); ++i) {
			struct sigaction ours {};
			ours.sa_handler = on_signal;
			sigaction(numbers[i], nullptr, &before_[i]);
			if (before_[i].sa_handler != SIG_IGN) // under nohup a line that hangs up is not to end it
				sigaction(numbers[i], &ours, nullptr);
		}
	}
	watched_signals(const watched_signals &) = delete;
	watched_signals &operator=(const watched_signals &) = delete;
	~watched_signals()
	{
		for (size_t i = 0; i < numbers.size(); ++i)
			sigaction(numbers[i], &before_[i], nullptr);
	}

private:
	static constexpr std::array<int, 4> numbers = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	std::array<struct sigaction, numbers.size()> before_{};
};

struct options {
	bench::wishes wishes;
	std::vector<std::string> compare;
	std::string output;
	bool list = false;
};

bench::tool_output call(const std::vector<std::string> &argv, std::chrono::seconds limit, bench::progress *shown)
{
	child_options with;
	with.timeout = limit;
	with.tick = [shown] {
		if (shown)
			shown->tick();
		return ended_by == 0;
	};
	const child_result said = run_child(argv, with);
	bench::tool_output made;
	made.missing = !said.started && said.start_error == ENOENT;
	made.stopped = said.stopped;
	made.status = said.started && !said.timed_out ? said.status : -1;
	made.out = said.out;
	made.err = said.err;
	made.trouble = said.ok() ? "" : describe(argv, said);
	return made;
}

unsigned columns()
{
	winsize size{};
	return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string default_name()
{
	char text[64] = "";
	const std::time_t now = std::time(nullptr);
	std::tm parts{};
	if (localtime_r(&now, &parts) != nullptr)
		(void)std::strftime(text, sizeof text, "xenpv-bench-%Y%m%d-%H%M%S.json", &parts);
	return text;
}

std::string jobs_text()
{
	std::string all = "On each disk, by fio (DISK is its path):\n";
	for (const bench::disk_job &job : bench::disk_jobs())
		all += fmt::format("  {}, {}\n    {}\n", job.workload, job.unit,
				   fmt::join(bench::fio_command(job, "DISK", 5), " "));
	all += "On each NIC, by iperf3 (SERVER runs `iperf3 -s`):\n";
	for (const bench::net_job &job : bench::net_jobs())
		all += fmt::format("  {}, {}\n    {}\n", job.workload, job.unit,
				   fmt::join(bench::iperf_command(job, {"SERVER", 5201, "NIC", ""}, 5, {true}), " "));
	return all;
}

void compare(const options &given, context &ctx)
{
	const bench::results a = bench::read_file(given.compare.at(0));
	const bench::results b = bench::read_file(given.compare.at(1));
	for (const bench::results *one : {&a, &b})
		for (const std::string &note : one->notes)
			*ctx.err << "note: " << note << "\n";
	const bench::comparison found = bench::compare(a, b);
	if (found.both.empty())
		throw bench::bad_argument("the two files have no measurement in common",
					  "compare results of the same kind of device");
	*ctx.out << (ctx.json ? bench::compare_json(found)
			      : bench::compare_table(found, given.compare[0], given.compare[1]));
}

void announce(const bench::preparation &ready, const std::vector<bench::turn> &plan, std::ostream &to)
{
	for (const std::string &note : ready.notes)
		to << "note: " << note << "\n";
	for (const bench::disk_part &part : ready.disks)
		to << fmt::format("disk /dev/{}: {}, {}\n", part.disk.name, part.disk.driver,
				  part.writes ? "WRITTEN TO" : "only read");
	for (const bench::device &nic : ready.nics)
		to << fmt::format("NIC {}: {}\n", nic.name, nic.driver);
	to << fmt::format("{} turns, about {}; Ctrl-C ends it and keeps what was measured\n", plan.size(),
			  bench::span(bench::seconds_of(plan)));
	to.flush();
}

void measure(const options &given, context &ctx)
{
	const watched_signals watched;
	bench::progress *shown_now = nullptr;
	const bench::run_tool run = [&](const auto &argv, std::chrono::seconds limit) {
		return call(argv, limit, shown_now);
	};
	const bench::preparation ready = bench::prepare(given.wishes, ctx.root, run, bench::system_address);
	const std::string output = given.output.empty() ? default_name() : given.output;
	bench::check_writable(output);
	bench::results made;
	made.environment =
		bench::environment(ctx.root, ready.disks, ready.nics, given.wishes.server, given.wishes.take, run);
	const auto plan = bench::make_plan(ready.disks, ready.nics.size(), given.wishes.take, given.wishes.jobs);
	if (plan.empty())
		throw bench::bad_argument("no job is left to measure",
					  "give --job words of workloads that `xenpv bench --list` shows");
	announce(ready, plan, *ctx.err);
	bench::progress shown(*ctx.err, ctx.terminal, columns(), plan);
	shown_now = &shown;
	bench::measurer by(ctx.root, run);
	bench::quiet_watch watch(ctx.root);
	watch.probe();
	try {
		bench::measure_all(ready, plan, by, shown, [&](const bench::samples &all) {
			made.rows = all.rows();
			watch.probe();
			made.machine = watch.result();
			bench::write_file(output, bench::to_json(made));
		});
	} catch (const bench::interrupted &) {
		shown.clear();
		throw bench::gone_wrong("ended by a signal before all was measured" +
						(made.rows.empty() ? "" : "; what there is, is in " + output),
					"run it again when there is time");
	}
	shown.clear();
	if (ctx.json) {
		*ctx.out << bench::to_json(made);
		return;
	}
	*ctx.out << bench::table(made) << "\nmedian (least-most) of " << given.wishes.take.repeats
		 << " runs; ratios of neighbouring runs, with the interval of 95 %; every run, latencies and counters "
		    "are in "
		 << output << "\n"
		 << "a page with charts: xenpv report " << output << " -o bench.html\n";
}

} // namespace

void add_bench(CLI::App &app, context &ctx)
{
	CLI::App *sub = app.add_subcommand("bench", "measure PV against emulated devices");
	const auto given = std::make_shared<options>();
	bench::wishes &wishes = given->wishes;
	sub->add_option("--disk", wishes.disks, "a disk to measure (repeatable); without it all PV and emulated ones")
		->type_name("/dev/NAME");
	sub->add_option("--nic", wishes.nics, "a NIC to measure (repeatable); without it all PV and emulated ones")
		->type_name("NAME");
	sub->add_option("--server", wishes.server, "where `iperf3 -s` runs; without it no network is measured")
		->type_name("ADDRESS");
	sub->add_option("--port", wishes.port, "of that server")->check(CLI::Range(1, 65535))->capture_default_str();
	sub->add_option("--only", wishes.only, "one half")->check(CLI::IsMember({"disk", "network"}));
	sub->add_option("--job", wishes.jobs, "only workloads with this in their name (repeatable); --list shows all")
		->type_name("TEXT");
	sub->add_flag("--reads-only", wishes.reads_only, "leave the jobs that write out, for disks with data on them");
	sub->add_option("--force-write", wishes.force_write,
			"measure this disk and DESTROY WHAT IS ON IT (repeatable); not one that is in use")
		->type_name("/dev/NAME");
	sub->add_option("--runtime", wishes.take.runtime, "seconds of each run")
		->check(CLI::Range(1, 3600))
		->capture_default_str();
	sub->add_option("--repeats", wishes.take.repeats, "runs of each job on each device")
		->check(CLI::Range(1, 100))
		->capture_default_str();
	sub->add_option("--warmup", wishes.take.warmup, "seconds of each job before runs count")
		->check(CLI::Range(0, 3600))
		->capture_default_str();
	sub->add_option("-o,--output", given->output, "results file; xenpv-bench-DATE-TIME.json otherwise")
		->type_name("FILE");
	auto *compared = sub->add_option("--compare", given->compare, "do not measure: compare two results files")
				 ->option_text("FILE FILE")
				 ->expected(2);
	for (const char *other : {"--disk", "--nic", "--server", "--only", "--reads-only", "--force-write", "--output"})
		compared->excludes(sub->get_option(other));
	sub->add_flag("--list", given->list, "do not measure: list the jobs with their commands");
	add_json_option(*sub, ctx);
	sub->footer(R"(Description:
Measures the disks and NICs of this guest, emulated and paravirtual beside each
other, by fio and iperf3. The jobs are fixed (--list shows them). Each is done once
to warm up, then in rounds in which the devices take turns. Of the runs it shows the
median, the least and the most, and how many times better PV is: of neighbouring
runs, with the interval in which the true ratio lies in 95 of 100 cases.

What is emulated or PV is told by the driver. In dom0 and outside of Xen, and for
passed-through devices, name what to measure. A network is measured against another
machine that runs iperf3 -s, best dom0 or one behind the same bridge.

A disk is written to when you name it and it is blank; disks that nobody named are
only read. --force-write names one whose content may go, and in dom0 any that is to
be written to. One in use is never written to.

Two NICs in one network answer for each other unless they are told not to:
  sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2

The results file has every run, percentiles and a histogram of latencies, the
environment, and per request or packet what our drivers and the guest counted.

Examples:
  xenpv bench --server 10.0.0.1
  xenpv bench --disk /dev/sda --disk /dev/xvde -o today.json
  xenpv bench --compare yesterday.json today.json
)");
	sub->callback([given, &ctx] {
		if (given->list)
			*ctx.out << jobs_text();
		else if (!given->compare.empty())
			compare(*given, ctx);
		else
			measure(*given, ctx);
	});
}

} // namespace xenpv::cli
