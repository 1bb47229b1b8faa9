// SPDX-License-Identifier: GPL-2.0-only
#include <cli/status/status.hpp>

#include <cli/context.hpp>
#include <cli/json.hpp>
#include <cli/survey/survey.hpp>

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <thread>

namespace xenpv::cli {
namespace {

[[noreturn]] void refuse_no_xen()
{
	throw failure(exit_code::not_xen, "this is no Xen guest and no dom0: there is no /sys/hypervisor of type xen",
		      "run it inside a Xen guest or in dom0");
}

void judge(context &ctx, const machine &m)
{
	for (const blind_spot &b : m.unseen)
		if (b.serious)
			ctx.status = exit_code::blind;
}

void say_blind(context &ctx, const machine &m)
{
	for (const blind_spot &b : m.unseen)
		if (b.serious)
			*ctx.err << fmt::format("xenpv: {} cannot be seen: {}\nxenpv: what to do: {}\n", b.what, b.why,
						b.advice);
}

void watch(context &ctx, const status_options &options, machine before)
{
	using clock = std::chrono::steady_clock;
	auto then = clock::now();
	for (std::uint64_t n = 0; options.count == 0 || n < options.count; ++n) {
		std::this_thread::sleep_for(std::chrono::duration<double>(options.watch));
		machine now = survey(ctx);
		const auto time = clock::now();
		const double seconds = std::max(1e-6, std::chrono::duration<double>(time - then).count());
		if (ctx.json)
			*ctx.out << json_of_rates(before, now, seconds) << "\n";
		else
			*ctx.out << (ctx.terminal ? "\033[H\033[2J" : "") << describe_rates(ctx, before, now, seconds)
				 << (ctx.terminal ? "" : "\n");
		ctx.out->flush();
		if (!*ctx.out)
			return; // whoever read it has gone
		before = std::move(now);
		then = time;
	}
}

} // namespace

void run_status(context &ctx, const status_options &options)
{
	const machine m = survey(ctx);
	if (m.in == mode::none) {
		if (ctx.json)
			*ctx.out << json_of(m) << "\n";
		refuse_no_xen();
	}
	say_blind(ctx, m);
	judge(ctx, m);
	if (options.watch > 0)
		watch(ctx, options, m);
	else
		*ctx.out << (ctx.json ? json_of(m) + "\n" : describe(ctx, m));
}

} // namespace xenpv::cli
