// SPDX-License-Identifier: GPL-2.0-only
// Grant references of one queue, and access given through them.
#pragma once
#include <grant/account.hpp>
#include <kapi/mem.h>

#include <xenpv/result.hpp>

#include <cstdint>
#include <utility>

namespace xenpv::grant {

// How ending an access came out (XSA-396: look at the result, then free).
enum class ended {
	returned, // the frame is ours again
	still_held, // the peer has it mapped: reference and page are parked
};

enum class rights { read_write, read_only };

// The free references of one queue.  The queue's lock serialises all calls.
class cache {
public:
	cache() = default;
	cache(const cache &) = delete;
	cache &operator=(const cache &) = delete;
	~cache()
	{
		if (state_.account != nullptr)
			xenpv_ref_cache_detach(&state_);
	}
	void attach(account &a) { xenpv_ref_cache_attach(&state_, a.handle()); }

	// err::no_space: exhausted, now.
	[[nodiscard]] result<uint32_t> take()
	{
		if (state_.count == 0)
			XENPV_CHECK(from_rc(xenpv_ref_cache_refill(&state_)));
		const uint32_t left = state_.count - 1;
		__atomic_store_n(&state_.count, left, __ATOMIC_RELAXED); // read by the account
		return state_.refs[left];
	}
	void put(uint32_t ref)
	{
		if (state_.count == XENPV_REF_CACHE_SIZE)
			xenpv_ref_cache_drain(&state_);
		state_.refs[state_.count] = ref;
		__atomic_store_n(&state_.count, state_.count + 1, __ATOMIC_RELAXED);
	}
	[[nodiscard]] xenpv_grant_account *owner() const { return state_.account; }

private:
	xenpv_ref_cache state_{};
};

// A frame the peer may reach.  It must be ended before the frame is reused; what
// goes out of scope is ended, and parked if need be.
class access {
public:
	access() = default;
	// Takes one reference on `page`, where it has them, for as long as the peer may reach it.
	[[nodiscard]] static result<access> give(cache &refs, uint32_t domid, void *page, uint64_t frame, rights r)
	{
		const uint32_t ref = XENPV_TRY(refs.take());
		void *held = kapi_page_hold(page);
		kapi_grant_access(ref, domid, frame, r == rights::read_only);
		return access(refs, ref, held);
	}
	access(access &&o) noexcept : refs_(std::exchange(o.refs_, nullptr)), page_(o.page_), ref_(o.ref_) {}
	access &operator=(access &&o) noexcept
	{
		if (this != &o) {
			drop();
			refs_ = std::exchange(o.refs_, nullptr);
			page_ = o.page_;
			ref_ = o.ref_;
		}
		return *this;
	}
	~access() { drop(); }

	[[nodiscard]] explicit operator bool() const { return refs_ != nullptr; }
	[[nodiscard]] uint32_t ref() const { return ref_; }

	// When the peer has answered and must have let go.  Under the lock that serialises
	// the cache.
	[[nodiscard]] ended end()
	{
		if (try_end() == ended::returned)
			return ended::returned;
		xenpv_grant_park(std::exchange(refs_, nullptr)->owner(), ref_, page_);
		return ended::still_held;
	}
	// The same, but what is still held stays as it is: to be tried again, soon.
	[[nodiscard]] ended try_end()
	{
		if (refs_ == nullptr)
			return ended::returned;
		if (!kapi_grant_end(ref_))
			return ended::still_held;
		std::exchange(refs_, nullptr)->put(ref_);
		kapi_page_release(page_);
		return ended::returned;
	}

private:
	access(cache &refs, uint32_t ref, void *page) : refs_(&refs), page_(page), ref_(ref) {}
	// At the end of a connection the peer may still have it mapped, and rightly so.
	void drop()
	{
		if (cache *refs = std::exchange(refs_, nullptr))
			xenpv_grant_close(refs->owner(), ref_, page_);
	}

	cache *refs_ = nullptr;
	void *page_ = nullptr; // nullptr: one whose references are not counted
	uint32_t ref_ = 0;
};

// A zeroed page of our own, granted as a whole (XSA-403: nothing older in it).
class shared_page {
public:
	shared_page() = default;
	[[nodiscard]] static result<shared_page> make(cache &refs, uint32_t domid, kapi_context ctx)
	{
		shared_page p;
		XENPV_CHECK(from_rc(kapi_page_alloc(&p.page_, ctx)));
		p.access_ = XENPV_TRY(access::give(refs, domid, p.page_.page, p.page_.frame, rights::read_write));
		return p;
	}
	shared_page(shared_page &&o) noexcept : access_(std::move(o.access_)), page_(std::exchange(o.page_, {})) {}
	shared_page &operator=(shared_page &&o) noexcept
	{
		access_ = std::move(o.access_);
		std::swap(page_, o.page_);
		return *this;
	}
	~shared_page()
	{
		if (page_.page != nullptr)
			kapi_page_release(page_.page);
	}

	[[nodiscard]] explicit operator bool() const { return page_.page != nullptr; }
	[[nodiscard]] void *addr() const { return page_.addr; }
	[[nodiscard]] uint32_t ref() const { return access_.ref(); }

private:
	access access_;
	kapi_page page_{};
};

} // namespace xenpv::grant
