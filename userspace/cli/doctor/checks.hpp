// SPDX-License-Identifier: GPL-2.0-only
// The checks; each adds what it found, or one finding that is fine.
#pragma once

#include <cli/doctor/finding.hpp>
#include <cli/source/tree.hpp>
#include <cli/survey/machine.hpp>

#include <functional>
#include <string>
#include <vector>

namespace xenpv::cli {

struct context;

struct examination {
	const context &ctx;
	const machine &before;
	const machine &after;
	tree files;
	std::vector<finding> found{};

	void add(const char *check, verdict is, std::string where, std::string what, std::string fix)
	{
		found.push_back({check, is, std::move(where), std::move(what), std::move(fix)});
	}
};

// A paravirtual device, wherever it is seen: this domain's own, or a guest's.
struct patient {
	const device &before;
	const device &after;
	const domain *guest = nullptr; // whose it is, seen from the backend's side
	unsigned vcpus = 0; // of the domain with the frontend
	std::string name{};
};
void each_device(const examination &e, const std::function<void(const patient &)> &visit);

void check_in_tree_module(examination &e);
void check_initramfs(examination &e);
void check_lockdown(examination &e);
void check_unplug(examination &e);
void check_states(examination &e);
void check_hotplug(examination &e);
void check_grants(examination &e);
void check_queues(examination &e);
void check_interrupts(examination &e);
void check_features(examination &e);

// Our module for a device: xenpv_blkfront, ...
std::string our_module(const patient &p);
// The file of a module as the running kernel's modules.dep names it; "" when it is not installed.
std::string module_file(tree &files, const std::string &kernel, const std::string &module);

} // namespace xenpv::cli
