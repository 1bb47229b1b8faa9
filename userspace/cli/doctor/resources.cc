// SPDX-License-Identifier: GPL-2.0-only
// What runs short, or is not agreed on as it could be: grants, queues, interrupts, features.
#include <cli/doctor/checks.hpp>

#include <cli/context.hpp>
#include <cli/source/grant_frames.hpp>
#include <cli/source/text.hpp>

#include <algorithm>
#include <fmt/format.h>

namespace xenpv::cli {
namespace {

constexpr unsigned most_useful_queues = 8; // what either end takes at most

std::uint64_t find(const counters &all, std::string_view name)
{
	for (const auto &[key, value] : all)
		if (key == name)
			return value;
	return 0;
}

std::uint64_t sum(const device &d, std::string_view name)
{
	std::uint64_t n = 0;
	if (d.inside)
		for (const counters &queue : d.inside->queues)
			n += find(queue, name);
	return n;
}

void check_table(examination &e, unsigned domain, const std::string &name)
{
	if (!e.ctx.grant_frames && e.ctx.root != "/")
		return;
	const auto answer = e.ctx.grant_frames ? e.ctx.grant_frames(domain) : grant_frames(domain);
	if (!answer || answer->second == 0)
		return;
	const auto [frames, most] = *answer;
	// It grows when references run out and never shrinks: the last eighth is the time to act.
	if (frames * 8 < most * 7)
		return;
	e.add("grant table", frames >= most ? verdict::fault : verdict::warning, name,
	      fmt::format("its grant table has grown to {} of {} frames", frames, most),
	      fmt::format("max_grant_frames={} in the guest's configuration (gnttab_max_frames= of Xen bounds it), and "
			  "start it anew; or "
			  "fewer queues",
			  most * 2));
}

bool low_clock(const std::string &source)
{
	return source == "jiffies" || source == "refined-jiffies" || source == "pit" || source == "acpi_pm" ||
	       source == "hpet";
}

void check_delays(examination &e, const std::string &bus)
{
	for (const std::string &id : e.files.list(bus)) {
		if (!id.starts_with("vbd-") && !id.starts_with("vif-"))
			continue;
		const auto delayed =
			e.files.value(fmt::format("{}/{}/xenbus/jiffies_eoi_delayed", bus, id)).value_or(0);
		if (delayed > 0)
			e.add("lost interrupts", verdict::warning, printable(id, 64),
			      fmt::format(
				      "its interrupts were held back for {} jiffies, since too many came without work",
				      delayed),
			      "the peer sends events for nothing: see events_spurious, and update the driver at the "
			      "other end");
	}
}

bool on(const std::string &value)
{
	return number(value).value_or(0) != 0;
}

} // namespace

void check_grants(examination &e)
{
	each_device(e, [&e](const patient &p) {
		if (!p.after.inside)
			return;
		const counters &g = p.after.inside->grants;
		if (const auto n = find(g, "exhausted"); n > 0)
			e.add("grant table", verdict::fault, p.name,
			      fmt::format("{} times no grant reference was left", n),
			      "max_grant_frames= in the guest's configuration, gnttab_max_frames= of Xen; or fewer "
			      "queues");
		if (const auto n = find(g, "parked"); n > 0)
			e.add("grant table", verdict::warning, p.name,
			      fmt::format("the peer keeps {} granted frames that it has answered", n),
			      "detach the device: its pages come back when the backend lets go or its domain ends");
	});
	if (!e.after.dom0)
		check_table(e, domain_self, "this domain");
	for (const domain &g : e.after.guests)
		check_table(e, g.id, fmt::format("guest {}", g.name));
}

void check_queues(examination &e)
{
	each_device(e, [&e](const patient &p) {
		const device &d = p.after;
		const unsigned wanted = std::min(p.vcpus, most_useful_queues);
		if (d.front_state != 4 || !d.queues || *d.queues >= wanted)
			return;
		const unsigned offered = d.max_queues.value_or(1);
		const std::string what =
			fmt::format("{} queue{} for {} vCPUs", *d.queues, *d.queues == 1 ? "" : "s", p.vcpus);
		const char *back = d.what == kind::disk ? "xenpv_blkback" : "xenpv_netback";
		if (offered <= *d.queues)
			e.add("queues", verdict::warning, p.name,
			      fmt::format("{}: the backend offers {}", what, offered),
			      fmt::format("in dom0: echo {} >/sys/module/{}/parameters/max_queues, then detach and "
					  "attach it",
					  wanted, back));
		else
			e.add("queues", verdict::warning, p.name,
			      fmt::format("{}, though the backend offers {}", what, offered),
			      d.what == kind::disk
				      ? "see max_queues of the guest's block frontend, then detach and attach the disk"
				      : fmt::format("in the guest: ethtool -L {} combined {}",
						    p.guest != nullptr || d.name.empty() ? "INTERFACE" : d.name,
						    std::min(offered, wanted)));
	});
}

void check_interrupts(examination &e)
{
	const std::string clock = e.files.line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
	if (low_clock(clock))
		e.add("lost interrupts", verdict::warning, "clock",
		      fmt::format("time comes from {}, which is slow to read, and wrong after lost timer interrupts",
				  clock),
		      "clocksource=xen on the kernel's command line, or tsc where the host's is stable (dmesg says why "
		      "it was refused)");
	check_delays(e, "/sys/bus/xen/devices");
	check_delays(e, "/sys/bus/xen-backend/devices");
	each_device(e, [&e](const patient &p) {
		if (!p.after.inside || !p.before.inside)
			return;
		const insight &in = *p.after.inside;
		if (find(in.facts, "stalled") == 1)
			e.add("lost interrupts", verdict::fault, p.name,
			      "the backend answers nothing while packets wait, the link is down",
			      "in dom0: does its thread run (ps ax | grep xenpv-), has dom0 CPU time left? Else rebind "
			      "the device");
		// Only a disk's frontend counts both.
		if (p.guest != nullptr || p.after.what != kind::disk)
			return;
		const auto waiting = [](const device &d) {
			const std::uint64_t asked = sum(d, "requests");
			const std::uint64_t answered = sum(d, "responses");
			return asked > answered ? asked - answered : 0;
		};
		const bool still = sum(p.before, "responses") == sum(p.after, "responses") &&
				   sum(p.before, "events_received") == sum(p.after, "events_received");
		if (still && waiting(p.before) > 0 && waiting(p.after) > 0)
			e.add("lost interrupts", verdict::fault, p.name,
			      fmt::format("{} requests wait, and neither an answer nor an interrupt has come meanwhile",
					  waiting(p.after)),
			      "is the storage in dom0 busy (/sys/block/*/inflight)? Else compare notifications_sent of "
			      "the one end with "
			      "events_received of the other, and report it");
	});
}

void check_features(examination &e)
{
	each_device(e, [&e](const patient &p) {
		const device &d = p.after;
		if (d.front_state != 4 || d.back_state != 4)
			return;
		if (d.queues && *d.queues > d.max_queues.value_or(1))
			e.add("features", verdict::fault, p.name,
			      fmt::format("the frontend uses {} queues, the backend offers {}", *d.queues,
					  d.max_queues.value_or(1)),
			      "detach and attach the device, or update the frontend's driver");
		for (const feature &f : d.features) {
			if (f.name == "persistent grants" && on(f.front) != on(f.back))
				e.add("features", verdict::warning, p.name,
				      fmt::format("persistent grants are wanted by the {} only: each request is mapped "
						  "anew",
						  on(f.front) ? "frontend" : "backend"),
				      on(f.front) ? "a backend that has them: xenpv_blkback, or the in-tree one with "
						    "feature_persistent=1"
						  : "a frontend that has them: xenpv_blkfront, or the in-tree one with "
						    "feature_persistent=1");
			if (f.name == "ring page order" && number(f.front).value_or(0) > number(f.back).value_or(0))
				e.add("features", verdict::fault, p.name,
				      fmt::format("the ring has order {}, the backend takes up to {}", f.front,
						  f.back.empty() ? "0" : f.back),
				      "detach and attach the device, or update the frontend's driver");
			if (f.name == "receive by copy" && f.outcome == "no")
				e.add("features", verdict::fault, p.name,
				      "the ends do not agree to copy packets to the guest",
				      "one end is very old: update it");
			if (f.name == "scatter-gather" && on(f.front) != on(f.back))
				e.add("features", verdict::warning, p.name,
				      fmt::format("large packets are taken by the {} only",
						  on(f.front) ? "frontend" : "backend"),
				      "ethtool -K INTERFACE sg on tso on, at the end that does not take them");
			if (f.name == "protocol" && f.front.empty())
				e.add("features", verdict::warning, p.name,
				      "the frontend does not say its ring's layout; a Linux backend then assumes that "
				      "of 32 bit guests",
				      "update the frontend's driver");
		}
	});
}

} // namespace xenpv::cli
