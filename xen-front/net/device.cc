// SPDX-License-Identifier: GPL-2.0-only
#include <xen-front/net/device.hpp>

#include <utility>

namespace xenpv::netfront {

device::device(kapi_xenbus *bus, kapi_netfront *net) : bus_(bus), net_(net), log_(kapi_xenbus_name(bus)) {}

device::~device()
{
	kapi_file_remove(file_);
	{
		mutex::guard held(lock_);
		disconnect();
	}
	for (owned<queue> &q : queues_)
		q.reset();
	// The channels are gone: nobody schedules them any more.
	for (kapi_delayed *later : {breaker_, watch_})
		if (later != nullptr)
			kapi_delayed_destroy(later);
}

result<void> device::open()
{
	account_ = XENPV_TRY(grant::account::open(kapi_xenbus_name(bus_)));
	breaker_ = kapi_delayed_create_slow(&device::break_later, this);
	watch_ = kapi_delayed_create_slow(&device::look_for_answers, this);
	if (breaker_ == nullptr || watch_ == nullptr)
		return err::no_memory;
	file_ = kapi_file_create(kapi_xenbus_name(bus_), "netfront", &device::show, this);
	// Also after an earlier driver closed the device: this is what makes the backend
	// wait for rings again.
	enter(xenbus_state::initialising);
	return {};
}

void device::backend_changed(xenbus_state state)
{
	mutex::guard held(lock_);
	if (phase_ == phase::broken)
		return;
	switch (state) {
	case xenbus_state::init_wait:
		// Said twice: it looks at the rings it was offered.
		if (phase_ == phase::offered)
			break;
		// A backend that started over, under a connection or after it ended one.
		if (phase_ == phase::connected)
			disconnect();
		broken_.store(false, std::memory_order_relaxed);
		if (auto r = offer_rings(); !r.ok())
			fail(r.error(), "cannot set up rings");
		break;
	case xenbus_state::connected:
		if (phase_ == phase::offered) {
			if (auto r = go_live(); !r.ok())
				fail(r.error(), "cannot use what the backend published");
		} else if (phase_ == phase::connected && read_carrier(bus_, log_) != carrier_) {
			carrier_ = !carrier_;
			tell_link();
		}
		break;
	case xenbus_state::unknown:
		// Its directory is gone; before the first contact that only means "not yet".
		if (phase_ == phase::disconnected)
			break;
		[[fallthrough]];
	case xenbus_state::closing:
		// On its way to Closed, as it was asked to be.
		if (phase_ == phase::restarting && state == xenbus_state::closing)
			break;
		close(phase::closed);
		break;
	case xenbus_state::closed:
		if (phase_ == phase::restarting) {
			phase_ = phase::disconnected;
			enter(xenbus_state::initialising);
		} else if (phase_ != phase::disconnected) {
			// A backend that an earlier driver left closed answers our Initialising soon.
			close(phase::closed);
		}
		break;
	default:
		break;
	}
}

result<void> device::offer_rings()
{
	terms_ = XENPV_TRY(read_terms(bus_, log_));
	terms_.info.queues = queues_wished_for();
	for (uint32_t i = 0; i < terms_.info.queues; ++i) {
		if (!queues_[i])
			queues_[i] = make_owned<queue>(context::may_sleep, *this, i);
		if (!queues_[i])
			return err::no_memory;
		if (made_.load(std::memory_order_relaxed) <= i)
			made_.store(i + 1, std::memory_order_release); // pairs with queue_at
		XENPV_CHECK(queues_[i]->connect(bus_, terms_, account_));
	}
	XENPV_CHECK(publish());
	phase_ = phase::offered;
	// Not Initialised, which the field's backends do not look at.
	enter(xenbus_state::connected);
	return {};
}

result<void> device::publish()
{
	constexpr size_t per_queue = 4;
	constexpr size_t common = 8;
	struct line {
		char key[32];
		char value[12];
	};
	struct page_of_lines {
		line lines[KAPI_NET_MAX_QUEUES * per_queue];
		kapi_xenbus_key keys[KAPI_NET_MAX_QUEUES * per_queue + common];
	};
	auto text = make_owned<page_of_lines>(context::may_sleep);
	if (!text)
		return err::no_memory;
	size_t n = 0;
	const uint32_t queues = terms_.info.queues;
	for (uint32_t i = 0; i < queues; ++i) {
		char prefix[12] = "";
		if (queues > 1)
			kapi_format(prefix, sizeof(prefix), "queue-%u/", i);
		const auto add = [&](const char *key, uint32_t value) {
			line &l = text->lines[n];
			kapi_format(l.key, sizeof(l.key), "%s%s", prefix, key);
			kapi_format(l.value, sizeof(l.value), "%u", value);
			text->keys[n++] = {l.key, l.value};
		};
		const queue &q = *queues_[i];
		add("tx-ring-ref", q.tx_ref());
		add("rx-ring-ref", q.rx_ref());
		if (terms_.split_channels) {
			add("event-channel-tx", q.tx_port());
			add("event-channel-rx", q.rx_port());
		} else {
			add("event-channel", q.tx_port());
		}
	}
	char count[12];
	kapi_format(count, sizeof(count), "%u", queues);
	// Written always: an earlier driver may have left another number behind.
	text->keys[n++] = {"multi-queue-num-queues", count};
	text->keys[n++] = {"request-rx-copy", "1"};
	text->keys[n++] = {"feature-rx-notify", "1"};
	text->keys[n++] = {"feature-sg", "1"};
	// What is to be segmented has no checksum yet; the two families' keys say the opposite
	// of each other (io/netif.h).
	blank_offered_ = blank_welcome_;
	text->keys[n++] = {"feature-gso-tcpv4", blank_welcome_ ? "1" : "0"};
	text->keys[n++] = {"feature-gso-tcpv6", blank_welcome_ ? "1" : "0"};
	text->keys[n++] = {"feature-no-csum-offload", blank_welcome_ ? "0" : "1"};
	text->keys[n++] = {"feature-ipv6-csum-offload", blank_welcome_ ? "1" : "0"};
	return from_rc(kapi_xenbus_write(bus_, text->keys, n));
}

result<void> device::go_live()
{
	XENPV_CHECK(from_rc(kapi_netfront_ready(net_, &terms_.info)));
	carrier_ = terms_.info.carrier != 0;
	stalled_ = false;
	phase_ = phase::connected;
	for (uint32_t i = 0; i < terms_.info.queues; ++i)
		queues_[i]->start();
	kapi_netfront_unpause(net_);
	// What was wished for since is not in what they agreed on.
	if (queues_wished_for() != terms_.info.queues || blank_offered_ != blank_welcome_)
		start_over();
	return {};
}

uint32_t device::queues_wished_for() const
{
	if (wanted_queues_ == 0)
		return terms_.info.queues;
	return wanted_queues_ < terms_.max_queues ? wanted_queues_ : terms_.max_queues;
}

// The rings go, and with them what was on its way: that is what networks do.
void device::disconnect()
{
	kapi_netfront_pause(net_);
	for (owned<queue> &q : queues_)
		if (q)
			q->disconnect();
	phase_ = phase::disconnected;
}

void device::close(phase why)
{
	if (phase_ != phase::closed && phase_ != phase::broken)
		end(why);
}

void device::end(phase why)
{
	disconnect();
	phase_ = why;
	enter(xenbus_state::closing);
	enter(xenbus_state::closed);
}

void device::fail(err e, const char *what)
{
	log_.fail(bus_, to_errno(e), what);
	// Also after a close: rings may have been half way to the next connection.
	end(phase::broken);
}

void device::peer_broke_protocol()
{
	// Nothing more is taken or sent; the rest needs a context that can sleep.
	broken_.store(true, std::memory_order_relaxed);
	kapi_delayed_schedule(breaker_, 0);
}

void device::break_later(void *ctx)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	// A new connection has begun meanwhile: it is not to blame.
	if (self->broken() && (self->phase_ == phase::connected || self->phase_ == phase::offered))
		self->fail(err::protocol,
			   "the backend broke the protocol; rebind the driver or re-attach the interface");
}

// After a suspend the kernel's grant table and event channels are new.
void device::resume()
{
	mutex::guard held(lock_);
	if (phase_ == phase::broken || phase_ == phase::closed)
		return;
	disconnect();
	enter(xenbus_state::initialising);
}

result<void> device::set_queues(uint32_t count)
{
	mutex::guard held(lock_);
	if (count == 0 || count > terms_.max_queues)
		return err::range;
	wanted_queues_ = count;
	if (phase_ == phase::connected && count != terms_.info.queues)
		start_over();
	return {};
}

void device::set_rx_csum(bool blank_welcome)
{
	mutex::guard held(lock_);
	if (std::exchange(blank_welcome_, blank_welcome) != blank_welcome && phase_ == phase::connected)
		start_over();
}

// What both ends agreed on is to change: they begin anew.
void device::start_over()
{
	disconnect();
	phase_ = phase::restarting;
	enter(xenbus_state::closing);
	enter(xenbus_state::closed);
}

} // namespace xenpv::netfront
