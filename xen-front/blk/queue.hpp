// SPDX-License-Identifier: GPL-2.0-only
// One ring to the backend: requests become slots and grants, responses complete
// the requests they answer and nothing else.
#pragma once
#include <evtchn/channel.hpp>
#include <grant/pool.hpp>
#include <grant/reference.hpp>
#include <kapi/blkfront.h>
#include <xen-front/blk/terms.hpp>

#include <xenpv/blkif.hpp>
#include <xenpv/counter.hpp>
#include <xenpv/guarded.hpp>

namespace xenpv::blkfront {

class device;

// What the queue did since it exists.  Written under its lock.
struct queue_counters {
	counter requests;
	counter segments;
	counter bytes;
	counter pushes;
	counter responses;
	counter passes; // runs of the handler that found responses
	counter copied_bytes; // through the pool
	counter errors; // responses other than okay
	counter no_room; // submissions turned away because the ring was full
	counter no_grant; // or because no reference or page was to be had
	counter handed_back; // pending over a reconnect, and not to be sent just then
	counter own_flushes; // after writes that had to be durable
};

class queue {
public:
	explicit queue(device &owner) : owner_(owner) {}

	// A new ring, granted and with a channel; what was pending is kept for replay().
	// Process context.
	[[nodiscard]] result<void> connect(kapi_xenbus *bus, const connection_terms &terms, uint32_t number,
					   grant::account &account);
	// What the backend needs to know.
	[[nodiscard]] uint32_t ring_ref() const { return ring_frame_.ref(); }
	[[nodiscard]] uint32_t port() const { return port_; }
	// Requests may flow, beginning with those that were pending; what cannot be sent
	// now goes back to the block layer, which asks again.  Process context.
	void start(const service_terms &service);
	// In place of start(), where this connection has fewer rings: what was pending goes back to the block layer,
	// which asks for it on another.  Process context.
	void retire();
	// No event will come and no request is taken any more.  No submit() may run.
	// Process context.
	void disconnect();
	// Everything pending completes with -EIO.  Any context but under the lock.
	void fail_pending();
	// From now on requests are refused.  Any context.
	void refuse();

	// See xenpv_blkfront_queue.
	[[nodiscard]] int submit(const kapi_blk_request &request);
	void commit();

	[[nodiscard]] const queue_counters &counters() const { return counters_; }
	[[nodiscard]] xenpv_channel_counters events() const { return channel_.counters(); }

private:
	enum class use : uint8_t { free, filling, pending, finishing };
	struct shadow {
		use state = use::free;
		bool held = false; // at its end the last backend had pages of it mapped
		uint8_t operation = 0; // as sent
		uint32_t place = 0; // on the ring
		kapi_blk_request request{};
		grant::access access[KAPI_BLK_MAX_SEGMENTS];
		uint16_t page[KAPI_BLK_MAX_SEGMENTS] = {};
	};
	struct finished {
		uint32_t id = 0;
		void *cookie = nullptr;
		int error = 0;
		bool flush_refused = false;
	};
	// Pending over a reconnect, and not sent again: told of after the lock.
	struct unsent {
		uint32_t count = 0;
		uint32_t failed = 0;
		struct {
			void *cookie;
			bool fail; // or to be asked for again
		} at[KAPI_BLK_QUEUE_DEPTH];
	};
	struct harvest {
		uint32_t count = 0;
		bool violated = false;
	};
	static constexpr uint32_t depth = KAPI_BLK_QUEUE_DEPTH;

	static void on_event(void *ctx);
	void handle_event();
	[[nodiscard]] result<void> grant_segments(shadow &s);
	void release_segments(shadow &s, bool &still_held);
	[[nodiscard]] bool try_release(shadow &s);
	void copy(shadow &s, bool to_pool);
	void put_request(uint32_t id);
	[[nodiscard]] bool replay(uint32_t id);
	void end_held_grants();
	void hand_back(uint32_t id, unsent &list);
	void complete_unsent(const unsent &list);
	void free_id(uint32_t id);
	[[nodiscard]] uint8_t wire_operation(const kapi_blk_request &r) const;
	[[nodiscard]] bool copies_out(const kapi_blk_request &r) const
	{
		return terms_.data == transfer::pooled && r.op == KAPI_BLK_WRITE;
	}
	[[nodiscard]] bool flushes_nothing(const kapi_blk_request &r) const
	{
		return r.op == KAPI_BLK_FLUSH && terms_.flush == flush_by::nothing;
	}
	// A write that had to be durable went out as a plain one: asked for when the
	// block layer was told of barriers, and sent to a backend that has none.
	[[nodiscard]] bool owes_flush(const shadow &s) const
	{
		return s.request.fua != 0 && s.operation == static_cast<uint8_t>(blkif::op::write) &&
		       terms_.flush != flush_by::nothing;
	}
	void follow_by_flush(uint32_t id);
	[[nodiscard]] harvest collect(finished *out);
	[[nodiscard]] result<finished> check_response(const blkif::taken_response &rsp);
	void complete(finished *done, uint32_t n);

	device &owner_;
	uint32_t peer_ = 0;
	service_terms terms_;
	uint32_t number_ = 0;
	uint32_t port_ = 0;

	// Order matters: the frames go before the references they are granted by.
	spinlock lock_;
	grant::cache refs_;
	grant::shared_page ring_frame_;
	grant::pool<KAPI_BLK_QUEUE_DEPTH * KAPI_BLK_MAX_SEGMENTS> pool_;
	front_ring ring_;
	bool open_ = false;
	bool waker_owed_ = false;
	uint32_t free_count_ = 0;
	uint8_t free_ids_[depth] = {};
	shadow shadows_[depth];
	queue_counters counters_;
	evtchn::channel channel_;
};

} // namespace xenpv::blkfront
