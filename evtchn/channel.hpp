// SPDX-License-Identifier: GPL-2.0-only
// An event channel of a queue, and the debt each event leaves.
#pragma once
#include <evtchn/abi.h>

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
		XENPV_CHECK(from_rc(xenpv_channel_open(&config, &handle_, &port)));
		return result<uint32_t>(port);
	}
	// Process context; no lock the handler takes may be held (XSA-441).
	void close()
	{
		// A handler that still runs uses it until the close has waited for it.
		if (handle_ != nullptr)
			xenpv_channel_close(handle_);
		handle_ = nullptr;
	}
	[[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }

	// In the handler: the debt of the event that is being handled.
	[[nodiscard]] token receive() { return token(handle_); }
	// In the handler, when a thread will do the work: the debt waits for claim().
	void defer() { pending_.store(true, std::memory_order_release); }
	[[nodiscard]] bool has_pending() const { return pending_.load(std::memory_order_relaxed); }
	// In the thread: ends the deferred debt, if there is one.
	void settle(bool found_work)
	{
		if (!pending_.exchange(false, std::memory_order_acquire))
			return;
		token t(handle_);
		found_work ? t.end_done() : t.end_spurious();
	}

	// After a push: `wanted` is what the ring said.
	void notify_if(bool wanted) { wanted ? xenpv_channel_notify(handle_) : xenpv_channel_suppressed(handle_); }
	void notify() { xenpv_channel_notify(handle_); }
	void count_suppressed() { xenpv_channel_suppressed(handle_); }
	[[nodiscard]] xenpv_channel_counters counters() const
	{
		xenpv_channel_counters c{};
		if (handle_ != nullptr)
			xenpv_channel_read(handle_, &c);
		return c;
	}

private:
	xenpv_channel *handle_ = nullptr;
	std::atomic<bool> pending_{false};
};

} // namespace xenpv::evtchn
