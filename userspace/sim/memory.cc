// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/memory.hpp>
#include <userspace/sim/world.hpp>

#include <kapi/mem.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace xenpv::sim {
namespace {

#ifdef __SANITIZE_THREAD__
constexpr bool second_mapping = false;
#else
constexpr bool second_mapping = true;
#endif
constexpr size_t page_bytes = KAPI_PAGE_SIZE;
constexpr int stale = 0xA5; // what freed frames and lent handles read as

void *reserve(size_t bytes)
{
	void *p = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		throw std::runtime_error("no address space");
	return p;
}

void forbid(void *at)
{
	mmap(at, page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

} // namespace

memory::memory()
	: file_(memfd_create("xenpv-frames", MFD_CLOEXEC)),
	  base_(static_cast<std::byte *>(reserve(frames * 2 * page_bytes))), pages_(frames)
{
	if (file_ < 0 || ftruncate(file_, static_cast<off_t>(frames * page_bytes)) != 0)
		throw std::runtime_error("no memory file");
	for (size_t i = frames; i-- > 0;)
		unused_.push_back(i);
}

memory::~memory()
{
	munmap(base_, frames * 2 * page_bytes);
	close(file_);
}

// Every second page stays out of bounds: running over the end of a page faults.
void *memory::window(size_t i) const
{
	return base_ + i * 2 * page_bytes;
}

page *memory::allocate(domain &owner)
{
	const std::lock_guard held(mutex_);
	if (unused_.empty())
		return nullptr;
	const size_t i = unused_.back();
	unused_.pop_back();
	void *addr = mmap(window(i), page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file_,
			  static_cast<off_t>(i * page_bytes));
	if (addr == MAP_FAILED)
		throw std::runtime_error("mmap");
	std::memset(addr, 0, page_bytes);
	pages_[i] = new page{&owner, first_frame + i, addr, 1, 0, false, false, false};
	++world::get().live().pages;
	return pages_[i];
}

page *memory::hold(page *p)
{
	const std::lock_guard held(mutex_);
	if (p->uncounted)
		return nullptr;
	++p->holders;
	return p;
}

void memory::release(page *p)
{
	const std::lock_guard held(mutex_);
	if (--p->holders != 0)
		return;
	if (p->foreign) {
		++p->holders;
		return violation("a foreign page is released by more than held it");
	}
	// XSA-396: reused memory that a peer still reaches.
	if (p->accesses != 0)
		return violation("a page is freed while a grant on it is open");
	const size_t i = p->frame - first_frame;
	std::memset(p->addr, stale, page_bytes);
	forbid(p->addr);
	pages_[i] = nullptr;
	// Last out, last in: a stale address stays stale for as long as possible.
	unused_.push_front(i);
	delete p;
	--world::get().live().pages;
}

bool memory::busy(const page *p)
{
	const std::lock_guard held(mutex_);
	return p->holders > 1;
}

page *memory::find(uint64_t frame, const domain &owner)
{
	const std::lock_guard held(mutex_);
	if (frame < first_frame || frame - first_frame >= frames)
		return nullptr;
	page *p = pages_[frame - first_frame];
	return p != nullptr && p->owner == &owner ? p : nullptr;
}

void memory::count_access(page *p, int change)
{
	const std::lock_guard held(mutex_);
	p->accesses = static_cast<uint32_t>(static_cast<int>(p->accesses) + change);
}

page *memory::allocate_foreign(domain &owner)
{
	void *addr = reserve(page_bytes);
	++world::get().live().foreign_pages;
	return new page{&owner, 0, addr, 1, 0, true, false, false};
}

void memory::free_foreign(page *p)
{
	if (p->mapped || p->replaced || busy(p))
		return violation("a foreign page is freed that is mapped or replaced, or held by somebody");
	munmap(p->addr, page_bytes);
	delete p;
	--world::get().live().foreign_pages;
}

void memory::alias(page *p, const page &target, bool readonly)
{
	p->mapped = true;
	if constexpr (second_mapping) {
		void *at =
			mmap(p->addr, page_bytes, readonly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			     file_, static_cast<off_t>((target.frame - first_frame) * page_bytes));
		if (at == MAP_FAILED)
			throw std::runtime_error("mmap");
	} else {
		munmap(p->addr, page_bytes);
		p->addr = target.addr;
	}
}

void memory::unalias(page *p)
{
	p->mapped = false;
	if constexpr (second_mapping)
		forbid(p->addr);
	else
		p->addr = reserve(page_bytes);
}

void memory::replace(page *p)
{
	void *copy = mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		throw std::runtime_error("mmap");
	std::memcpy(copy, p->addr, page_bytes);
	p->mapped = false;
	p->replaced = true;
	if constexpr (second_mapping)
		copy = mremap(copy, page_bytes, page_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, p->addr);
	if (copy == MAP_FAILED)
		throw std::runtime_error("mremap");
	p->addr = copy;
}

void memory::forget(page *p)
{
	if (!p->replaced || busy(p))
		return violation("a page is forgotten that was not replaced, or is held by somebody");
	munmap(p->addr, page_bytes);
	delete p;
	--world::get().live().foreign_pages;
}

} // namespace xenpv::sim

using xenpv::sim::page;
using xenpv::sim::world;

int kapi_page_alloc(kapi_page *out, kapi_context ctx)
{
	if (ctx == KAPI_MAY_SLEEP)
		xenpv::sim::might_sleep("kapi_page_alloc");
	auto &w = world::get();
	page *p = w.faults().page.strikes() ? nullptr : w.memory().allocate(*xenpv::sim::current_domain());
	if (p == nullptr)
		return -12;
	*out = {p, p->addr, p->frame};
	return 0;
}

void *kapi_page_hold(void *handle)
{
	return world::get().memory().hold(static_cast<page *>(handle));
}

void kapi_page_release(void *handle)
{
	if (handle != nullptr)
		world::get().memory().release(static_cast<page *>(handle));
}
