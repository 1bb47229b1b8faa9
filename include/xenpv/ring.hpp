// SPDX-License-Identifier: GPL-2.0-only
// The shared ring of io/ring.h: one page, free-running 32-bit indices, a power of
// two of slots.  Nothing else in the project touches shared memory.
//
// What is shared is hostile (XSA-39, 155, 216, 376): a producer index is read
// once, into a private snapshot, and its movement bounded before anything loops on
// it; a slot is copied once, word by word, into private memory and yields peer<>
// values; what was written is never read back.
#pragma once
#include <xenpv/result.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace xenpv {

// The page as both ends see it.
class ring_page {
public:
	static constexpr size_t page_bytes = 4096;
	static constexpr size_t header_bytes = 64;

	ring_page() = default;
	// `slot_bytes`: the larger of request and response, a multiple of 4.
	ring_page(void *page, uint32_t slot_bytes) : base_(static_cast<std::byte *>(page)), stride_(slot_bytes)
	{
		const auto fit = static_cast<uint32_t>((page_bytes - header_bytes) / slot_bytes);
		while (size_ * 2 <= fit)
			size_ *= 2;
	}

	[[nodiscard]] uint32_t size() const { return size_; }
	[[nodiscard]] explicit operator bool() const { return base_ != nullptr; }

	[[nodiscard]] std::atomic_ref<uint32_t> req_prod() const { return word(0); }
	[[nodiscard]] std::atomic_ref<uint32_t> req_event() const { return word(4); }
	[[nodiscard]] std::atomic_ref<uint32_t> rsp_prod() const { return word(8); }
	[[nodiscard]] std::atomic_ref<uint32_t> rsp_event() const { return word(12); }

	// The one read of a slot: each word is loaded exactly once.  `bytes` is a
	// multiple of 4 and fits the slot.
	void read_slot(uint32_t index, void *to, size_t bytes) const
	{
		auto *out = static_cast<std::byte *>(to);
		const size_t at = slot(index);
		for (size_t i = 0; i < bytes; i += 4) {
			const uint32_t w = word(at + i).load(std::memory_order_relaxed);
			__builtin_memcpy(out + i, &w, 4);
		}
	}
	void write_slot(uint32_t index, const void *from, size_t bytes) const
	{
		const auto *in = static_cast<const std::byte *>(from);
		const size_t at = slot(index);
		for (size_t i = 0; i < bytes; i += 4) {
			uint32_t w;
			__builtin_memcpy(&w, in + i, 4);
			word(at + i).store(w, std::memory_order_relaxed);
		}
	}

private:
	[[nodiscard]] size_t slot(uint32_t index) const { return header_bytes + size_t{index & (size_ - 1)} * stride_; }
	[[nodiscard]] std::atomic_ref<uint32_t> word(size_t at) const
	{
		return std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t *>(base_ + at));
	}

	std::byte *base_ = nullptr;
	uint32_t stride_ = 0;
	uint32_t size_ = 1;
};

// True when `event` lies in (before, now]: the peer asked to be told.
[[nodiscard]] constexpr bool event_crossed(uint32_t event, uint32_t before, uint32_t now)
{
	return now - event < now - before;
}

// The requesting end.  Calls are serialised by the owner's lock.
class front_ring {
public:
	front_ring() = default;
	// Takes a page of zeroes and makes it an empty ring.
	explicit front_ring(ring_page page) : page_(page)
	{
		page_.req_event().store(1, std::memory_order_relaxed);
		page_.rsp_event().store(1, std::memory_order_relaxed);
	}

	[[nodiscard]] uint32_t free_slots() const { return page_.size() - (req_made_ - rsp_taken_); }
	// Requests pushed or made and not answered.
	[[nodiscard]] uint32_t outstanding() const { return req_made_ - rsp_taken_; }
	[[nodiscard]] bool has_unpushed() const { return req_made_ != req_pushed_; }
	// What the next put() is known by, and whether the peer has been shown it: it has
	// nothing to answer before that.
	[[nodiscard]] uint32_t made() const { return req_made_; }
	// Any number of later requests may have come and gone meanwhile.
	[[nodiscard]] bool shown(uint32_t made) const { return made - req_pushed_ >= req_made_ - req_pushed_; }
	// Where the next request and the next response stand: some protocols tell a
	// response by its slot.
	[[nodiscard]] uint32_t next_request() const { return req_made_ & (page_.size() - 1); }
	[[nodiscard]] uint32_t next_response() const { return rsp_taken_ & (page_.size() - 1); }

