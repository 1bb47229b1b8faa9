// SPDX-License-Identifier: GPL-2.0-only
// The frontend's frames, mapped here: for one request, or for as long as the
// connection lasts (persistent grants).
#pragma once
#include <grant/account.hpp>

#include <xenpv/counter.hpp>
#include <xenpv/result.hpp>

#include <cstdint>

namespace xenpv::blkback {

// Owned by one queue and used by its thread only.
class frames {
public:
	// In flight on a full ring of full requests, and as many kept: what one frontend
	// can make this domain map (XSA-300).
	static constexpr uint32_t most_kept = 32 * 11;
	static constexpr uint32_t most_pages = 2 * most_kept;
	static constexpr uint32_t chunk = 32;

	frames() = default;
	frames(const frames &) = delete;
	frames &operator=(const frames &) = delete;
	~frames();

	void open(grant::account &account, uint32_t domid, bool persistent);
	// Unmaps what is kept; false: somebody still holds some of it.
	[[nodiscard]] bool let_go();
	// Gives the pages back, once nothing is mapped.
	void close();

	// The page of a kept frame, or nullptr.
	[[nodiscard]] void *kept(uint32_t gref) const;
	// An operation for a frame that is not kept; err::no_memory when no page is to be
	// had now.
	[[nodiscard]] result<kapi_map_op> prepare(uint32_t gref, bool readonly);
	// One hypercall for all.  Each has its status afterwards.
	void map(kapi_map_op *ops, uint32_t count);
	// Keeps a mapped frame from now on; false: it must be unmapped after use.
	[[nodiscard]] bool keep(const kapi_map_op &op);
	// Nobody but us holds the page: it can be unmapped.
	[[nodiscard]] static bool idle(const kapi_map_op &op) { return !kapi_foreign_busy(op.page); }
	// One hypercall for all that were mapped; their pages are free again.
	void unmap(kapi_map_op *ops, uint32_t count);
	// Of an operation whose map failed.
	void put_page(void *page);

	[[nodiscard]] const xenpv_grant_costs &costs() const { return costs_; }
	[[nodiscard]] uint32_t kept_count() const { return kept_count_; }
	[[nodiscard]] bool persistent() const { return persistent_; }

private:
	struct entry {
		kapi_map_op op; // page is nullptr when the place is free
	};
	// Open addressing; at most a third full.
	static constexpr uint32_t places = 1024;
	[[nodiscard]] static uint32_t hash(uint32_t gref) { return (gref * 2654435761u) >> 22; }

	xenpv_grant_account *account_ = nullptr;
	uint32_t domid_ = 0;
	bool persistent_ = false;
	uint32_t kept_count_ = 0;
	uint32_t free_count_ = 0;
	uint32_t made_ = 0;
	entry table_[places] = {};
	void *free_[most_pages] = {};
	xenpv_grant_costs costs_{};
};

} // namespace xenpv::blkback
