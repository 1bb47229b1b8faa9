// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/evtchn.h>
#include <xen-back/blk/device.hpp>

namespace xenpv::blkback {
namespace {

[[nodiscard]] uint32_t queues_offered()
{
	const uint32_t cpus = kapi_cpu_count();
	return cpus < most_queues ? cpus : most_queues;
}

} // namespace

device::~device()
{
	kapi_file_remove(file_);
	{
		mutex::guard held(lock_);
		disconnect();
	}
	// The queues are gone: nobody schedules it any more.
	if (later_ != nullptr)
		kapi_delayed_destroy(later_);
	if (disk_ != nullptr)
		kapi_bdev_close(disk_);
}

result<void> device::open()
{
	account_ = XENPV_TRY(grant::account::open(kapi_xenbus_name(bus_)));
	later_ = kapi_delayed_create(&device::later, this);
	if (later_ == nullptr)
		return err::no_memory;
	XENPV_CHECK(advertise());
	file_ = kapi_file_create(kapi_xenbus_name(bus_), "blkback", &device::show, this);
	// A frontend that is connected lost its backend's driver, not its device: its ring
	// is taken over as it is, and it need not know.
	if (frontend_state() != xenbus_state::connected)
		enter(xenbus_state::init_wait);
	return {};
}

result<void> device::advertise()
{
	char queues[12];
	kapi_format(queues, sizeof(queues), "%u", queues_offered());
	const kapi_xenbus_key keys[] = {
		{"multi-queue-max-queues", queues},
		{"feature-persistent", "1"},
	};
	return from_rc(kapi_xenbus_write(bus_, keys, 2));
}

void device::hotplug()
{
	mutex::guard held(lock_);
	find_disk();
}

// Opens what the hotplug script named, once it has.
void device::find_disk()
{
	char text[32];
	const int length = kapi_xenbus_read(bus_, KAPI_OWN, "physical-device", text, sizeof(text));
	if (length == to_errno(err::not_found))
		return; // the script has not run yet
	const auto number = length < 0 ? result<device_number>(from_errno(length)) : parse_device(text);
	if (!number.ok()) {
		log_.say(KAPI_ERROR, "xenstore key physical-device: \"%s\" is not MAJOR:MINOR in hexadecimal",
			 length < 0 ? "(cannot be read)" : text);
		fail(number.error(), "physical-device is not a device number");
		return;
	}
	const device_number n = number.value_or({});
	if (disk_ != nullptr) {
		if (n.major != number_.major || n.minor != number_.minor)
			log_.say(KAPI_WARN, "xenstore key physical-device: changed to %s while open: ignored", text);
		// The same device written again: look how large it is now.
		kapi_delayed_schedule(later_, 0);
		return;
	}
	number_ = n;
	if (auto r = open_disk(); !r.ok()) {
		fail(r.error(), r.error() == err::busy ? "the device is in use: another guest or a mount holds it"
						       : "the device cannot be opened");
		return;
	}
	try_connect();
}

result<void> device::open_disk()
{
	char mode[4] = "";
	if (kapi_xenbus_read(bus_, KAPI_OWN, "mode", mode, sizeof(mode)) < 1)
		return err::invalid;
	char type[16] = "";
	cdrom_ = kapi_xenbus_read(bus_, KAPI_OWN, "device-type", type, sizeof(type)) > 0 && same_text(type, "cdrom");
	readonly_ = mode[0] != 'w' || cdrom_;
	return from_rc(kapi_bdev_open(number_.major, number_.minor, !readonly_, &disk_));
}

void device::frontend_changed(xenbus_state state)
{
	mutex::guard held(lock_);
	switch (state) {
	case xenbus_state::initialising:
		// It starts over: after a close, after it broke off, or so soon after a close
		// that only this was seen of it.
		if (phase_ != phase::waiting) {
			disconnect();
			phase_ = phase::waiting;
			enter(xenbus_state::init_wait);
			// It may have been in somebody's use when it was first looked for.
			if (disk_ == nullptr)
				find_disk();
		}
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
		kapi_blkback_unregister(bus_);
		break;
	default:
		log_.say(KAPI_ERROR, "xenstore key state: the frontend went to %d", static_cast<int>(state));
		break;
	}
}

// Both must be there: the disk and the frontend's rings.
void device::try_connect()
{
	if (phase_ != phase::waiting || disk_ == nullptr)
		return;
	const xenbus_state front = frontend_state();
	if (front != xenbus_state::initialised && front != xenbus_state::connected)
		return;
	if (auto r = connect(); !r.ok())
		fail(r.error(), "cannot connect to the frontend's rings");
}

result<void> device::connect()
{
	peer_broke_.store(false, std::memory_order_relaxed);
	const terms agreed = XENPV_TRY(read_terms(bus_, log_));
	// What this domain's page cache knows of the disk would hide the guest's writes.
	kapi_bdev_sync(disk_);
	while (queue_count_ < agreed.queues) {
		auto q = make_owned<queue>(context::may_sleep, *this);
		if (!q)
			return err::no_memory;
		queues_[queue_count_] = std::move(q);
		++queue_count_;
		XENPV_CHECK(queues_[queue_count_ - 1]->open(bus_, disk_, agreed, queue_count_ - 1, account_));
	}
	XENPV_CHECK(publish_disk(false));
	phase_ = phase::connected;
	enter(xenbus_state::connected);
	return {};
}

result<void> device::publish_disk(bool rewrite_state)
{
	kapi_bdev_info info{};
	kapi_bdev_read_info(disk_, &info);
	char sectors[24];
	char size[12];
	char physical[12];
	char flags[12];
	kapi_format(sectors, sizeof(sectors), "%llu", static_cast<unsigned long long>(info.sectors));
	kapi_format(size, sizeof(size), "%u", info.sector_size);
	kapi_format(physical, sizeof(physical), "%u", info.physical_sector_size);
	const uint32_t bits = (cdrom_ ? blkif::info_cdrom : 0) | (info.removable != 0 ? blkif::info_removable : 0) |
			      (readonly_ || info.readonly != 0 ? blkif::info_readonly : 0);
	kapi_format(flags, sizeof(flags), "%u", bits);
	// Offered whether or not the device has a cache now: a flush of nothing is cheap,
	// a missing one is not.
	const kapi_xenbus_key keys[] = {
		{"sectors", sectors},
		{"sector-size", size},
		{"physical-sector-size", physical},
		{"info", flags},
		{"feature-flush-cache", "1"},
		{"feature-barrier", "1"},
		// Writing the state again is how frontends learn of a new size.
		{"state", "4"},
	};
	XENPV_CHECK(from_rc(kapi_xenbus_write(bus_, keys, rewrite_state ? 7 : 6)));
	published_sectors_.store(info.sectors, std::memory_order_relaxed);
	return {};
}

disk_limits device::limits()
{
	kapi_bdev_info info{};
	kapi_bdev_read_info(disk_, &info);
	if (info.sectors != published_sectors_.load(std::memory_order_relaxed))
		kapi_delayed_schedule(later_, 0);
	return {info.sectors, info.sector_size, readonly_ || info.readonly != 0};
}

void device::frontend_broke_protocol()
{
	peer_broke_.store(true, std::memory_order_relaxed);
	kapi_delayed_schedule(later_, 0);
}

// What queues' threads noticed and must not do themselves.
void device::later(void *ctx)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	if (self->phase_ != phase::connected)
		return;
	if (self->peer_broke_.exchange(false, std::memory_order_relaxed)) {
		self->fail(err::protocol, "the frontend broke the ring protocol; re-attach the disk to recover");
		return;
	}
	kapi_bdev_info info{};
	kapi_bdev_read_info(self->disk_, &info);
	if (info.sectors == self->published_sectors_.load(std::memory_order_relaxed))
		return;
	self->log_.say(KAPI_INFO, "capacity is now %llu sectors", static_cast<unsigned long long>(info.sectors));
	if (auto r = self->publish_disk(true); !r.ok())
		kapi_xenbus_error(self->bus_, to_errno(r.error()), "cannot publish the new capacity");
}

void device::disconnect()
{
	while (queue_count_ != 0) {
		owned<queue> &q = queues_[queue_count_ - 1];
		q->close();
		q->add_to(past_);
		q.reset();
		--queue_count_;
	}
}

// The device stays, named broken, until the frontend starts over.
void device::fail(err e, const char *what)
{
	kapi_xenbus_error(bus_, to_errno(e), what);
	disconnect();
	phase_ = phase::broken;
	enter(xenbus_state::closing);
}

void device::add_stats(kapi_blkback_stats &out)
{
	mutex::guard held(lock_);
	out = past_;
	for (uint32_t i = 0; i < queue_count_; ++i)
		queues_[i]->add_to(out);
}

} // namespace xenpv::blkback
