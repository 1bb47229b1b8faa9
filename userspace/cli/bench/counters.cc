// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/counters.hpp>

#include <algorithm>
#include <sstream>

namespace xenpv::cli::bench {
namespace {

// What is shown of each, under the demo's names.
struct shown {
	const char *name;
	const char *key;
};

constexpr shown of_a_disk[] = {
	{"notifications front to back", "notifications_sent"},
	{"notifications back to front", "events_received"},
	{"spurious events of the front", "events_spurious"},
	{"ring pushes of the front", "pushes"},
	{"segments", "segments"},
};

constexpr shown of_a_nic[] = {
	{"notifications front to back", "notifications_sent"}, {"notifications back to front", "events_received"},
	{"spurious events of the front", "events_spurious"},   {"ring pushes of the front, sending", "tx_pushes"},
	{"ring pushes of the front, receiving", "rx_pushes"},
};

// A device that connected anew in between has counters that began anew.
double gone_up(const readings &before, const readings &after, const std::string &key)
{
	const auto was = before.find(key);
	const auto is = after.find(key);
	if (is == after.end() || was == before.end() || is->second < was->second)
		return -1;
	return static_cast<double>(is->second - was->second);
}

template <size_t N>
std::vector<counter> shared(const shown (&names)[N], const readings &before, const readings &after, double things,
			    const std::string &unit)
{
	std::vector<counter> found;
	if (things <= 0)
		return found;
	for (const auto &[name, key] : names)
		if (const double counted = gone_up(before, after, key); counted >= 0)
			found.push_back({unit, name, counted / things});
	return found;
}

} // namespace

readings parse_counters(const std::string &text)
{
	readings found;
	std::istringstream lines(text);
	for (std::string line; std::getline(lines, line);) {
		if (!line.starts_with("  "))
			continue;
		std::istringstream words(line);
		std::string name;
		uint64_t value = 0;
		if (words >> name >> value)
			found[name] += value;
	}
	return found;
}

readings parse_stat(const std::string &text, long ticks)
{
	readings found;
	std::istringstream lines(text);
	for (std::string line; std::getline(lines, line);) {
		std::istringstream words(line);
		std::string name;
		words >> name;
		if (name == "cpu") {
			uint64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0;
			words >> user >> nice >> system >> idle >> wait >> irq >> softirq >> steal;
			const auto per_tick = static_cast<uint64_t>(1000000 / std::max(ticks, 1l));
			found["busy_us"] = (user + nice + system + irq + softirq) * per_tick;
			found["stolen_us"] = steal * per_tick;
			found["all_us"] = (user + nice + system + idle + wait + irq + softirq + steal) * per_tick;
		} else if (name == "intr") {
			words >> found["interrupts"];
		}
	}
	return found;
}

std::vector<counter> per_request(const readings &before, const readings &after)
{
	return shared(of_a_disk, before, after, gone_up(before, after, "requests"), "per request");
}

std::vector<counter> per_packet(const readings &before, const readings &after)
{
	const double sent = gone_up(before, after, "tx_packets");
	const double received = gone_up(before, after, "rx_packets");
	return sent < 0 || received < 0 ? std::vector<counter>{}
					: shared(of_a_nic, before, after, sent + received, "per packet");
}

std::vector<counter> of_guest(const readings &before, const readings &after, double things, const std::string &unit)
{
	constexpr shown names[] = {{"interrupts of the guest", "interrupts"}, {"CPU time of the guest, us", "busy_us"}};
	return shared(names, before, after, things, unit);
}

std::vector<counter> medians(const std::vector<std::vector<counter>> &runs)
{
	std::vector<counter> found;
	if (runs.empty())
		return found;
	for (const counter &first : runs.front()) {
		std::vector<double> values;
		for (const auto &run : runs)
			for (const counter &one : run)
				if (one.name == first.name && one.unit == first.unit)
					values.push_back(one.value);
		if (values.size() == runs.size())
			found.push_back({first.unit, first.name, summarise(values).median});
	}
	return found;
}

} // namespace xenpv::cli::bench
