// SPDX-License-Identifier: GPL-2.0-only
// What goes wrong, as a test wishes.
#pragma once
#include <atomic>
#include <cstdint>

#include <kapi/grant.h>

#include <functional>
#include <mutex>
#include <utility>

namespace xenpv::sim {

// The first `lets_pass` attempts go well, the next `fails` do not.
class countdown {
public:
	void arm(int64_t lets_pass, int64_t fails = INT64_MAX / 2)
	{
		const std::lock_guard held(mutex_);
		pass_ = lets_pass;
		fail_ = fails;
		struck_ = false;
	}
	void disarm() { arm(0, 0); }
	[[nodiscard]] bool strikes()
	{
		const std::lock_guard held(mutex_);
		if (fail_ == 0)
			return false;
		if (pass_ > 0) {
			--pass_;
			return false;
		}
		--fail_;
		struck_ = true;
		return true;
	}
	// Since it was armed.
	[[nodiscard]] bool struck()
	{
		const std::lock_guard held(mutex_);
		return struck_;
	}

private:
	std::mutex mutex_;
	bool struck_ = false;
	int64_t pass_ = 0;
	int64_t fail_ = 0;
};

// Something of the test's that is done at that place, by whoever comes there.
class hook {
public:
	void set(std::function<void()> what)
	{
		const std::lock_guard held(mutex_);
		what_ = std::move(what);
	}
	void clear() { set(nullptr); }
	void run()
	{
		std::function<void()> what;
		{
			const std::lock_guard held(mutex_);
			what = what_;
		}
		if (what)
			what();
	}

private:
	std::mutex mutex_;
	std::function<void()> what_;
};

// A question put to the test for each operation of a batch: the status it gets
// instead of being carried out, or 0.
template <typename Op>
class verdict {
public:
	using question = std::function<int32_t(uint32_t index, const Op &op)>;

	void set(question q)
	{
		const std::lock_guard held(mutex_);
		question_ = std::move(q);
	}
	void clear() { set(nullptr); }
	[[nodiscard]] int32_t ask(uint32_t index, const Op &op)
	{
		const std::lock_guard held(mutex_);
		return question_ ? question_(index, op) : 0;
	}

private:
	std::mutex mutex_;
	question question_;
};

struct faults {
	countdown allocation; // kapi_alloc
	countdown page; // kapi_page_alloc
	countdown foreign_page; // kapi_foreign_pages_alloc
	countdown worker;
	countdown delayed;
	countdown channel; // kapi_evtchn_alloc and _bind
	countdown map_hypercall; // the whole of it
	countdown unmap_hypercall;
	countdown replace_call; // kapi_grant_replace
	bool translated = false; // a domain that cannot replace
	countdown copy_hypercall;
	countdown ring_map; // kapi_xenbus_map_ring
	countdown store_write; // kapi_xenbus_write, _switch_state
	countdown conflict; // a transaction must be tried again
	verdict<kapi_map_op> map;
	verdict<kapi_map_op> unmap;
	verdict<kapi_map_op> replace;
	verdict<kapi_copy_op> copy;
	hook notify; // kapi_evtchn_notify
	hook release; // a mapped packet is released, and whoever mapped it is not told yet
};

} // namespace xenpv::sim
