// SPDX-License-Identifier: GPL-2.0-only
// What a request or packet cost: our drivers' counters in debugfs, and the kernel's own of the whole guest.
#pragma once
#include <cli/bench/results.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace xenpv::cli::bench {

using readings = std::map<std::string, uint64_t>;

// The indented "name value" lines of a debugfs file of ours, added over the queues. Empty when there is none.
[[nodiscard]] readings parse_counters(const std::string &text);

// Interrupts and busy microseconds of all CPUs out of /proc/stat, with `ticks` to a second.
[[nodiscard]] readings parse_stat(const std::string &text, long ticks);

// What was counted between two readings of a disk's or a NIC's frontend, for each request or packet that it counted.
[[nodiscard]] std::vector<counter> per_request(const readings &before, const readings &after);
[[nodiscard]] std::vector<counter> per_packet(const readings &before, const readings &after);

// The same of /proc/stat; `things` is how many requests or packets there were, `unit` "per request" or "per packet".
[[nodiscard]] std::vector<counter> of_guest(const readings &before, const readings &after, double things,
					    const std::string &unit);

// Medians over the runs, of counters that all runs have.
[[nodiscard]] std::vector<counter> medians(const std::vector<std::vector<counter>> &runs);

} // namespace xenpv::cli::bench
