// SPDX-License-Identifier: GPL-2.0-only
// A survey in words.
#include <cli/status/status.hpp>

#include <cli/paint.hpp>
#include <cli/survey/machine.hpp>

#include <fmt/format.h>

namespace xenpv::cli {
namespace {

std::uint64_t find(const counters &all, std::string_view name)
{
	for (const auto &[key, value] : all)
		if (key == name)
			return value;
	return 0;
}

std::string state_of(const context &ctx, const device &d)
{
	if (!d.front_state || !d.back_state)
		return {};
	const std::string text =
		*d.front_state == *d.back_state
			? state_name(*d.front_state)
			: fmt::format("front {}, back {}", state_name(*d.front_state), state_name(*d.back_state));
	const bool connected = *d.front_state == 4 && *d.back_state == 4;
	return paint(ctx, connected ? colour::good : colour::warning, text);
}

std::string features_of(const device &d)
{
	if (d.front_state != 4)
		return {}; // nothing is agreed on yet
	std::string with;
	std::string without;
	for (const feature &f : d.features) {
		if (f.name == "queues" || f.name == "ring page order" || f.outcome.empty())
			continue;
		if (f.outcome == "no")
			without += (without.empty() ? "" : ", ") + f.name;
		else
			with += (with.empty() ? "" : ", ") + f.name + (f.outcome == "yes" ? "" : " " + f.outcome);
	}
	std::string out;
	if (!with.empty())
		out += fmt::format("      with {}\n", with);
	if (!without.empty())
		out += fmt::format("      without {}\n", without);
	return out;
}

std::string inside_of(const context &ctx, const device &d)
{
	if (!d.inside)
		return {};
	const insight &in = *d.inside;
	std::uint64_t received = 0;
	std::uint64_t spurious = 0;
	std::uint64_t sent = 0;
	for (const event_line &e : in.events) {
		received += find(e.values, "received");
		spurious += find(e.values, "spurious");
		sent += find(e.values, "sent");
	}
	std::string out = fmt::format("      {} events received ({} spurious), {} sent", received, spurious, sent);
	if (!in.grants.empty()) {
		out += fmt::format("; grants: {} in use (peak {}), {} cached", find(in.grants, "in_use"),
				   find(in.grants, "peak"), find(in.grants, "cached"));
		if (const auto n = find(in.grants, "mapped"))
			out += fmt::format(", {} mapped", n);
		if (const auto n = find(in.grants, "parked"))
			out += paint(ctx, colour::warning, fmt::format(", {} parked", n));
	}
	if (!in.state.empty() && in.state != "connected")
		out += paint(ctx, colour::bad, fmt::format("; the driver says: {}", in.state));
	return out + "\n";
}

std::string describe(const context &ctx, const device &d, const char *peer_word)
{
	const bool bad = d.how == access::emulated || d.how == access::unused;
	std::string out =
		fmt::format("  {:<4} {:<8} {} ", name_of(d.what), d.name.empty() ? d.id : d.name,
			    paint(ctx, bad ? colour::warning : colour::good, fmt::format("{:<9}", name_of(d.how))));
	out += d.driver.empty() ? std::string("no driver")
				: (d.module.empty() ? d.driver : d.module) + (d.version.empty() ? "" : " " + d.version);
	if (d.peer)
		out += fmt::format(", {} domain {}{}", peer_word, *d.peer,
				   d.peer_name.empty() ? "" : fmt::format(" ({})", d.peer_name));
	if (const std::string state = state_of(ctx, d); !state.empty())
		out += ", " + state;
	if (!d.alias_of.empty())
		out += fmt::format(", the same as {}", d.alias_of);
	out += "\n";
	if (d.queues)
		out += fmt::format("      {} queue{}{}{}\n", *d.queues, *d.queues == 1 ? "" : "s",
				   d.max_queues ? fmt::format(" of {} offered", *d.max_queues) : "",
				   d.rings.empty() ? "" : fmt::format(", a ring of {} each", d.rings));
	if (!d.hotplug_error.empty())
		out += paint(ctx, colour::bad, fmt::format("      hotplug script: {}\n", d.hotplug_error));
	if (!d.error.empty())
		out += paint(ctx, colour::bad, fmt::format("      error: {}\n", d.error));
	return out + features_of(d) + inside_of(ctx, d);
}

std::string describe_self(const context &ctx, const machine &m)
{
	std::string out = fmt::format("{}{}: {} on Xen {}, Linux {}, {} vCPU{}\n",
				      m.dom0     ? "dom0"
				      : m.serves ? "driver domain"
						 : "guest",
				      m.name.empty() ? "" : fmt::format(" {} (domain {})", m.name, m.id.value_or(0)),
				      paint(ctx, colour::strong, name_of(m.in)),
				      m.version.empty() ? "of unknown version" : m.version, m.kernel, m.vcpus,
				      m.vcpus == 1 ? "" : "s");
	if (!m.unplug.disks.empty())
		out += fmt::format(
			"emulated disks: {}; emulated NICs: {}{}\n", m.unplug.disks, m.unplug.nics,
			m.unplug.requested.empty() ? "" : fmt::format(" (xen_emul_unplug={})", m.unplug.requested));
	std::string loaded;
	for (const auto &[name, version] : m.modules)
		loaded += (loaded.empty() ? "" : ", ") + name + (version.empty() ? "" : " " + version);
	return out + fmt::format("xenpv modules: {}\n", loaded.empty() ? "none loaded" : loaded);
}

} // namespace

std::string describe(const context &ctx, const machine &m)
{
	std::string out = describe_self(ctx, m);
	for (const device &d : m.devices)
		if (!m.dom0 || d.how == access::paravirtual)
			out += describe(ctx, d, "from");
	for (const domain &g : m.guests) {
		out += fmt::format("guest {} (domain {}): {}{}, {} vCPU{}\n", g.name.empty() ? "?" : g.name, g.id,
				   paint(ctx, colour::strong, name_of(g.in)), g.os.empty() ? "" : ", " + g.os, g.vcpus,
				   g.vcpus == 1 ? "" : "s");
		for (const device &d : g.devices)
			out += describe(ctx, d, "served by");
	}
	if (m.serves && m.guests.empty() && m.id) // without xenstore nobody knows
		out += "no guests\n";
	for (const blind_spot &b : m.unseen)
		out += paint(ctx, colour::faint, fmt::format("not seen: {}: {}; {}\n", b.what, b.why, b.advice));
	return out;
}

} // namespace xenpv::cli
