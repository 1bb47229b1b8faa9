// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/evtchn.h>
#include <xen-front/blk/device.hpp>

namespace xenpv::blkfront {
namespace {

// Each new size is an event for the whole system, so a backend is not free to make as many as it likes.
constexpr uint64_t resize_interval_ns = 1'000'000'000;

} // namespace

device::device(kapi_xenbus *bus, kapi_blkfront *disk) : bus_(bus), disk_(disk), log_(kapi_xenbus_name(bus)) {}

device::~device()
{
	kapi_file_remove(file_);
	{
		mutex::guard held(lock_);
		disconnect();
		for (uint32_t i = 0; i < queue_count_; ++i)
			queues_[i]->fail_pending();
	}
	kapi_blkfront_unpause(disk_);
	// The channels are gone: nobody schedules it any more.
	for (kapi_delayed *work : {breaker_, resizer_})
		if (work != nullptr)
			kapi_delayed_destroy(work);
}

result<void> device::open()
{
	account_ = XENPV_TRY(grant::account::open(kapi_xenbus_name(bus_)));
	breaker_ = kapi_delayed_create(&device::break_later, this);
	resizer_ = kapi_delayed_create(&device::resize_later, this);
	if (breaker_ == nullptr || resizer_ == nullptr)
		return err::no_memory;
	file_ = kapi_file_create(kapi_xenbus_name(bus_), "blkfront", &device::show, this);
	// Also after an earlier driver closed the device: this is what makes the backend
	// wait for rings again.
	enter(xenbus_state::initialising);
	return {};
}

void device::backend_changed(xenbus_state state)
{
	mutex::guard held(lock_);
	if (phase_ == phase::broken || phase_ == phase::closed)
		return;
	switch (state) {
	case xenbus_state::init_wait:
		// Said twice: it looks at the rings it was offered.
		if (phase_ == phase::offered)
			break;
		// A backend that started over under a connected disk: what it did not answer is
		// replayed.
		if (phase_ == phase::connected)
			disconnect();
		if (auto r = offer_rings(); !r.ok())
			fail(r.error(), "cannot set up rings");
		break;
	case xenbus_state::connected:
		if (phase_ == phase::connected) {
			reread_capacity();
		} else if (phase_ == phase::offered) {
			if (auto r = go_live(); !r.ok())
				fail(r.error(), "cannot use what the backend published");
		}
		break;
	case xenbus_state::unknown:
		// Its directory is gone; before the first contact that only means "not yet".
		if (phase_ == phase::disconnected)
			break;
		[[fallthrough]];
	case xenbus_state::closing:
		close(phase::closed);
		break;
	case xenbus_state::closed:
		// A backend that an earlier driver left closed answers our Initialising soon.
		if (phase_ != phase::disconnected)
			close(phase::closed);
		break;
	default:
		break;
	}
}

result<void> device::offer_rings()
{
	connection_terms used = XENPV_TRY(read_connection_terms(bus_, log_));
	// The block layer's hardware contexts are made once, for the CPUs of that time and what was offered then. A
	// reconnect has as many rings, or fewer that serve all the contexts.
	const uint32_t cpus = kapi_cpu_count();
	const uint32_t wanted = queue_count_ != 0 ? queue_count_ : cpus;
	used.rings = used.rings < wanted ? used.rings : wanted;
	while (queue_count_ < used.rings) {
		queues_[queue_count_] = make_owned<queue>(context::may_sleep, *this);
		if (!queues_[queue_count_])
			return err::no_memory;
		++queue_count_;
	}
	ring_count_ = used.rings;
	for (uint32_t i = 0; i < ring_count_; ++i)
		XENPV_CHECK(queues_[i]->connect(bus_, used, i, account_));
	XENPV_CHECK(publish(used));
	phase_ = phase::offered;
	enter(xenbus_state::initialised);
	return {};
}

result<void> device::publish(const connection_terms &terms)
{
	constexpr size_t per_queue = 2;
	struct line {
		char key[28];
		char value[12];
	};
	struct page_of_lines {
		line lines[KAPI_BLK_MAX_QUEUES * per_queue];
		kapi_xenbus_key keys[KAPI_BLK_MAX_QUEUES * per_queue + 3];
	};
	auto text = make_owned<page_of_lines>(context::may_sleep);
	if (!text)
		return err::no_memory;
	size_t n = 0;
	for (uint32_t i = 0; i < terms.rings; ++i) {
		char prefix[12] = "";
		if (terms.rings > 1)
			kapi_format(prefix, sizeof(prefix), "queue-%u/", i);
		line &ring = text->lines[n++];
		kapi_format(ring.key, sizeof(ring.key), "%sring-ref", prefix);
		kapi_format(ring.value, sizeof(ring.value), "%u", queues_[i]->ring_ref());
		line &port = text->lines[n++];
		kapi_format(port.key, sizeof(port.key), "%sevent-channel", prefix);
		kapi_format(port.value, sizeof(port.value), "%u", queues_[i]->port());
	}
	for (size_t i = 0; i < n; ++i)
		text->keys[i] = {text->lines[i].key, text->lines[i].value};
	char queues[12];
	kapi_format(queues, sizeof(queues), "%u", terms.rings);
	// Written always: an earlier driver may have left another number behind.
	text->keys[n++] = {"multi-queue-num-queues", queues};
	text->keys[n++] = {"protocol", blkif::protocol_64};
	text->keys[n++] = {"feature-persistent", "1"};
	return from_rc(kapi_xenbus_write(bus_, text->keys, n));
}

result<void> device::go_live()
{
	disk_terms terms = XENPV_TRY(read_disk_terms(bus_, log_));
	terms.info.queues = queue_count_;
	handle_ = static_cast<uint16_t>(terms.info.device);
	sectors_ = terms.info.sectors;
	phase_ = phase::connected;
	for (uint32_t i = ring_count_; i < queue_count_; ++i)
		queues_[i]->retire();
	for (uint32_t i = 0; i < ring_count_; ++i)
		queues_[i]->start(terms.service);
	// How the disk flushes is known before the next request is made for it.
	const int rc = kapi_blkfront_ready(disk_, &terms.info);
	kapi_blkfront_unpause(disk_);
	if (rc == 0)
		enter(xenbus_state::connected);
	return from_rc(rc);
}

void device::wake(uint32_t ring)
{
	for (uint32_t i = ring; i < queue_count_; i += ring_count_)
		kapi_blkfront_wake(disk_, i);
}

void device::reread_capacity()
{
	const auto sectors = read_capacity(bus_, log_);
	if (!sectors.ok() || sectors.value_or(0) == sectors_)
		return;
	const uint64_t now = kapi_now_ns();
	if (resized_ns_ != 0 && now - resized_ns_ < resize_interval_ns) {
		kapi_delayed_schedule(
			resizer_, 1 + static_cast<unsigned int>((resized_ns_ + resize_interval_ns - now) / 1'000'000));
		return;
	}
	resized_ns_ = now;
	sectors_ = sectors.value_or(0);
	log_.say(KAPI_INFO, "capacity is now %llu sectors", static_cast<unsigned long long>(sectors_));
	kapi_blkfront_resized(disk_, sectors_);
}

void device::resize_later(void *ctx)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	if (self->phase_ == phase::connected)
		self->reread_capacity();
}

