// SPDX-License-Identifier: GPL-2.0-only
// Results as text: for each workload and load the devices beside each other, and how many times better PV is, with the
// interval of that.
#pragma once
#include <cli/bench/results.hpp>

#include <string>
#include <vector>

namespace xenpv::cli::bench {

[[nodiscard]] std::string table(const results &of);

// Why figures may not repeat; empty when the machine was quiet, or nobody looked.
[[nodiscard]] std::string told(const std::optional<calibration> &machine);

// Columns as wide as they need to be, the first to the left, the others to the right. The first line is the heading.
[[nodiscard]] std::string aligned(const std::vector<std::vector<std::string>> &lines);

// "180 (100-2000)".
[[nodiscard]] std::string with_spread(const summary &of);

// kind: as kind_of() tells it.
[[nodiscard]] bool is_emulated(const std::string &kind);

// The device that the others of these results are compared with: the first emulated one, else the first in-tree one;
// empty when there is neither.
[[nodiscard]] std::string base_of(const results &in);

} // namespace xenpv::cli::bench
