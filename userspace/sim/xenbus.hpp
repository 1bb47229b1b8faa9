// SPDX-License-Identifier: GPL-2.0-only
// One end of a device on the xenbus.
#pragma once
#include <userspace/sim/xenstore.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace xenpv::sim {

struct page;

struct mapped_ring {
	page *at;
	uint32_t handle;
};

} // namespace xenpv::sim

struct kapi_xenbus {
	std::string name;
	std::string own; // directories
	std::string peer;
	uint32_t peer_domid;

	std::mutex mutex{};
	std::map<void *, xenpv::sim::mapped_ring> rings{}; // by address
	std::function<void()> unregister{}; // what kapi_blkback_unregister does
};