// The rings go; what is pending stays with its queue.
void device::disconnect()
{
	kapi_blkfront_pause(disk_);
	for (uint32_t i = 0; i < queue_count_; ++i)
		queues_[i]->disconnect();
	phase_ = phase::disconnected;
}

void device::close(phase why)
{
	if (phase_ == phase::closed || phase_ == phase::broken)
		return;
	// First: a request that is refused without it waits to be asked for again.
	broken_.store(true, std::memory_order_relaxed);
	for (uint32_t i = 0; i < queue_count_; ++i)
		queues_[i]->refuse();
	disconnect();
	phase_ = why;
	for (uint32_t i = 0; i < queue_count_; ++i)
		queues_[i]->fail_pending();
	kapi_blkfront_unpause(disk_);
	kapi_blkfront_gone(disk_);
	enter(xenbus_state::closing);
	enter(xenbus_state::closed);
}

void device::fail(err e, const char *what)
{
	log_.fail(bus_, to_errno(e), what);
	close(phase::broken);
}

void device::peer_broke_protocol()
{
	// Nothing more is sent; the rest needs a context that can sleep.
	broken_.store(true, std::memory_order_relaxed);
	kapi_delayed_schedule(breaker_, 0);
}

void device::break_later(void *ctx)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	self->fail(err::protocol, "the backend broke the protocol; rebind the driver or re-attach the disk to recover");
}

bool device::serves()
{
	mutex::guard held(lock_);
	return phase_ == phase::connected && !broken();
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

} // namespace xenpv::blkfront
