// SPDX-License-Identifier: GPL-2.0-only
// An event channel of a queue, and the debt each event leaves.
#pragma once
#include <evtchn/abi.h>

#include <xenpv/guarded.hpp>
#include <xenpv/result.hpp>

#include <atomic>
#include <utility>

namespace xenpv::evtchn {

// One received event (XSA-332, 391: late end of interrupt).  The channel stays
// silent until it is ended: done when work was found, spurious when none was, and
// the kernel then makes a peer that storms wait longer and longer.
class [[nodiscard]] token {
public:
	explicit token(xenpv_channel *c) : channel_(c) {}
	token(token &&o) noexcept : channel_(std::exchange(o.channel_, nullptr)) {}
	token &operator=(token &&) = delete;
	// Not ended by anybody: no work was found.
	~token() { end(true); }

	void end_done() { end(false); }
	void end_spurious() { end(true); }
	// The device is broken: never hear from this peer again (XSA-376).
	void withhold() { channel_ = nullptr; }

private:
	void end(bool spurious)
	{
		if (xenpv_channel *c = std::exchange(channel_, nullptr))
			xenpv_channel_end(c, spurious);
	}
	xenpv_channel *channel_;
};

class channel {
public:
	channel() = default;
	channel(const channel &) = delete;
	channel &operator=(const channel &) = delete;
	~channel() { close(); }

	// Returns the local port, which a frontend publishes.  Process context.
	[[nodiscard]] result<uint32_t> open(const xenpv_channel_config &config)
	{
		uint32_t port = 0;
		// Xen raises a first event at the end that binds, whatever the peer did.
		finds_.store(config.remote_port != 0 ? 1 : 0, std::memory_order_relaxed);
		XENPV_CHECK(from_rc(xenpv_channel_open(&config, &handle_, &port)));
		const spinlock::guard held(reading_);
		readable_ = true;
		return result<uint32_t>(port);
	}
	// Process context; no lock the handler takes may be held (XSA-441).
	void close()
	{
		if (handle_ == nullptr)
			return;
		const xenpv_channel_counters all = counters();
		{
			const spinlock::guard held(reading_);
			past_ = all;
			readable_ = false;
		}
		// A handler that still runs uses it until the close has waited for it.
		xenpv_channel_close(handle_);
		handle_ = nullptr;
		// A debt ends with its channel: the next one has none.
		debt_.store(debt::none, std::memory_order_relaxed);
	}
	[[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }

	// In the handler: the debt of the event that is being handled.
	[[nodiscard]] token receive() { return token(handle_); }
	// In the handler, when a thread will do the work: the debt waits for settle().
	void defer() { debt_.store(debt::deferred, std::memory_order_release); }
	[[nodiscard]] bool has_pending() const { return debt_.load(std::memory_order_relaxed) != debt::none; }
	// In the thread: work was found.  It may be ahead of the event that announces it, so it
	// is remembered: a find excuses one event.
	void found_work()
	{
		if (finds_.load(std::memory_order_relaxed) < most_finds)
			finds_.fetch_add(1, std::memory_order_relaxed);
	}
	// In the thread, before its last look for work.  What comes after this announces what
	// that look need not have seen, and is judged by a later one.
	void before_last_look()
	{
		// Acquire: the look comes after the event; pairs with defer().  Release: what was
		// found before is known to who settles, perhaps another CPU.
		auto deferred = debt::deferred;
		debt_.compare_exchange_strong(deferred, debt::due, std::memory_order_acq_rel,
					      std::memory_order_relaxed);
	}
	// In the thread: ends the debt of an event that came before the last look, if there is one.
	void settle()
	{
		auto due = debt::due;
		if (!debt_.compare_exchange_strong(due, debt::none, std::memory_order_acquire,
						   std::memory_order_relaxed))
			return;
		token t(handle_);
		if (finds_.load(std::memory_order_relaxed) == 0)
			return t.end_spurious();
		// Before the end: the next event may be settled on another CPU then.
		finds_.fetch_sub(1, std::memory_order_relaxed);
		t.end_done();
	}

	// After a push: `wanted` is what the ring said.
	void notify_if(bool wanted) { wanted ? xenpv_channel_notify(handle_) : xenpv_channel_suppressed(handle_); }
	void notify() { xenpv_channel_notify(handle_); }
	void count_suppressed() { xenpv_channel_suppressed(handle_); }
	// Of all connections.  Any context, also while the channel closes.
	[[nodiscard]] xenpv_channel_counters counters() const
	{
		const spinlock::guard held(reading_);
		xenpv_channel_counters c{};
		if (!readable_)
			return past_;
		xenpv_channel_read(handle_, &c);
		c.received += past_.received;
		c.spurious += past_.spurious;
		c.sent += past_.sent;
		c.suppressed += past_.suppressed;
		return c;
	}

private:
	// There is one at most: until it is ended the channel is silent.
	enum class debt : uint8_t { none, deferred, due };
	// What can be found ahead of its event: that of one to be settled, of one that waits for
	// that, and of one that the peer is about to send for each direction.
	static constexpr uint32_t most_finds = 4;

	xenpv_channel *handle_ = nullptr;
	std::atomic<debt> debt_{debt::none};
	std::atomic<uint32_t> finds_{0}; // that no event was settled for
	mutable spinlock reading_; // the counters, against close()
	bool readable_ = false;
	xenpv_channel_counters past_{}; // of channels that are closed
};

} // namespace xenpv::evtchn
