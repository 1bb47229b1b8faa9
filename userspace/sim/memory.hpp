// SPDX-License-Identifier: GPL-2.0-only
// The machine's frames, and the pages that domains have of them.
//
// Frames live in one memory file.  A domain sees its own frame at one address;
// another domain's frame is mapped a second time, at an address that faults before
// and after, and is read-only when the grant is.  Under TSan, which follows
// addresses, a foreign page is the owner's address instead, so that it can judge
// what the two ends do to the same memory.
#pragma once
#include <userspace/sim/context.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace xenpv::sim {

// What kapi calls "the kernel's handle" of a page.
struct page {
	domain *owner = nullptr;
	uint64_t frame = 0; // own pages
	void *addr = nullptr;
	uint32_t holders = 0;
	uint32_t accesses = 0; // grants that let a peer reach it
	bool foreign = false;
	bool mapped = false; // foreign pages
	bool replaced = false; // foreign pages: it has memory of its own
	bool uncounted = false; // nobody can hold it but its owner
};

class memory {
public:
	memory();
	memory(const memory &) = delete;
	memory &operator=(const memory &) = delete;
	~memory();

	// A zeroed frame, nullptr when there are no more.
	[[nodiscard]] page *allocate(domain &owner);
	// What to release.
	[[nodiscard]] page *hold(page *p);
	void release(page *p);
	// Held by somebody else than its owner: network storage does that.
	[[nodiscard]] bool busy(const page *p);
	// The page of a frame, when `owner` has it.
	[[nodiscard]] page *find(uint64_t frame, const domain &owner);
	// A grant on the frame begins or ends.
	void count_access(page *p, int change);

	[[nodiscard]] page *allocate_foreign(domain &owner);
	void free_foreign(page *p);
	// Puts the frame behind a foreign page; takes it away.
	void alias(page *p, const page &target, bool readonly);
	void unalias(page *p);
	// Puts a copy of the frame in its place, in one step for whoever looks at it.
	void replace(page *p);
	// Frees a page that was replaced.
	void forget(page *p);

private:
	static constexpr size_t frames = 16384;
	static constexpr uint64_t first_frame = 0x40000;

	[[nodiscard]] void *window(size_t i) const;

	std::mutex mutex_;
	int file_ = -1;
	std::byte *base_ = nullptr;
	std::vector<page *> pages_; // by frame
	std::deque<size_t> unused_;
};

} // namespace xenpv::sim
