// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/blk/device.hpp>

namespace xenpv::blkback {
namespace {

[[nodiscard]] uint32_t queues_offered()
{
	const uint32_t wanted = kapi_blkback_max_queues();
	return wanted < most_queues ? wanted : most_queues;
}

// After this long another question is a new one.
constexpr uint64_t asking_ends_ns = 5'000'000'000;

} // namespace

device::~device()
{
	leave();
	// Nobody else is there any more, but for other disks that ask whether this one has requests out: they must not
	// find its lock taken for as long as it has.
	while (!queues_stopped())
		kapi_sleep_ms(5);
	end_queues();
	close_disk();
}

void device::leave()
{
	kapi_file_remove(std::exchange(file_, nullptr));
	// Not under its lock, which the queues' threads want for waking it.
	if (auto *work = step_.with([](kapi_delayed *&w) { return std::exchange(w, nullptr); }))
		kapi_delayed_destroy(work);
	stop_queues();
}

result<void> device::open()
{
	account_ = XENPV_TRY(grant::account::open(kapi_xenbus_name(bus_)));
	auto *work = kapi_delayed_create_slow([](void *ctx) { static_cast<device *>(ctx)->step(); }, this);
	if (work == nullptr)
		return err::no_memory;
	step_.with([work](kapi_delayed *&w) { w = work; });
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
		// The same device written again: step() looks how large it is now.
		return;
	}
	number_ = n;
	const auto opened = open_disk();
	if (!opened.ok() && opened.error() == err::busy) {
		wait_out(obstacle::claimed);
		return;
	}
	if (!opened.ok()) {
		fail(opened.error(), "the device cannot be opened");
		return;
	}
	end_wait();
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
	// By mode "w!" the administrator vouches for other writers.
	uint32_t flags = 0;
	if (!readonly_)
		flags = mode[1] == '!' ? KAPI_BDEV_WRITABLE : KAPI_BDEV_WRITABLE | KAPI_BDEV_CLAIM;
	return from_rc(kapi_bdev_open(number_.major, number_.minor, flags, this, &disk_));
}

void device::close_disk()
{
	if (disk_ != nullptr)
		kapi_bdev_close(std::exchange(disk_, nullptr));
}

// Both must be there: the disk and the frontend's rings.
void device::try_connect()
{
	if (phase_ != phase::waiting || disk_ == nullptr)
		return;
	const xenbus_state front = frontend_state();
	if (front != xenbus_state::initialised && front != xenbus_state::connected)
		return;
	// Of a guest that was destroyed, or that goes on in another domain, no write may land after the first one of
	// the guest that has the disk now.
	const auto may_write = [](void *owner) { return static_cast<device *>(owner)->may_still_write(); };
	if (!readonly_ && kapi_bdev_any_other(disk_, may_write)) {
		wait_out(obstacle::requests_out);
		return;
	}
	end_wait();
	if (auto r = connect(); !r.ok())
		fail(r.error(), "cannot connect to the frontend's rings");
}

bool device::may_still_write()
{
	if (readonly_)
		return false;
	mutex::guard held(lock_);
	uint64_t requests = 0;
	bool idle = true;
	for (uint32_t i = 0; i < queue_count_; ++i) {
		requests += queues_[i]->counters().requests.get();
		idle &= queues_[i]->idle();
	}
	const uint64_t now = kapi_now_ns();
	if (now - std::exchange(asked_ns_, now) > asking_ends_ns) {
		requests_at_ask_ = requests;
		for (uint32_t i = 0; i < queue_count_; ++i)
			queues_[i]->look();
		return queue_count_ != 0;
	}
	// A frontend that has sent more than can be in flight at a time is alive: the two share the device on purpose.
	return !idle && requests - requests_at_ask_ <= uint64_t{queue_count_} * queue::depth;
}

result<void> device::connect()
{
	peer_broke_.store(false, std::memory_order_relaxed);
	const terms agreed = XENPV_TRY(read_terms(bus_, log_));
	// What this domain's page cache knows of the disk would hide the guest's writes.
	kapi_bdev_sync(disk_);
	XENPV_CHECK(open_queues(agreed));
	XENPV_CHECK(publish_disk(false));
	enter(phase::connected);
	enter(xenbus_state::connected);
	return {};
}

result<void> device::open_queues(const terms &agreed)
{
	mutex::guard held(lock_);
	while (queue_count_ < agreed.queues) {
		auto q = make_owned<queue>(context::may_sleep, *this);
		if (!q)
			return err::no_memory;
		queues_[queue_count_] = std::move(q);
		++queue_count_;
		XENPV_CHECK(queues_[queue_count_ - 1]->open(bus_, disk_, agreed, queue_count_ - 1, account_));
	}
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
		wake();
	return {info.sectors, info.sector_size, readonly_ || info.readonly != 0};
}

void device::publish_new_capacity()
{
	kapi_bdev_info info{};
	kapi_bdev_read_info(disk_, &info);
	if (info.sectors == published_sectors_.load(std::memory_order_relaxed))
		return;
	log_.say(KAPI_INFO, "capacity is now %llu sectors", static_cast<unsigned long long>(info.sectors));
	if (auto r = publish_disk(true); !r.ok())
		log_.fail(bus_, to_errno(r.error()), "cannot publish the new capacity");
}

void device::stop_queues()
{
	for (uint32_t i = 0; i < queue_count_; ++i)
		queues_[i]->stop();
}

bool device::queues_stopped() const
{
	for (uint32_t i = 0; i < queue_count_; ++i)
		if (!queues_[i]->stopped())
			return false;
	return true;
}

// Waits for those that have not stopped.
void device::end_queues()
{
	mutex::guard held(lock_);
	while (queue_count_ != 0) {
		owned<queue> &q = queues_[--queue_count_];
		q->add_to(past_);
		q.reset();
	}
}

void device::enter(phase p)
{
	mutex::guard held(lock_);
	phase_ = p;
}

void device::add_stats(kapi_blkback_stats &out)
{
	mutex::guard held(lock_);
	out = past_;
	for (uint32_t i = 0; i < queue_count_; ++i)
		queues_[i]->add_to(out);
}

} // namespace xenpv::blkback
