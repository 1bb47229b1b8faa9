// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/failure.hpp>
#include <cli/bench/files.hpp>
#include <cli/bench/iperf.hpp>
#include <cli/bench/measure.hpp>

#include <unistd.h>

namespace xenpv::cli::bench {
namespace {

constexpr unsigned grace = 60; // s that a program may take longer than it was told: an emulated disk may be slow to end
constexpr int busy_tries = 10;

std::vector<counter> together(std::vector<counter> a, const std::vector<counter> &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

// What went another way says nothing of this NIC.
void check_crossed(double counted, double arrived, const device &nic)
{
	if (counted < arrived / 2)
		throw gone_wrong(
			"the traffic of iperf3 did not go over " + nic.name,
			"take the other interfaces of that network down (ip link set NAME down) and measure one "
			"NIC after the other, or keep them apart: sysctl -w net.ipv4.conf.all.arp_ignore=1 "
			"net.ipv4.conf.all.arp_announce=2 net.ipv4.conf.all.rp_filter=2");
}

} // namespace

measurer::measurer(std::filesystem::path root, run_tool run) : root_(std::move(root)), run_(std::move(run)) {}

readings measurer::own(const device &on) const
{
	return on.debugfs.empty() ? readings{}
				  : parse_counters(text_of(root_ / std::filesystem::path(on.debugfs).relative_path()));
}

readings measurer::guest() const
{
	return parse_stat(text_of(root_ / "proc/stat"), ::sysconf(_SC_CLK_TCK));
}

uint64_t measurer::statistic(const device &nic, const std::string &name) const
{
	return number_in(root_ / "sys/class/net" / nic.name / "statistics" / name);
}

std::string measurer::call(const std::vector<std::string> &command, unsigned seconds, bool may_fail) const
{
	const tool_output said = run_(command, std::chrono::seconds(seconds + grace));
	if (said.stopped)
		throw interrupted{};
	if (said.missing)
		throw cannot(command.front() + " is not installed", "apt install " + command.front());
	if (said.status != 0 && !may_fail)
		throw gone_wrong(
			said.trouble, "see whether this works by hand: " + [&] {
				std::string words;
				for (const std::string &word : command)
					words += (words.empty() ? "" : " ") + word;
				return words;
			}());
	return said.out;
}

void measurer::disk(const disk_job &job, const device &on, unsigned seconds, samples *to)
{
	const std::string path = (root_ / "dev" / on.name).string();
	const readings own_before = own(on), guest_before = guest();
	const disk_sample found = read_fio(job, call(fio_command(job, path, seconds), seconds, false));
	const readings guest_after = guest(), own_after = own(on);
	if (to)
		to->add(job, on.label, found,
			together(per_request(own_before, own_after),
				 of_guest(guest_before, guest_after, static_cast<double>(found.requests),
					  "per request")));
}

// iperf3 tells what is wrong in its JSON, with any exit status.
std::string measurer::call_iperf(const std::vector<std::string> &command, unsigned seconds) const
{
	for (int i = 1;; ++i) {
		std::string said = call(command, seconds, true);
		if (i == busy_tries || !server_is_busy(said))
			return said;
		(void)call({"sleep", "1"}, 1, true); // may be interrupted, as everything here
	}
}

void measurer::network(const net_job &job, const device &on, const net_end &end, unsigned seconds, samples *to)
{
	const std::string way = job.reverse ? "rx" : "tx";
	const readings own_before = own(on), guest_before = guest();
	const uint64_t bytes_before = statistic(on, way + "_bytes"), packets_before = statistic(on, way + "_packets");
	const uint64_t all_before = statistic(on, "rx_packets") + statistic(on, "tx_packets");
	const net_sample found = read_iperf(job, call_iperf(iperf_command(job, end, seconds, can_), seconds));
	const auto bytes = static_cast<double>(statistic(on, way + "_bytes") - bytes_before);
	const auto packets = static_cast<double>(statistic(on, way + "_packets") - packets_before);
	const auto all = static_cast<double>(statistic(on, "rx_packets") + statistic(on, "tx_packets") - all_before);
	const readings guest_after = guest(), own_after = own(on);
	double value = found.value;
	if (!job.datagrams) {
		check_crossed(bytes, value * 1e6 / 8 * found.seconds, on);
	} else {
		check_crossed(packets, value * found.seconds, on);
		// iperf3 reads a fraction of what arrives when it has no CPU to itself; the NIC has counted all.
		if (job.reverse)
			value = packets / found.seconds;
	}
	if (to)
		to->add(job, on.label, value,
			together(per_packet(own_before, own_after),
				 of_guest(guest_before, guest_after, all, "per packet")));
}

} // namespace xenpv::cli::bench
