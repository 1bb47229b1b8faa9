// SPDX-License-Identifier: GPL-2.0-only
#include <cli/survey/survey.hpp>

#include <cli/context.hpp>
#include <cli/survey/parts.hpp>

#include <algorithm>
#include <unistd.h>

namespace xenpv::cli {
namespace {

// An emulated NIC and the paravirtual one beside it have one address.
void match_twins(machine &m)
{
	for (device &d : m.devices)
		for (const device &other : m.devices)
			if (d.how == access::emulated && !other.id.empty() && other.what == d.what && !d.mac.empty() &&
			    d.mac == other.mac)
				d.alias_of = other.id;
}

void say_unseen(tree &files, const xenstore &xs, machine &m)
{
	m.store_silent = xs.why_not().has_value();
	if (m.store_silent)
		m.unseen.push_back({"peers, negotiated features, rings and states", xs.why_not()->what(),
				    xs.why_not()->advice(), true});
	const bool debugfs = files.exists("/sys/kernel/debug/xenpv");
	for (const std::string &path : files.denied()) {
		if (!path.starts_with("/sys/kernel/debug"))
			continue;
		m.unseen.push_back({"grants and events", path + ": permission denied", "run it as root", true});
		return;
	}
	const auto uses = [&m](bool ours) {
		return std::any_of(m.devices.begin(), m.devices.end(),
				   [ours](const device &d) { return d.how == access::paravirtual && d.ours == ours; });
	};
	if (!m.modules.empty() && !debugfs)
		m.unseen.push_back({"grants and events", "/sys/kernel/debug/xenpv is not there",
				    "mount -t debugfs none /sys/kernel/debug", false});
	else if (uses(false))
		m.unseen.push_back({"grants and events of devices of in-tree drivers",
				    "only xenpv's own modules count them", "see docs/install.md for how to use those",
				    false});
}

} // namespace

machine survey(const context &ctx)
{
	tree files(ctx.root);
	xenstore xs(ctx);
	machine m;
	see_platform(files, xs, m);
	see_disks(files, m);
	see_nics(files, m);
	if (m.in == mode::none)
		return m;
	see_unbound(files, m);
	if (m.in == mode::hvm && std::any_of(m.devices.begin(), m.devices.end(),
					     [](const device &d) { return d.how == access::paravirtual; }))
		m.in = mode::pvhvm;
	see_unplug(files, m);
	for (device &d : m.devices) {
		see_pair(xs, d);
		if (!d.id.empty())
			see_inside(files, d.id, d);
	}
	match_twins(m);
	m.serves = m.dom0 || !files.list("/sys/bus/xen-backend/devices").empty();
	if (m.serves)
		see_guests(files, xs, m);
	say_unseen(files, xs, m);
	return m;
}

} // namespace xenpv::cli
