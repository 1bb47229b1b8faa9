// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/plan.hpp>

#include <algorithm>
#include <cmath>

namespace xenpv::cli::bench {

bool is_chosen(const std::string &workload, const std::vector<std::string> &words)
{
	return words.empty() || std::any_of(words.begin(), words.end(), [&](const std::string &word) {
		       return workload.find(word) != std::string::npos;
	       });
}

namespace {

// Every second round goes through the devices backwards, so that what drifts meets all of them alike.
std::vector<size_t> order(size_t devices, unsigned round)
{
	std::vector<size_t> made(devices);
	for (size_t i = 0; i < devices; ++i)
		made[i] = round % 2 || round == 0 ? i : devices - 1 - i;
	return made;
}

} // namespace

std::vector<turn> make_plan(const std::vector<disk_part> &disks, size_t nics, const durations &take,
			    const std::vector<std::string> &jobs)
{
	std::vector<turn> plan;
	for (unsigned round = take.warmup ? 0 : 1; round <= take.repeats; ++round) {
		const unsigned seconds = round ? take.runtime : take.warmup;
		for (size_t job = 0; job < disk_jobs().size(); ++job)
			for (const size_t device : order(disks.size(), round))
				if ((disks[device].writes || !disk_jobs()[job].writes()) &&
				    is_chosen(disk_jobs()[job].workload, jobs))
					plan.push_back({false, job, device, round, seconds});
		for (size_t job = 0; job < net_jobs().size(); ++job)
			for (const size_t device : order(nics, round))
				if (is_chosen(net_jobs()[job].workload, jobs))
					plan.push_back({true, job, device, round, seconds});
	}
	return plan;
}

double seconds_of(const std::vector<turn> &plan, size_t first)
{
	constexpr double overhead = 0.7; // seen with fio 3.33 and iperf3 3.12
	double sum = 0;
	for (size_t i = first; i < plan.size(); ++i)
		sum += plan[i].seconds + overhead;
	return sum;
}

std::string span(double seconds)
{
	const auto whole = static_cast<unsigned>(std::lround(std::max(seconds, 0.0)));
	return (whole < 60 ? "" : std::to_string(whole / 60) + " min ") + std::to_string(whole % 60) + " s";
}

} // namespace xenpv::cli::bench
