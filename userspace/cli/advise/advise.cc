// SPDX-License-Identifier: GPL-2.0-only
#include <cli/advise/advise.hpp>

#include <cli/doctor/checks.hpp>
#include <cli/json.hpp>
#include <cli/paint.hpp>
#include <cli/source/store.hpp>
#include <cli/source/text.hpp>
#include <cli/survey/survey.hpp>

#include <fmt/format.h>

namespace xenpv::cli {
namespace {

own_facts look_at_own(const context &ctx, const machine &m)
{
	tree files(ctx.root);
	own_facts own;
	own.efi = files.exists("/sys/firmware/efi");
	if (const auto config = files.text("/boot/config-" + m.kernel, std::size_t{1} << 20))
		own.kernel_can_pvh = contains(*config, "\nCONFIG_XEN_PVH=y");
	own.platform_device = false;
	for (const std::string &name : files.list("/sys/bus/pci/devices"))
		own.platform_device =
			own.platform_device || files.line("/sys/bus/pci/devices/" + name + "/vendor") == "0x5853";
	own.xenpv_installed = !m.modules.empty() || !module_file(files, m.kernel, "xenpv_kapi").empty();
	if (!m.dom0)
		own.xapi = !xenstore(ctx).list("xenserver").empty(); // xenopsd makes it for its own agent
	return own;
}

} // namespace

std::string describe(const context &ctx, const std::vector<advice> &all)
{
	std::string out;
	for (const advice &a : all) {
		const std::string to = a.should == a.now
					       ? fmt::format("{}, and should stay so", name_of(a.now))
					       : fmt::format("{}, should be {}", name_of(a.now), name_of(a.should));
		out += fmt::format("{}{}: {}\n  why: {}\n", a.domain.empty() ? "?" : a.domain,
				   a.id ? fmt::format(" (domain {})", *a.id) : "",
				   paint(ctx, a.change ? colour::warning : colour::good, to), a.reason);
		for (const step &s : a.steps)
			out += fmt::format("  {}: {}\n", s.where, s.what);
	}
	return out;
}

void run_advise(context &ctx)
{
	const machine m = survey(ctx);
	if (m.in == mode::none)
		throw failure(exit_code::not_xen, "this is no Xen guest and no dom0: there is no mode to advise on",
			      "run it inside a Xen guest or in dom0");
	const auto all = advise(m, look_at_own(ctx, m));
	*ctx.out << (ctx.json ? json_of(all) + "\n" : describe(ctx, all));
	for (const advice &a : all)
		if (a.change)
			ctx.status = exit_code::wrong;
	for (const blind_spot &b : m.unseen) {
		if (!b.serious)
			continue;
		*ctx.err << fmt::format("xenpv: {} cannot be seen: {}\nxenpv: what to do: {}\n", b.what, b.why,
					b.advice);
		if (ctx.status == exit_code::ok)
			ctx.status = exit_code::blind;
	}
}

} // namespace xenpv::cli
