// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/session.hpp>

namespace xenpv::cli::bench {
namespace {

void take(const turn &one, const preparation &what, measurer &by, samples *to)
{
	if (one.network)
		by.network(net_jobs()[one.job], what.nics[one.device], what.ends[one.device], one.seconds, to);
	else
		by.disk(disk_jobs()[one.job], what.disks[one.device].disk, one.seconds, to);
}

std::string described(const turn &one, const preparation &what, unsigned rounds)
{
	const std::string job = one.network ? net_jobs()[one.job].workload : disk_jobs()[one.job].workload;
	const device &on = one.network ? what.nics[one.device] : what.disks[one.device].disk;
	const std::string when =
		one.round ? "run " + std::to_string(one.round) + " of " + std::to_string(rounds) : "warm-up";
	return when + ": " + job + ", " + on.label + (on.label.ends_with(on.name) ? "" : " " + on.name);
}

} // namespace

void measure_all(const preparation &what, const std::vector<turn> &plan, measurer &by, progress &shown,
		 const std::function<void(const samples &)> &save)
{
	samples all;
	const unsigned rounds = plan.empty() ? 0 : plan.back().round;
	try {
		by.iperf_can(what.can);
		for (size_t i = 0; i < plan.size(); ++i) {
			shown.begin(i, described(plan[i], what, rounds));
			take(plan[i], what, by, plan[i].round ? &all : nullptr);
			const bool last = i + 1 == plan.size() || plan[i + 1].round != plan[i].round;
			if (last && plan[i].round)
				save(all);
		}
	} catch (...) {
		// Minutes went into it.
		if (!all.empty())
			save(all);
		throw;
	}
}

} // namespace xenpv::cli::bench
