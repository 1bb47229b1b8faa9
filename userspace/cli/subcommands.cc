// SPDX-License-Identifier: GPL-2.0-only
#include <cli/subcommands.hpp>

#include <cli/advise/advise.hpp>
#include <cli/app.hpp>
#include <cli/context.hpp>
#include <cli/doctor/doctor.hpp>
#include <cli/status/status.hpp>

#include <CLI/CLI.hpp>
#include <memory>

namespace xenpv::cli {
namespace {

constexpr double shortest_watch = 0.01;
constexpr double longest_watch = 86400;

} // namespace

void add_status(CLI::App &app, context &ctx)
{
	CLI::App *sub = app.add_subcommand("status", "show the mode, and of each disk and NIC what serves it");
	add_json_option(*sub, ctx);
	auto options = std::make_shared<status_options>();
	CLI::Option *watch =
		sub->add_option("--watch", options->watch, "redraw rates every so many seconds, 1 unless said")
			->option_text("[=SECONDS]")
			->expected(0, 1)
			->default_str("1")
			->check(CLI::Range(shortest_watch, longest_watch));
	sub->add_option("--count", options->count, "end --watch after so many looks")->option_text("N")->needs(watch);
	sub->footer(R"(Description:
In a guest: its mode (PV, HVM, PVHVM, PVH), Xen's version, which emulated devices
are left, and of each disk and NIC whether it is emulated or paravirtual, its driver
and version, the domain that serves it, what both ends agreed on, queues, rings,
state, grants and events. In dom0 and in driver domains the same of each guest.

Works without xenpv's modules too, and says what it cannot see then.

Run it as root: xenstore and debugfs are closed to others.

Examples:
  xenpv status
  xenpv status --json | jq '.devices[] | {name, access, driver}'
  xenpv status --watch=2

Files:
  /sys/hypervisor, /sys/bus/xen, /sys/bus/xen-backend   mode and devices
  /sys/kernel/debug/xenpv                               grants, events, queues
  xenstore, through libxenstore.so.4                    peers and features
)");
	sub->callback([&ctx, options] { run_status(ctx, *options); });
}

void add_advise(CLI::App &app, context &ctx)
{
	CLI::App *sub = app.add_subcommand("advise", "say in which mode a guest should be, and how to get there");
	add_json_option(*sub, ctx);
	sub->footer(R"(Description:
In a guest it advises on this guest, in dom0 on every guest. It gives the reason and
each change word for word: guest configuration, kernel command line, package.

The rule is that of the Xen documentation: PVH for Linux on modern hardware where
kernel and toolstack can; else PVHVM, which is HVM with PV drivers. Other systems
stay HVM, with the PV drivers that there are for them.

The exit status is 1 when a change is advised.

Examples:
  xenpv advise
  xenpv advise --json
)");
	sub->callback([&ctx] { run_advise(ctx); });
}

void add_doctor(CLI::App &app, context &ctx)
{
	CLI::App *sub = app.add_subcommand("doctor", "look for the faults that users meet, and say how to mend each");
	add_json_option(*sub, ctx);
	auto options = std::make_shared<doctor_options>();
	sub->add_flag("--all", options->all, "list what is fine, too");
	sub->footer(R"(Description:
Looks twice, a moment apart, since what is on its way is no fault. It changes nothing.

Checks:
  in-tree module    the in-tree driver has a device though xenpv's is installed,
                    or that is installed for another kernel only
  initramfs         xenpv_blkfront is not in the image that the guest boots from
  lockdown          modules that are not signed, on a kernel that demands it
  unplug            emulated devices that were left, perhaps beside their PV twins
  xenstore states   devices that do not get to Connected, or whose driver gave up
  hotplug scripts   a script in dom0 that failed
  grant table       references that ran out, frames that a peer keeps, a table
                    that has nearly grown to its limit
  queues            fewer queues than vCPUs
  lost interrupts   a stalled link, requests without an answer or interrupt,
                    interrupts held back, a clock that depends on them
  features          what one end wants and the other lacks

The exit status is 1 when anything is wrong.

Examples:
  xenpv doctor
  xenpv doctor --all --json
)");
	sub->callback([&ctx, options] { run_doctor(ctx, *options); });
}

} // namespace xenpv::cli
