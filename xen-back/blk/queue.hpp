// SPDX-License-Identifier: GPL-2.0-only
// One ring of a frontend and the thread that serves it.
#pragma once
#include <evtchn/channel.hpp>
#include <kapi/bdev.h>
#include <kapi/blkback.h>
#include <kapi/debugfs.h>
#include <kapi/time.h>
#include <kapi/worker.h>
#include <xen-back/blk/frames.hpp>
#include <xen-back/blk/pace.hpp>
#include <xen-back/blk/request.hpp>
#include <xen-back/blk/terms.hpp>

#include <xenpv/counter.hpp>
#include <xenpv/guarded.hpp>

#include <atomic>

namespace xenpv::blkback {

class device;

// Written by the queue's thread.
struct queue_counters {
	counter requests;
	counter reads;
	counter writes;
	counter flushes;
	counter read_sectors;
	counter write_sectors;
	counter errors; // answered with an error
	counter passes; // looks at the ring that found something
	counter pushes;
	counter wakeups;
	counter naps; // waits for more to gather
	counter nap_ns; // how long the next one would be
	counter gather_target; // responses the frontend is told of at once
	counter kept_frames;
	counter map_hypercalls;
	counter map_operations;
	counter unmap_hypercalls;
	counter unmap_operations;
};

class queue {
public:
	static constexpr uint32_t depth = 32; // requests that a frontend may have out

	explicit queue(device &owner) : owner_(owner) {}
	queue(const queue &) = delete;
	queue &operator=(const queue &) = delete;
	~queue();

	// Maps the ring and begins to serve.  Process context, as all but the counters.
	[[nodiscard]] result<void> open(kapi_xenbus *bus, kapi_bdev *disk, const terms &agreed, uint32_t number,
					grant::account &account);
	// Takes no more requests.  The thread answers what was taken, lets go of the
	// frontend's frames, and then wakes the device; this does not wait for it.
	void stop();
	// It has.  What is left ends without waiting for a disk.
	[[nodiscard]] bool stopped() const { return worker_ == nullptr || stopped_.load(std::memory_order_acquire); }
	// Any process.  Has the thread look at the ring; it is idle from when it then finds nothing there, and nothing
	// that was taken is out any more.
	void look();
	[[nodiscard]] bool idle() const { return stopped() || idle_.load(std::memory_order_acquire); }

	[[nodiscard]] const queue_counters &counters() const { return counters_; }
	void add_to(kapi_blkback_stats &totals) const;
	void print(kapi_text *out) const;

private:
	// A request between the ring and the disk.
	struct job {
		queue *owner = nullptr;
		job *next = nullptr;
		uint64_t id = 0;
		uint8_t operation = 0;
		blkif::status status = blkif::status::okay;
		plan todo;
		void *page[blkif::max_segments] = {};
		kapi_map_op op[blkif::max_segments] = {};
		bool mapped_here[blkif::max_segments] = {}; // not kept: op is ours to undo
	};
	static constexpr uint32_t most_operations = depth * blkif::max_segments;

	static void on_event(void *ctx);
	static void on_done(void *ctx, int error);
	static void on_retry(void *ctx);
	static void run(void *ctx, kapi_worker *self);

	void serve(kapi_worker *self);
	[[nodiscard]] bool pass();
	[[nodiscard]] bool nap(kapi_worker *self);
	[[nodiscard]] bool rest();
	[[nodiscard]] bool falls_asleep();
	[[nodiscard]] bool disk_has_done();
	void stay_awake();
	void wake();
	void drain();
	[[nodiscard]] uint32_t take(job **batch);
	[[nodiscard]] uint32_t take_barrier(job **batch);
	[[nodiscard]] bool prepare(job &j);
	void map(job **batch, uint32_t count);
	void submit(job **batch, uint32_t count);
	[[nodiscard]] bool finish();
	[[nodiscard]] bool pages_idle(const job &j) const;
	void release(job *list);
	void answer(job *j);
	void push();
	void tell();
	void break_off(const char *why);
	void publish_costs();
	[[nodiscard]] job *get_job();

	device &owner_;
	kapi_xenbus *bus_ = nullptr;
	kapi_bdev *disk_ = nullptr;
	uint32_t number_ = 0;
	void *ring_addr_ = nullptr;
	blkif::layout layout_ = blkif::layout_64;
	back_ring ring_;
	frames frames_;
	disk_limits limits_;
	pace pace_;
	bool broken_ = false;
	bool owed_ = false; // the frontend asked for an event and has not had it yet
	uint32_t untold_ = 0; // responses pushed since it was last told
	bool slept_ = false; // since the last request came
	bool fence_ = false; // a barrier is in flight: nothing may pass it
	job *barrier_ = nullptr; // waits for what is in flight
	job *waiting_ = nullptr; // done, but somebody still holds a page
	uint32_t in_flight_ = 0;
	job *free_jobs_ = nullptr;
	// What the disk has done, and whether the thread must be woken to see it.
	struct completions {
		job *list = nullptr;
		bool asleep = false;
		bool served = false; // the thread is there to be woken
	};
	guarded<completions> done_;
	kapi_delayed *retry_ = nullptr;
	kapi_worker *worker_ = nullptr;
	std::atomic<bool> stopped_{false};
	std::atomic<bool> idle_{false};
	queue_counters counters_;
	job jobs_[depth];
	kapi_map_op operations_[most_operations];
	evtchn::channel channel_;
};

} // namespace xenpv::blkback
