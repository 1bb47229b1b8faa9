// SPDX-License-Identifier: GPL-2.0-only
// A domain's grant table (Xen public header grant_table.h, version 1).
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace xenpv::sim {

struct page;

// Statuses of grant_table.h that kapi has no name for.
inline constexpr int32_t bad_domain = -2;
inline constexpr int32_t bad_handle = -4;
inline constexpr int32_t bad_copy = -10;

class grant_table {
public:
	static constexpr uint32_t reserved = 8; // for the console, xenstore, ...
	static constexpr uint32_t default_size = 8192;

	explicit grant_table(uint32_t domid);

	// Every domain's references begin elsewhere, so that one used against the wrong
	// table is an error and not luck.
	[[nodiscard]] static uint32_t first(uint32_t domid) { return (domid << 16) + reserved; }
	[[nodiscard]] static uint32_t owner(uint32_t ref) { return ref >> 16; }

	// How many references there are; those in use stay.
	void set_size(uint32_t size);
	[[nodiscard]] uint32_t in_use() const;

	[[nodiscard]] bool take(uint32_t *refs, uint32_t count);
	void give_back(const uint32_t *refs, uint32_t count);
	void open(uint32_t ref, uint32_t grantee, page *frame, bool readonly);
	[[nodiscard]] bool end(uint32_t ref);

	// For the grantee: a status, and the page.  `count_map`: it stays reachable until
	// unmap().
	[[nodiscard]] int32_t reach(uint32_t ref, uint32_t grantee, bool write, bool count_map, page **out);
	void unmap(uint32_t ref);

private:
	struct entry {
		bool taken = false;
		bool open = false;
		bool readonly = false;
		uint32_t grantee = 0;
		uint32_t maps = 0;
		page *frame = nullptr;
	};
	[[nodiscard]] entry *at(uint32_t ref);

	mutable std::mutex mutex_;
	uint32_t domid_;
	uint32_t size_ = default_size;
	uint32_t in_use_ = 0;
	std::vector<entry> entries_;
	std::deque<uint32_t> unused_; // indices
};

} // namespace xenpv::sim
