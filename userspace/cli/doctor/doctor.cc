// SPDX-License-Identifier: GPL-2.0-only
#include <cli/doctor/doctor.hpp>

#include <cli/doctor/checks.hpp>
#include <cli/json.hpp>
#include <cli/paint.hpp>
#include <cli/survey/survey.hpp>

#include <fmt/format.h>
#include <thread>

namespace xenpv::cli {

const char *name_of(verdict v)
{
	switch (v) {
	case verdict::fine:
		return "fine";
	case verdict::unseen:
		return "not seen";
	case verdict::warning:
		return "warning";
	case verdict::fault:
		break;
	}
	return "fault";
}

void each_device(const examination &e, const std::function<void(const patient &)> &visit)
{
	const auto pairs = [&visit](const std::vector<device> &before, const std::vector<device> &after,
				    const domain *guest, unsigned vcpus) {
		for (const device &now : after)
			for (const device &was : before)
				if (!now.id.empty() && was.id == now.id && was.back_path == now.back_path)
					visit({was, now, guest, vcpus,
					       guest != nullptr ? fmt::format("guest {} {}", guest->name, now.id)
								: now.id});
	};
	pairs(e.before.devices, e.after.devices, nullptr, e.after.vcpus);
	for (const domain &now : e.after.guests)
		for (const domain &was : e.before.guests)
			if (was.id == now.id)
				pairs(was.devices, now.devices, &now, now.vcpus);
}

std::vector<finding> examine(const context &ctx, const machine &before, const machine &after)
{
	examination e{ctx, before, after, tree(ctx.root)};
	struct one_check {
		const char *name;
		void (*look)(examination &);
		bool asks_xenstore = false;
	};
	constexpr one_check checks[] = {
		{"in-tree module", check_in_tree_module},
		{"initramfs", check_initramfs},
		{"lockdown", check_lockdown},
		{"unplug", check_unplug},
		{"xenstore states", check_states, true},
		{"hotplug scripts", check_hotplug, true},
		{"grant table", check_grants},
		{"queues", check_queues, true},
		{"lost interrupts", check_interrupts},
		{"features", check_features, true},
	};
	for (const one_check &check : checks) {
		const std::size_t had = e.found.size();
		check.look(e);
		if (e.found.size() != had)
			continue;
		if (check.asks_xenstore && (before.store_silent || after.store_silent))
			e.add(check.name, verdict::unseen, {}, "xenstore does not tell", {});
		else
			e.add(check.name, verdict::fine, {}, {}, {});
	}
	for (const blind_spot &b : after.unseen)
		if (b.serious)
			e.add("sight", verdict::unseen, {}, fmt::format("{}: {}", b.what, b.why), b.advice);
	return std::move(e.found);
}

std::string describe(const context &ctx, const std::vector<finding> &findings, bool all)
{
	constexpr colour colours[] = {colour::good, colour::faint, colour::warning, colour::bad};
	std::string out;
	unsigned wrong = 0;
	for (const finding &f : findings) {
		if (f.is == verdict::fine && !all)
			continue;
		wrong += f.is == verdict::warning || f.is == verdict::fault ? 1 : 0;
		out += paint(ctx, colours[static_cast<int>(f.is)], fmt::format("{}: {}", name_of(f.is), f.check));
		if (!f.where.empty())
			out += ": " + f.where;
		if (!f.what.empty())
			out += ": " + f.what;
		out += "\n";
		if (!f.fix.empty())
			out += fmt::format("    fix: {}\n", f.fix);
	}
	return out + (wrong == 0 ? std::string("nothing wrong was found\n")
				 : fmt::format("{} thing{} wrong\n", wrong, wrong == 1 ? "" : "s"));
}

void run_doctor(context &ctx, const doctor_options &options)
{
	const machine before = survey(ctx);
	if (before.in == mode::none)
		throw failure(exit_code::not_xen, "this is no Xen guest and no dom0: there is nothing to examine",
			      "run it inside a Xen guest or in dom0");
	std::this_thread::sleep_for(ctx.pause);
	const machine after = survey(ctx);
	const auto findings = examine(ctx, before, after);
	*ctx.out << (ctx.json ? json_of(findings) + "\n" : describe(ctx, findings, options.all));
	for (const finding &f : findings) {
		if (f.is == verdict::unseen && f.check == std::string("sight")) {
			*ctx.err << fmt::format("xenpv: {}\nxenpv: what to do: {}\n", f.what, f.fix);
			if (ctx.status == exit_code::ok)
				ctx.status = exit_code::blind;
		}
		if (f.is == verdict::warning || f.is == verdict::fault)
			ctx.status = exit_code::wrong;
	}
}

} // namespace xenpv::cli