	void put(const void *request, size_t bytes) { page_.write_slot(req_made_++, request, bytes); }

	// Shows the peer what was put; true when it asked for an event.
	[[nodiscard]] bool push()
	{
		const uint32_t before = req_pushed_;
		// Release: the slots are written before the index that covers them; pairs
		// with the peer's acquire of req_prod.
		page_.req_prod().store(req_made_, std::memory_order_release);
		req_pushed_ = req_made_;
		// Full fence: our index before our look at req_event; pairs with the peer's
		// req_event before its last look at req_prod.  One of the two sees the other.
		std::atomic_thread_fence(std::memory_order_seq_cst);
		return event_crossed(page_.req_event().load(std::memory_order_relaxed), before, req_made_);
	}

	// Responses to take, or err::protocol: more than requests are outstanding, or
	// the index went back.
	[[nodiscard]] result<uint32_t> available() const
	{
		const uint32_t n = page_.rsp_prod().load(std::memory_order_acquire) - rsp_taken_;
		return n <= req_pushed_ - rsp_taken_ ? result<uint32_t>(n) : result<uint32_t>(err::protocol);
	}
	void take(void *response, size_t bytes) { page_.read_slot(rsp_taken_++, response, bytes); }

	// Asks for an event with the next response, or with the `nth`, then looks again.
	[[nodiscard]] result<uint32_t> arm(uint32_t nth = 1)
	{
		page_.rsp_event().store(rsp_taken_ + nth, std::memory_order_relaxed);
		std::atomic_thread_fence(std::memory_order_seq_cst); // as in push()
		return available();
	}

private:
	ring_page page_;
	uint32_t req_made_ = 0;
	uint32_t req_pushed_ = 0;
	uint32_t rsp_taken_ = 0;
};

// The serving end.  Calls are made by one thread, or serialised.
class back_ring {
public:
	back_ring() = default;
	// Attaches to a ring at its response index: a new ring starts at 0, a live one
	// is served again from the first unanswered request.
	[[nodiscard]] static result<back_ring> attach(ring_page page)
	{
		back_ring ring;
		ring.page_ = page;
		const uint32_t at = page.rsp_prod().load(std::memory_order_relaxed);
		ring.req_taken_ = ring.rsp_made_ = ring.rsp_pushed_ = at;
		if (!ring.available().ok())
			return err::protocol;
		return ring;
	}

	[[nodiscard]] uint32_t size() const { return page_.size(); }
	// Requests taken and not answered yet.
	[[nodiscard]] uint32_t in_service() const { return req_taken_ - rsp_made_; }

	// Requests to take, or err::protocol: more than the ring holds with what is in
	// service, or the index went back (XSA-39).
	[[nodiscard]] result<uint32_t> available() const
	{
		const uint32_t prod = page_.req_prod().load(std::memory_order_acquire);
		if (prod - rsp_made_ > page_.size() || prod - rsp_made_ < req_taken_ - rsp_made_)
			return err::protocol;
		return prod - req_taken_;
	}
	void take(void *request, size_t bytes) { page_.read_slot(req_taken_++, request, bytes); }

	// Asks for an event with the next request, or with the `nth`, then looks again.
	[[nodiscard]] result<uint32_t> arm(uint32_t nth = 1)
	{
		page_.req_event().store(req_taken_ + nth, std::memory_order_relaxed);
		std::atomic_thread_fence(std::memory_order_seq_cst); // pairs with front_ring::push
		return available();
	}

	void put(const void *response, size_t bytes) { page_.write_slot(rsp_made_++, response, bytes); }
	[[nodiscard]] uint32_t unpushed() const { return rsp_made_ - rsp_pushed_; }

	// Shows the peer what was put; true when it asked for an event.
	[[nodiscard]] bool push()
	{
		const uint32_t before = rsp_pushed_;
		page_.rsp_prod().store(rsp_made_, std::memory_order_release); // as front_ring::push
		rsp_pushed_ = rsp_made_;
		std::atomic_thread_fence(std::memory_order_seq_cst);
		return event_crossed(page_.rsp_event().load(std::memory_order_relaxed), before, rsp_made_);
	}

private:
	ring_page page_;
	uint32_t req_taken_ = 0;
	uint32_t rsp_made_ = 0;
	uint32_t rsp_pushed_ = 0;
};

} // namespace xenpv
