// SPDX-License-Identifier: GPL-2.0-only
// The thread: when it looks at the rings, when it naps or sleeps, whom it tells.
#include <kapi/xenbus.h>
#include <xen-back/net/device.hpp>
#include <xen-back/net/queue.hpp>

#include <utility>

namespace xenpv::netback {
namespace {

// How long a guest may take for what is queued before it is dropped: it may be another
// guest's memory.  One that does not tell of new buffers must be asked often, and any packet
// that it took is a sign of life.
constexpr unsigned int patience_ms = 10'000;
constexpr unsigned int silent_patience_ms = 30;

// Up to here it does not pay to arm the rings for a wait.
constexpr uint64_t longest_nap_ns = 1'000'000;

constexpr uint32_t to_ms(uint64_t ns)
{
	return static_cast<uint32_t>(ns / 1'000'000 + 1);
}

} // namespace

result<void> queue::open(kapi_xenbus *bus, const terms &agreed)
{
	bus_ = bus;
	split_ = agreed.split_channels;
	patience_ms_ = agreed.rx_notify ? patience_ms : silent_patience_ms;
	broken_ = announced_ = false;
	linger_ = {};
	stalled_ns_ = throttled_ns_ = 0;
	const queue_terms &at = agreed.at[number_];
	XENPV_CHECK(from_rc(kapi_xenbus_map_ring(bus, at.tx_ref, &tx_addr_)));
	XENPV_CHECK(from_rc(kapi_xenbus_map_ring(bus, at.rx_ref, &rx_addr_)));
	XENPV_CHECK(tx_.open(tx_addr_, agreed.peer_domain, &queue::on_released, this));

	stall_ = kapi_delayed_create(&queue::on_timer, this);
	later_ = kapi_delayed_create(&queue::on_timer, this);
	char name[32];
	kapi_format(name, sizeof(name), "xenpv-%s-q%u", kapi_xenbus_name(bus), number_);
	worker_ = stall_ != nullptr && later_ != nullptr ? kapi_worker_start(name, &queue::run, this) : nullptr;
	if (worker_ == nullptr)
		return err::no_memory;
	sleeper_.with([](sleeper &s) { s.served = s.asleep = true; });
	kapi_format(name, sizeof(name), split_ ? "q%u-tx" : "q%u", number_);
	static_cast<void>(XENPV_TRY(
		tx_channel_.open({bus, name, at.tx_port, number_, agreed.info.queues, &queue::on_tx_event, this})));
	if (split_) {
		kapi_format(name, sizeof(name), "q%u-rx", number_);
		static_cast<void>(XENPV_TRY(rx_channel_.open(
			{bus, name, at.rx_port, number_, agreed.info.queues, &queue::on_rx_event, this})));
	}
	XENPV_CHECK(rx_.open(rx_addr_, agreed.peer_domain));
	// Requests may have been there before the channels were.
	wake();
	return {};
}

void queue::halt()
{
	sleeper_.with([](sleeper &s) { s.served = false; });
	if (worker_ != nullptr)
		kapi_worker_stop(std::exchange(worker_, nullptr));
	rx_.close();
}

void queue::close(uint64_t until_ns)
{
	halt();
	// Whoever serves this ring next begins after the last answer.
	if (tx_.settle(until_ns))
		tx_channel_.notify();
	tx_channel_.close();
	rx_channel_.close();
	for (kapi_delayed **timer : {&stall_, &later_})
		if (*timer != nullptr)
			kapi_delayed_destroy(std::exchange(*timer, nullptr));
	tx_.close();
	for (void **addr : {&tx_addr_, &rx_addr_})
		if (*addr != nullptr)
			kapi_xenbus_unmap_ring(bus_, std::exchange(*addr, nullptr));
}

// From events and timers, which may come while the queue closes.
void queue::wake()
{
	sleeper_.with([this](sleeper &s) {
		s.asleep = false;
		if (s.served)
			kapi_worker_wake(worker_);
	});
}

void queue::on_tx_event(void *ctx)
{
	auto *self = static_cast<queue *>(ctx);
	self->tx_channel_.defer();
	self->wake();
}

void queue::on_rx_event(void *ctx)
{
	auto *self = static_cast<queue *>(ctx);
	self->rx_channel_.defer();
	self->wake();
}

void queue::on_timer(void *ctx)
{
	static_cast<queue *>(ctx)->wake();
}

// Answers are due.  Awake, the thread looks before it sleeps.
void queue::on_released(void *ctx)
{
	auto *self = static_cast<queue *>(ctx);
	self->sleeper_.with([self](sleeper &s) {
		if (s.asleep && s.served)
			kapi_worker_wake(self->worker_);
		s.asleep = false;
	});
}

// BH context.  A packet that comes alone is copied at once; those that come closely are
// the thread's, who gathers them.
int queue::transmit(void *cookie, const kapi_net_meta &meta, bool more)
{
	const auto how = rx_.add(cookie, meta);
	if (how == rx_side::accepted::full) {
		announced_ = false;
		wake();
		return 1;
	}
	announced_ |= how == rx_side::accepted::idle;
	// Whatever has become of this one, those before it wait for nothing more.
	if (!more)
		commit();
	return how == rx_side::accepted::refused ? to_errno(err::busy) : 0;
}

void queue::commit()
{
	if (!std::exchange(announced_, false))
		return;
	const uint64_t now = kapi_now_ns();
	const bool direct = sleeper_.with([&](sleeper &s) {
		// Awake, it looks before it sleeps.
		if (!s.asleep || !s.served)
			return false;
		const bool alone = now - s.direct_ns > close_ns;
		s.direct_ns = now;
		if (!alone) {
			s.asleep = false;
			kapi_worker_wake(worker_);
		}
		return alone;
	});
	if (!direct)
		return;
	const auto done = rx_.copy(KAPI_ATOMIC);
	const rx_side::copied c = done.value_or({});
	tell_rx(c.notify);
	if (!done.ok()) {
		owner_.frontend_broke_protocol();
		return;
	}
	// The thread knows what to do with what was left, and with a guest that has no
	// buffers.
	if (c.left || rx_.stalled())
		wake();
}

void queue::tell_rx(bool wanted)
{
	if (!wanted)
		return;
	spinlock::guard held(telling_);
	rx_channel().notify();
}

void queue::run(void *ctx, kapi_worker *self)
{
	auto *q = static_cast<queue *>(ctx);
	while (kapi_worker_wait(self)) {
		q->wakeups_.add();
		q->serve(self);
	}
}

void queue::serve(kapi_worker *self)
{
	// A frontend can see to it that there is always more (XSA-332): stopping does not
	// wait for the end of that.
	while (kapi_worker_yield(self)) {
		if (broken_)
			return; // the channels stay masked
		if (pass())
			continue;
		uint64_t nap = linger_.found(kapi_now_ns(), slots_);
		slots_ = 0;
		if (const uint64_t look = tx_.until_look_ns(); nap == 0 && look <= longest_nap_ns)
			nap = look;
		if (nap != 0) {
			naps_.add();
			kapi_worker_nap(self, nap);
			continue;
		}
		if (rest())
			return;
	}
}

// One look at both rings.
bool queue::pass()
{
	const auto tx = tx_.pass();
	if (!tx.ok()) {
		break_off();
		return true;
	}
	const pass_result t = tx.value_or({});
	throttled_ns_ = t.wait_ns;
	if (t.notify) {
		spinlock::guard held(telling_);
		tx_channel_.notify();
	}
	// A look costs little, and buffers may have come without an event.
	rx_.look_again();
	const auto rx = rx_.copy(KAPI_MAY_SLEEP);
	if (!rx.ok()) {
		break_off();
		return true;
	}
	const rx_side::copied r = rx.value_or({});
	tell_rx(r.notify);
	behind_ -= r.packets < behind_ ? r.packets : behind_;
	// Here, not on the way to sleep: a guest that sends without end sees to it that there is no sleep.
	watch_stall();
	if (t.found)
		tx_channel_.found_work();
	if (r.found)
		rx_channel().found_work();
	slots_ += t.slots + r.slots;
	if (t.slots == 0 && t.released == 0 && r.packets == 0)
		return false;
	passes_.add();
	return true;
}

// Gets ready to sleep; false: there is something to do after all.
bool queue::rest()
{
	sleeper_.with([](sleeper &s) { s.asleep = true; });
	tx_channel_.before_last_look();
	rx_channel_.before_last_look();
	// Without credit it is time, not the guest, that brings work.
	const auto tx = throttled_ns_ == 0 ? tx_.rest() : result<bool>(!tx_.has_released());
	const auto rx = rx_.rest();
	if (!tx.value_or(false) || !rx.value_or(false)) {
		sleeper_.with([](sleeper &s) { s.asleep = false; });
		return false;
	}
	watch_stall();
	if (stalled_ns_ != 0)
		kapi_delayed_schedule(stall_, patience_ms_ - waited_ms());
	uint64_t later_ns = tx_.until_look_ns();
	if (throttled_ns_ != 0 && (later_ns == 0 || throttled_ns_ < later_ns))
		later_ns = throttled_ns_;
	if (later_ns != 0)
		kapi_delayed_move(later_, to_ms(later_ns));
	tx_channel_.settle();
	rx_channel_.settle();
	return true;
}

// A guest that takes nothing, or next to nothing, keeps this domain's memory and its senders:
// for a while.
void queue::watch_stall()
{
	if (!rx_.stalled()) {
		stalled_ns_ = 0;
		return;
	}
	if (stalled_ns_ == 0 || behind_ == 0) {
		stalled_ns_ = kapi_now_ns();
		behind_ = patience_ms_ == patience_ms ? rx_.queued() : 1;
	}
	if (waited_ms() < patience_ms_)
		return;
	owner_.log().say(KAPI_WARN, "queue %u: the guest takes too few packets: those that waited are dropped",
			 number_);
	rx_.give_up();
	stalled_ns_ = 0;
}

unsigned int queue::waited_ms() const
{
	const uint64_t ms = (kapi_now_ns() - stalled_ns_) / 1'000'000;
	return ms < patience_ms_ ? static_cast<unsigned int>(ms) : patience_ms_;
}

void queue::break_off()
{
	broken_ = true;
	owner_.frontend_broke_protocol();
}

} // namespace xenpv::netback
