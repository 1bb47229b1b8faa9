// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/files.hpp>
#include <cli/bench/quiet.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sched.h>
#include <unistd.h>

namespace xenpv::cli::bench {
namespace {

// Above these a machine is not quiet. A CPU alone repeats its work within some percent.
constexpr double most_spread = 0.15, most_stolen = 0.02;
constexpr int repeats = 5;
constexpr unsigned steps = 4u << 20; // some milliseconds: longer than a time slice

double once()
{
	const auto began = std::chrono::steady_clock::now();
	volatile uint32_t state = 1;
	for (unsigned i = 0; i < steps; ++i)
		state = state * 1664525 + 1013904223;
	return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
}

std::string percent(double share)
{
	return std::to_string(std::lround(share * 100)) + " %";
}

} // namespace

double time_work(unsigned cpu)
{
	cpu_set_t before, only;
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (::sched_getaffinity(0, sizeof before, &before) != 0 || ::sched_setaffinity(0, sizeof only, &only) != 0)
		return 0;
	std::vector<double> times;
	for (int i = 0; i < repeats; ++i)
		times.push_back(once());
	(void)::sched_setaffinity(0, sizeof before, &before);
	return summarise(times).median;
}

quiet_watch::quiet_watch(std::filesystem::path root, std::function<double(unsigned)> work)
	: root_(std::move(root)), work_(std::move(work)), began_(now())
{
}

readings quiet_watch::now() const
{
	return parse_stat(text_of(root_ / "proc/stat"), ::sysconf(_SC_CLK_TCK));
}

void quiet_watch::probe()
{
	const long cpus = std::clamp(::sysconf(_SC_NPROCESSORS_CONF), 1l, static_cast<long>(CPU_SETSIZE));
	for (unsigned cpu = 0; cpu < static_cast<unsigned>(cpus); ++cpu)
		if (const double ms = work_(cpu); ms > 0)
			times_[cpu].push_back(ms);
}

calibration quiet_watch::result() const
{
	calibration made{true, {}};
	double spread = 0;
	for (const auto &[cpu, times] : times_) {
		const auto [least, most] = std::minmax_element(times.begin(), times.end());
		spread = std::max(spread, *most / *least - 1);
	}
	if (spread > most_spread)
		made.why.push_back("the same work took up to " + percent(spread) +
				   " longer at one time than at another");
	const readings ended = now();
	const auto gone_by = [&](const char *name) {
		const auto was = began_.find(name), is = ended.find(name);
		return was == began_.end() || is == ended.end() || is->second < was->second
			       ? 0.0
			       : static_cast<double>(is->second - was->second);
	};
	if (const double all = gone_by("all_us"); all > 0 && gone_by("stolen_us") / all > most_stolen)
		made.why.push_back("the hypervisor took " + percent(gone_by("stolen_us") / all) +
				   " of the virtual CPUs' time");
	made.quiet = made.why.empty();
	return made;
}

} // namespace xenpv::cli::bench
