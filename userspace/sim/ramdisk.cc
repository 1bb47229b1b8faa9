// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/ramdisk.hpp>
#include <userspace/sim/world.hpp>

#include <algorithm>
#include <cstring>

namespace {

constexpr size_t sector_bytes = 512;
constexpr int io_error = -5;
constexpr int busy = -16;
constexpr int no_device = -19;
constexpr int readonly_medium = -30;

} // namespace

kapi_bdev::kapi_bdev(options o) : options_(o), bytes_(o.sectors * sector_bytes)
{
	if (o.async)
		thread_ = std::thread([this] { serve(); });
}

kapi_bdev::~kapi_bdev()
{
	if (!thread_.joinable())
		return;
	{
		const std::lock_guard held(mutex_);
		stop_ = true;
		changed_.notify_all();
	}
	thread_.join();
}

bool kapi_bdev::open()
{
	const std::lock_guard held(mutex_);
	return !std::exchange(open_, true);
}

void kapi_bdev::close()
{
	const std::lock_guard held(mutex_);
	if (in_flight_ != 0)
		xenpv::sim::violation("a disk is closed with I/O in flight");
	open_ = false;
	if (closed_)
		closed_();
}

bool kapi_bdev::is_open() const
{
	const std::lock_guard held(mutex_);
	return open_;
}

kapi_bdev_info kapi_bdev::info() const
{
	const std::lock_guard held(mutex_);
	return {options_.sectors,
		options_.sector_size,
		options_.sector_size,
		options_.readonly,
		options_.write_cache,
		options_.removable,
		0};
}

int kapi_bdev::carry_out(const job &j)
{
	const kapi_bdev_io &io = j.io;
	const std::lock_guard held(mutex_);
	current_page_ = j.segments.empty() ? nullptr : j.segments[0].page;
	if (verdict_)
		if (const int error = verdict_(io); error != 0)
			return error;
	uint64_t at = io.sector * sector_bytes;
	for (const kapi_bdev_segment &s : j.segments) {
		// The block layer would end such I/O with an error; it must not come this far.
		if (s.offset % options_.sector_size % sector_bytes != 0 || s.length % sector_bytes != 0 ||
		    s.offset + s.length > KAPI_PAGE_SIZE)
			xenpv::sim::violation("a segment that is not within a page, or not of whole sectors");
		if (io.sector > options_.sectors || at + s.length > bytes_.size())
			return io_error;
		auto *data = static_cast<std::byte *>(static_cast<xenpv::sim::page *>(s.page)->addr) + s.offset;
		if (io.op == KAPI_BDEV_READ)
			std::memcpy(data, bytes_.data() + at, s.length);
		else if (options_.readonly)
			return readonly_medium;
		else
			std::memcpy(bytes_.data() + at, data, s.length);
		at += s.length;
	}
	return 0;
}

void kapi_bdev::submit(const kapi_bdev_io &io)
{
	xenpv::sim::might_sleep("kapi_bdev_submit");
	job j{io, {}, xenpv::sim::current_domain()};
	if (io.nr_segments != 0)
		j.segments.assign(io.segments, io.segments + io.nr_segments);
	{
		const std::lock_guard held(mutex_);
		++submissions_[io.op];
		if (!open_)
			xenpv::sim::violation("I/O on a disk that is not open");
		uint64_t bytes = 0;
		for (const auto &s : j.segments)
			bytes += s.length;
		if (io.sector * sector_bytes % options_.sector_size != 0 || bytes % options_.sector_size != 0)
			xenpv::sim::violation("I/O that is not of whole logical sectors");
		++in_flight_;
		if (options_.async) {
			jobs_.push_back(std::move(j));
			changed_.notify_all();
			return;
		}
	}
	const int error = carry_out(j);
	{
		const std::lock_guard held(mutex_);
		--in_flight_;
	}
	io.done(io.ctx, error);
}

