// SPDX-License-Identifier: GPL-2.0-only
// Where it was measured: what somebody needs who wants to know why another machine has other figures.
#pragma once
#include <cli/bench/plan.hpp>
#include <cli/bench/tool.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace xenpv::cli::bench {

using facts = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] facts environment(const std::filesystem::path &root, const std::vector<disk_part> &disks,
				const std::vector<device> &nics, const std::string &server, const durations &take,
				const run_tool &run);

// "PV", "HVM", "PVHVM", "PVH", "dom0", or "none" where there is no Xen.
[[nodiscard]] std::string xen_mode(const std::filesystem::path &root);

} // namespace xenpv::cli::bench
