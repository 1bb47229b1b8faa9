// SPDX-License-Identifier: GPL-2.0-only
// Which foreign page shows which grant: the hypervisor's maptrack.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>

namespace xenpv::sim {

class domain;
struct page;

class mappings {
public:
	// A status of grant_table.h; *handle when it is 0.
	[[nodiscard]] int32_t map(domain &mapper, uint32_t domid, uint32_t ref, page *at, bool readonly,
				  uint32_t *handle);
	[[nodiscard]] int32_t unmap(uint32_t handle, const page *at);
	// The page keeps a copy.
	[[nodiscard]] int32_t replace(uint32_t handle, page *at);

private:
	struct entry {
		domain *granter;
		uint32_t ref;
		page *at;
	};
	std::mutex mutex_;
	std::map<uint32_t, entry> entries_;
	uint32_t next_ = 0; // 0 is a good handle
};

} // namespace xenpv::sim