void kapi_bdev::serve()
{
	std::unique_lock held(mutex_);
	for (;;) {
		changed_.wait(held, [this] { return stop_ || (!frozen_ && !jobs_.empty()); });
		if (stop_)
			return;
		const job j = std::move(jobs_.front());
		jobs_.pop_front();
		held.unlock();
		{
			const xenpv::sim::as_domain inside(*j.home);
			const xenpv::sim::as_interrupt atomic;
			const int error = carry_out(j);
			// Before the completion: it may be what lets the disk be closed.
			held.lock();
			--in_flight_;
			held.unlock();
			j.io.done(j.io.ctx, error);
		}
		held.lock();
	}
}

void kapi_bdev::resize(uint64_t sectors)
{
	const std::lock_guard held(mutex_);
	options_.sectors = sectors;
	bytes_.resize(sectors * sector_bytes);
}

void kapi_bdev::on_io(std::function<int(const kapi_bdev_io &)> verdict)
{
	const std::lock_guard held(mutex_);
	verdict_ = std::move(verdict);
}

void kapi_bdev::on_close(std::function<void()> what)
{
	const std::lock_guard held(mutex_);
	closed_ = std::move(what);
}

void kapi_bdev::freeze()
{
	const std::lock_guard held(mutex_);
	frozen_ = true;
}

void kapi_bdev::thaw()
{
	const std::lock_guard held(mutex_);
	frozen_ = false;
	changed_.notify_all();
}

size_t kapi_bdev::in_flight() const
{
	const std::lock_guard held(mutex_);
	return in_flight_;
}

std::vector<std::byte> kapi_bdev::content(uint64_t sector, size_t bytes) const
{
	const std::lock_guard held(mutex_);
	const auto from = bytes_.begin() + static_cast<ptrdiff_t>(sector * sector_bytes);
	return {from, from + static_cast<ptrdiff_t>(bytes)};
}

void kapi_bdev::fill(uint64_t sector, const std::vector<std::byte> &bytes)
{
	const std::lock_guard held(mutex_);
	std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<ptrdiff_t>(sector * sector_bytes));
}

uint64_t kapi_bdev::submissions(kapi_bdev_op op) const
{
	const std::lock_guard held(mutex_);
	const auto at = submissions_.find(op);
	return at == submissions_.end() ? 0 : at->second;
}

namespace xenpv::sim {

kapi_bdev &disks::add(uint32_t major, uint32_t minor, kapi_bdev::options o)
{
	const std::lock_guard held(mutex_);
	return *(disks_[{major, minor}] = std::make_unique<kapi_bdev>(o));
}

kapi_bdev *disks::find(uint32_t major, uint32_t minor)
{
	const std::lock_guard held(mutex_);
	const auto at = disks_.find({major, minor});
	return at == disks_.end() ? nullptr : at->second.get();
}

} // namespace xenpv::sim

using xenpv::sim::world;

int kapi_bdev_open(uint32_t major, uint32_t minor, bool writable, kapi_bdev **out)
{
	xenpv::sim::might_sleep("kapi_bdev_open");
	kapi_bdev *disk = world::get().disks().find(major, minor);
	if (disk == nullptr)
		return no_device;
	if (writable && disk->info().readonly != 0)
		return readonly_medium;
	if (!disk->open())
		return busy;
	++world::get().live().disks;
	*out = disk;
	return 0;
}

void kapi_bdev_close(kapi_bdev *disk)
{
	xenpv::sim::might_sleep("kapi_bdev_close");
	disk->close();
	--world::get().live().disks;
}

void kapi_bdev_read_info(kapi_bdev *disk, struct kapi_bdev_info *info)
{
	*info = disk->info();
}

void kapi_bdev_sync(kapi_bdev *)
{
	xenpv::sim::might_sleep("kapi_bdev_sync");
}

void kapi_bdev_submit(kapi_bdev *disk, const kapi_bdev_io *io)
{
	disk->submit(*io);
}

void kapi_bdev_plug(kapi_plug *) {}

void kapi_bdev_unplug(kapi_plug *) {}
