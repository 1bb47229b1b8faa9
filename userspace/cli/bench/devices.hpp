// SPDX-License-Identifier: GPL-2.0-only
// The disks and NICs of the guest, told by their drivers.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace xenpv::cli::bench {

struct device {
	std::string name; // "xvdb", "eth0"
	std::string kind; // "emulated", "intree", "xenpv", "other"
	std::string driver; // for people: "xenpv_blkfront", "ata_piix"
	std::string debugfs; // our driver's counters, under the root; empty for others
	std::string label{}; // in results: the kind, with the name behind where there are several of it
	uint64_t bytes = 0; // of a disk
	bool read_only = false;
};

// Everything that could be measured, in the order PV last; neither removable nor empty disks, no loopback. What is
// neither PV nor known to be emulated is of kind "other".
[[nodiscard]] std::vector<device> find_disks(const std::filesystem::path &root);
[[nodiscard]] std::vector<device> find_nics(const std::filesystem::path &root);

// Those that are named ("xvdb" or "/dev/xvdb"), or all that are not "other" when none is; with labels. Throws failure
// for a name that is not there.
[[nodiscard]] std::vector<device> choose(const std::vector<device> &found, const std::vector<std::string> &named,
					 const std::string &what);

// "xvdb" of "/dev/xvdb".
[[nodiscard]] std::string bare(const std::string &name);

} // namespace xenpv::cli::bench
