// SPDX-License-Identifier: GPL-2.0-only
// The thread: when it looks at the ring, when it sleeps, whom it tells.
#include <kapi/xenbus.h>
#include <xen-back/blk/device.hpp>
#include <xen-back/blk/queue.hpp>

namespace xenpv::blkback {

result<void> queue::open(kapi_xenbus *bus, kapi_bdev *disk, const terms &agreed, uint32_t number,
			 grant::account &account)
{
	bus_ = bus;
	disk_ = disk;
	number_ = number;
	layout_ = agreed.layout;
	for (job &j : jobs_) {
		j.owner = this;
		j.next = free_jobs_;
		free_jobs_ = &j;
	}
	frames_.open(account, kapi_xenbus_peer_domain(bus), agreed.persistent);
	XENPV_CHECK(from_rc(kapi_xenbus_map_ring(bus, agreed.at[number].ring_ref, &ring_addr_)));
	ring_ = XENPV_TRY(back_ring::attach(ring_page(ring_addr_, layout_.request_bytes)));

	retry_ = kapi_delayed_create(&queue::on_retry, this);
	char name[32];
	kapi_format(name, sizeof(name), "xenpv-%s-q%u", kapi_xenbus_name(bus), number);
	worker_ = retry_ != nullptr ? kapi_worker_start(name, &queue::run, this) : nullptr;
	if (worker_ == nullptr)
		return err::no_memory;
	done_.with([](completions &d) { d.served = true; });
	kapi_format(name, sizeof(name), "q%u", number);
	const auto port =
		channel_.open({bus, name, agreed.at[number].port, number, agreed.queues, &queue::on_event, this});
	if (!port.ok())
		return port.error();
	// Requests may have been there before the channel was.
	kapi_worker_wake(worker_);
	return {};
}

void queue::stop()
{
	done_.with([](completions &d) { d.served = false; });
	if (worker_ != nullptr)
		kapi_worker_ask_to_stop(worker_);
}

queue::~queue()
{
	// No new wakes, then no thread, and only then the channel: the thread answers what
	// is in flight, and tells the frontend.
	stop();
	if (worker_ != nullptr)
		kapi_worker_stop(worker_);
	channel_.close();
	if (retry_ != nullptr)
		kapi_delayed_destroy(retry_);
	frames_.close();
	if (ring_addr_ != nullptr)
		kapi_xenbus_unmap_ring(bus_, ring_addr_);
}

void queue::look()
{
	idle_.store(false, std::memory_order_relaxed);
	wake();
}

// From events and timers, which may come while the queue closes.
void queue::wake()
{
	done_.with([this](completions &d) {
		if (d.served)
			kapi_worker_wake(worker_);
	});
}

void queue::on_event(void *ctx)
{
	auto *self = static_cast<queue *>(ctx);
	self->channel_.defer();
	self->wake();
}

void queue::on_retry(void *ctx)
{
	static_cast<queue *>(ctx)->wake();
}

void queue::run(void *ctx, kapi_worker *self)
{
	auto *q = static_cast<queue *>(ctx);
	while (kapi_worker_wait(self)) {
		q->stay_awake();
		q->counters_.wakeups.add();
		q->serve(self);
	}
	q->stay_awake();
	q->drain();
	// The device may end the queue from now on, but not before this returns.
	q->stopped_.store(true, std::memory_order_release);
	q->owner_.wake();
}

// Asked to stop: everything that was taken is answered first, however long that takes.
void queue::drain()
{
	constexpr unsigned int longest_ms = 50;
	unsigned int pause = 0;
	while (in_flight_ != 0 || waiting_ != nullptr || barrier_ != nullptr) {
		bool worked = finish();
		if (barrier_ != nullptr && in_flight_ == 0) {
			job *batch[1];
			const uint32_t count = take_barrier(batch);
			map(batch, count);
			submit(batch, count);
			worked = true;
		}
		if (worked) {
			pause = 0;
			continue;
		}
		if (owed_)
			tell();
		pause = pause < longest_ms ? pause + 1 : longest_ms;
		kapi_sleep_ms(pause);
	}
	if (owed_)
		tell();
	for (pause = 5; !frames_.let_go(); pause = longest_ms)
		kapi_sleep_ms(pause);
}

void queue::serve(kapi_worker *self)
{
	// A frontend can see to it that there is always more (XSA-332): stopping does not
	// wait for the end of that.
	while (kapi_worker_yield(self)) {
		if (pass()) {
			channel_.found_work();
			continue;
		}
		if (broken_)
			return; // the channel stays masked
		if (nap(self))
			continue;
		slept_ = true;
		if (rest())
			return;
	}
}

// One look at the ring and at what the disk has done.
bool queue::pass()
{
	bool worked = false;
	if (!broken_) {
		job *batch[depth];
		const uint64_t before = counters_.requests.get();
		const uint32_t count = take(batch);
		worked = count != 0 || counters_.requests.get() != before;
		map(batch, count);
		submit(batch, count);
	}
	worked |= finish();
	if (worked)
		counters_.passes.add();
	return worked;
}

// Waits for more to gather; false: the frontend has been told of all there is.
bool queue::nap(kapi_worker *self)
{
	if (!owed_)
		return false;
	if (falls_asleep()) {
		counters_.naps.add();
		kapi_worker_nap(self, pace_.nap_ns(untold_));
		stay_awake();
	}
	// Behind a barrier only the disk can help.
	const auto n = barrier_ == nullptr && !fence_ ? ring_.available() : result<uint32_t>(0);
	if (!n.ok() || n.value_or(0) != 0 || disk_has_done())
		return true;
	tell();
	return false;
}

// Gets ready to sleep; false: there is something to do after all.
bool queue::rest()
{
	channel_.before_last_look();
	const auto n = ring_.arm();
	if (!n.ok() || (n.value_or(0) != 0 && barrier_ == nullptr && !fence_))
		return false;
	if (!falls_asleep())
		return false;
	if (in_flight_ == 0 && waiting_ == nullptr && barrier_ == nullptr)
		idle_.store(true, std::memory_order_release);
	publish_costs();
	channel_.settle();
	return true;
}

// False: the disk has done something that nobody would wake this thread for.
bool queue::falls_asleep()
{
	return done_.with([](completions &d) { return d.asleep = d.list == nullptr; });
}

bool queue::disk_has_done()
{
	return done_.with([](completions &d) { return d.list != nullptr; });
}

void queue::stay_awake()
{
	done_.with([](completions &d) { d.asleep = false; });
}

void queue::push()
{
	const uint32_t responses = ring_.unpushed();
	if (responses == 0)
		return;
	counters_.pushes.add();
	if (ring_.push()) {
		owed_ = true;
	} else if (!owed_) {
		// The frontend is looking, and will see these too.
		channel_.count_suppressed();
		return;
	}
	untold_ += responses;
	if (!pace_.gathers(untold_))
		tell();
}

void queue::tell()
{
	channel_.notify();
	pace_.told(untold_);
	owed_ = false;
	untold_ = 0;
}

void queue::break_off(const char *why)
{
	broken_ = true;
	owner_.log().say(KAPI_ERROR, "queue %u: %s: serving it no more", number_, why);
	owner_.frontend_broke_protocol();
}

void queue::publish_costs()
{
	const xenpv_grant_costs &c = frames_.costs();
	counters_.map_hypercalls.set(c.map_hypercalls);
	counters_.map_operations.set(c.map_operations);
	counters_.unmap_hypercalls.set(c.unmap_hypercalls);
	counters_.unmap_operations.set(c.unmap_operations);
	counters_.nap_ns.set(pace_.nap_ns(0));
	counters_.gather_target.set(pace_.target());
	counters_.kept_frames.set(frames_.kept_count());
}

} // namespace xenpv::blkback
