// SPDX-License-Identifier: GPL-2.0-only
// What changed between two surveys.
#include <cli/status/status.hpp>

#include <cli/paint.hpp>
#include <cli/survey/machine.hpp>

#include <fmt/format.h>

namespace xenpv::cli {
namespace {

// Of all queues or channels together.
std::uint64_t sum(const device &d, std::string_view name)
{
	std::uint64_t n = 0;
	if (d.inside)
		for (const counters &queue : d.inside->queues)
			for (const auto &[key, value] : queue)
				n += key == name ? value : 0;
	return n;
}

std::uint64_t total(const device &d, std::string_view name)
{
	for (const auto &[key, value] : d.totals)
		if (key == name)
			return value;
	return 0;
}

const device *same(const std::vector<device> &all, const device &wanted)
{
	for (const device &d : all)
		if (d.what == wanted.what && d.id == wanted.id && d.name == wanted.name)
			return &d;
	return nullptr;
}

// A device that was attached anew starts from zero: that is no rate.
double rate(std::uint64_t before, std::uint64_t after, double seconds)
{
	return after >= before ? static_cast<double>(after - before) / seconds : 0.0;
}

std::string row(const std::string &owner, const device &was, const device &is, double seconds)
{
	const auto of = [&](const char *name) { return rate(total(was, name), total(is, name), seconds); };
	const bool disk = is.what == kind::disk;
	const double in = disk ? of("reads") : of("rx_packets");
	const double out = disk ? of("writes") : of("tx_packets");
	const double in_mb = disk ? of("read_sectors") * 512 / 1e6 : of("rx_bytes") / 1e6;
	const double out_mb = disk ? of("write_sectors") * 512 / 1e6 : of("tx_bytes") / 1e6;
	std::string events = "         -";
	std::string sent = "         -";
	if (is.inside) {
		const auto queues = [&](const char *name) { return rate(sum(was, name), sum(is, name), seconds); };
		events = fmt::format("{:10.0f}", queues("events_received"));
		sent = fmt::format("{:10.0f}", queues("notifications_sent"));
	}
	return fmt::format("{:<12.12} {:<4} {:<10.10} {:<9} {:9.0f} {:9.0f} {:9.2f} {:9.2f} {} {}\n", owner,
			   name_of(is.what), is.name.empty() ? is.id : is.name, name_of(is.how), in, out, in_mb, out_mb,
			   events, sent);
}

} // namespace

std::string describe_rates(const context &ctx, const machine &before, const machine &after, double seconds)
{
	std::string out =
		paint(ctx, colour::strong,
		      fmt::format("{:<12} {:<4} {:<10} {:<9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10}\n", "domain", "",
				  "device", "", "in/s", "out/s", "in MB/s", "out MB/s", "events/s", "notified/s"));
	for (const device &d : after.devices)
		if (const device *was = same(before.devices, d); was != nullptr)
			out += row(after.name.empty() ? "this" : after.name, *was, d, seconds);
	for (const domain &g : after.guests)
		for (const domain &old : before.guests)
			if (old.id == g.id)
				for (const device &d : g.devices)
					if (const device *was = same(old.devices, d); was != nullptr)
						out += row(g.name, *was, d, seconds);
	return out;
}

} // namespace xenpv::cli
