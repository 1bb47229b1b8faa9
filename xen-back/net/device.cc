// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/net/device.hpp>

#include <xenpv/keys.hpp>
#include <xenpv/text.hpp>

namespace xenpv::netback {

device::~device()
{
	kapi_file_remove(file_);
	{
		mutex::guard held(lock_);
		// The rings of one that is still connected are the next driver's.
		if (phase_ == phase::connected && frontend_state() == xenbus_state::connected)
			leave_rings();
		else
			disconnect();
	}
	// The queues' threads are gone: nobody schedules it any more.
	if (breaker_ != nullptr)
		kapi_delayed_destroy(breaker_);
}

result<void> device::open()
{
	breaker_ = kapi_delayed_create_slow(&device::break_later, this);
	if (breaker_ == nullptr)
		return err::no_memory;
	account_ = XENPV_TRY(grant::account::open(kapi_xenbus_name(bus_)));
	XENPV_CHECK(advertise());
	file_ = kapi_file_create(kapi_xenbus_name(bus_), "netback", &device::show, this);
	// A frontend that is connected lost its backend's driver, not its device: its rings
	// are taken over as they are, and it need not know.
	inherited_ = frontend_state() == xenbus_state::connected;
	if (!inherited_)
		enter(xenbus_state::init_wait);
	return {};
}

result<void> device::advertise()
{
	char queues[12];
	const uint32_t wanted = kapi_netback_max_queues();
	kapi_format(queues, sizeof(queues), "%u", wanted < KAPI_NET_MAX_QUEUES ? wanted : KAPI_NET_MAX_QUEUES);
	const kapi_xenbus_key keys[] = {
		{"feature-rx-copy", "1"},           {"feature-sg", "1"},
		{"feature-gso-tcpv4", "1"},         {"feature-gso-tcpv6", "1"},
		{"feature-ipv6-csum-offload", "1"}, {"feature-split-event-channels", "1"},
		{"feature-multicast-control", "1"}, {"feature-dynamic-multicast-control", "1"},
		{"feature-ctrl-ring", "1"},         {"multi-queue-max-queues", queues},
	};
	return from_rc(kapi_xenbus_write(bus_, keys, sizeof(keys) / sizeof(keys[0])));
}

void device::read_rate()
{
	char text[32];
	const int length = kapi_xenbus_read(bus_, KAPI_OWN, "rate", text, sizeof(text));
	const auto r = length == to_errno(err::not_found) ? result<rate>(rate{})
		       : length < 0                       ? result<rate>(from_errno(length))
							  : parse_rate(text);
	// What was meant is not known; a guest without network would be worse than one
	// without a limit.
	if (!r.ok())
		log_.say(KAPI_ERROR, "xenstore key rate: \"%s\" is not BYTES,MICROSECONDS: no limit",
			 length < 0 ? "(cannot be read)" : text);
	// The same again gives no new credit.
	const rate wanted = r.value_or({});
	if (wanted.bytes == rate_.bytes && wanted.usecs == rate_.usecs)
		return;
	rate_ = wanted;
	credit_.set(rate_);
	// Who waits by the old one may not have to any more.
	for (uint32_t i = 0; i < queue_count_; ++i)
		queues_[i]->look_again();
}

bool device::read_plugged()
{
	char text[16];
	const int length = kapi_xenbus_read(bus_, KAPI_OWN, "hotplug-status", text, sizeof(text));
	// The in-tree backend takes the key away when it goes; toolstacks make it, empty,
	// before a frontend can have connected.
	if (length == to_errno(err::not_found))
		return inherited_;
	return length > 0 && same_text(text, "connected");
}

void device::own_changed()
{
	mutex::guard held(lock_);
	read_rate();
	plugged_ = read_plugged();
	try_connect();
}

void device::frontend_asked()
{
	groups_.apply(keys(bus_, KAPI_PEER, log_).feature("request-multicast-control"));
}

void device::frontend_changed(xenbus_state state)
{
	mutex::guard held(lock_);
	switch (state) {
	case xenbus_state::initialising:
		// It starts over: after a close, after it broke off, or so soon after a close
		// that only this was seen of it.
		if (phase_ != phase::waiting)
			disconnect();
		phase_ = phase::waiting;
		// Said again: what is in xenstore may be an earlier driver's word, to a frontend
		// that was still connected when this one came.
		enter(xenbus_state::init_wait);
		break;
	case xenbus_state::initialised:
	case xenbus_state::connected:
		try_connect();
		break;
	case xenbus_state::closing:
		disconnect();
		phase_ = phase::closed;
		enter(xenbus_state::closing);
		break;
	case xenbus_state::closed:
		disconnect();
		phase_ = phase::closed;
		enter(xenbus_state::closed);
		if (kapi_xenbus_online(bus_))
			break;
		[[fallthrough]];
	case xenbus_state::unknown:
		kapi_netback_unregister(bus_);
		break;
	default:
		log_.say(KAPI_ERROR, "xenstore key state: the frontend went to %d", static_cast<int>(state));
		break;
	}
}

// Both must be there: the toolstack's work and the frontend's rings.
void device::try_connect()
{
	if (phase_ != phase::waiting || !plugged_ || frontend_state() != xenbus_state::connected)
		return;
	if (auto r = connect(); !r.ok())
		fail(r.error(), "cannot connect to the frontend's rings");
}

result<void> device::connect()
{
	const terms agreed = XENPV_TRY(read_terms(bus_, log_));
	groups_.clear();
	frontend_asked();
	for (; queue_count_ < agreed.info.queues; ++queue_count_) {
		owned<queue> &q = queues_[queue_count_];
		if (!q)
			q = make_owned<queue>(context::may_sleep, *this, queue_count_);
		if (!q)
			return err::no_memory;
		if (made_.load(std::memory_order_relaxed) == queue_count_)
			made_.store(queue_count_ + 1, std::memory_order_release); // pairs with queue_at
		XENPV_CHECK(q->open(bus_, agreed));
	}
	hash_.reset(queue_count_);
	if (agreed.has_control)
		XENPV_CHECK(control_.open(bus_, agreed));
	XENPV_CHECK(from_rc(kapi_netback_connected(net_, &agreed.info)));
	phase_ = phase::connected;
	enter(xenbus_state::connected);
	return {};
}

void device::disconnect(uint64_t patience_ns)
{
	kapi_netback_disconnected(net_);
	control_.close();
	hash_.reset(0);
	for (owned<queue> &q : queues_)
		if (q)
			q->halt();
	const uint64_t until_ns = kapi_now_ns() + patience_ns;
	for (owned<queue> &q : queues_)
		if (q)
			q->close(until_ns);
	queue_count_ = 0;
}

// The frontend goes on with its rings, and takes an answer for the end of the grant.
void device::leave_rings()
{
	const auto total = [this](uint64_t kapi_netback_queue_stats::*what) {
		uint64_t sum = 0;
		for (uint32_t i = 0; i < made_.load(std::memory_order_relaxed); ++i) {
			kapi_netback_queue_stats s{};
			queues_[i]->read(s);
			sum += s.*what;
		}
		return static_cast<uint32_t>(sum);
	};
	const uint32_t held = total(&kapi_netback_queue_stats::tx_held);
	const uint32_t parked = total(&kapi_netback_queue_stats::tx_parked);
	if (held != 0)
		log_.say(KAPI_INFO, "waits up to %u s until the network stack has let go of %u packets",
			 static_cast<uint32_t>(mapping::leaving_patience_ns / 1'000'000'000), held);
	disconnect(mapping::leaving_patience_ns);
	const uint32_t kept = total(&kapi_netback_queue_stats::tx_parked) - parked;
	if (kept != 0)
		log_.say(KAPI_WARN,
			 "a device may still read %u frames of its guest: a frontend that finds them in use may stop",
			 kept);
}

// The device stays, named broken, until the frontend starts over.
void device::fail(err e, const char *what)
{
	log_.fail(bus_, to_errno(e), what);
	disconnect();
	phase_ = phase::broken;
	enter(xenbus_state::closing);
}

void device::frontend_broke_protocol()
{
	kapi_delayed_schedule(breaker_, 0);
}

// What a queue's thread noticed and must not do itself (XSA-90, 374).
void device::break_later(void *ctx)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	if (self->phase_ == phase::connected)
		self->fail(err::protocol, "the frontend broke the ring protocol; re-attach the interface to recover");
}

} // namespace xenpv::netback
