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

namespace xenpv::sim {

ramdisk::ramdisk(options o) : options_(o), bytes_(o.sectors * sector_bytes)
{
	if (o.async)
		thread_ = std::thread([this] { serve(); });
}

ramdisk::~ramdisk()
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

bool ramdisk::open(const kapi_bdev &by)
{
	const std::lock_guard held(mutex_);
	if (by.claims && claimed_)
		return false;
	open_.push_back(&by);
	return true;
}

void ramdisk::claim(bool wanted)
{
	const std::lock_guard held(mutex_);
	claimed_ = wanted;
}

// As in the kernel: who is asked may not open or close meanwhile.
bool ramdisk::any_other(const kapi_bdev &than, bool (*ask)(void *owner)) const
{
	const std::lock_guard held(mutex_);
	bool any = false;
	for (const kapi_bdev *other : open_)
		if (other != &than)
			any |= ask(other->owner);
	return any;
}

void ramdisk::close(const kapi_bdev &by)
{
	const std::lock_guard held(mutex_);
	std::erase(open_, &by);
	if (in_flight_ != 0 && open_.empty())
		violation("a disk is closed with I/O in flight");
	if (closed_)
		closed_();
}

bool ramdisk::is_open() const
{
	const std::lock_guard held(mutex_);
	return !open_.empty();
}

kapi_bdev_info ramdisk::info() const
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

int ramdisk::carry_out(const job &j)
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
			violation("a segment that is not within a page, or not of whole sectors");
		if (io.sector > options_.sectors || at + s.length > bytes_.size())
			return io_error;
		auto *data = static_cast<std::byte *>(static_cast<page *>(s.page)->addr) + s.offset;
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

void ramdisk::submit(const kapi_bdev_io &io)
{
	might_sleep("kapi_bdev_submit");
	job j{io, {}, current_domain()};
	if (io.nr_segments != 0)
		j.segments.assign(io.segments, io.segments + io.nr_segments);
	{
		const std::lock_guard held(mutex_);
		++submissions_[io.op];
		if (open_.empty())
			violation("I/O on a disk that is not open");
		uint64_t bytes = 0;
		for (const auto &s : j.segments)
			bytes += s.length;
		if (io.sector * sector_bytes % options_.sector_size != 0 || bytes % options_.sector_size != 0)
			violation("I/O that is not of whole logical sectors");
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

void ramdisk::serve()
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
			const as_domain inside(*j.home);
			const as_interrupt atomic;
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

void ramdisk::resize(uint64_t sectors)
{
	const std::lock_guard held(mutex_);
	options_.sectors = sectors;
	bytes_.resize(sectors * sector_bytes);
}

void ramdisk::on_io(std::function<int(const kapi_bdev_io &)> verdict)
{
	const std::lock_guard held(mutex_);
	verdict_ = std::move(verdict);
}

void ramdisk::on_close(std::function<void()> what)
{
	const std::lock_guard held(mutex_);
	closed_ = std::move(what);
}

void ramdisk::freeze()
{
	const std::lock_guard held(mutex_);
	frozen_ = true;
}

void ramdisk::thaw()
{
	const std::lock_guard held(mutex_);
	frozen_ = false;
	changed_.notify_all();
}

size_t ramdisk::in_flight() const
{
	const std::lock_guard held(mutex_);
	return in_flight_;
}

std::vector<std::byte> ramdisk::content(uint64_t sector, size_t bytes) const
{
	const std::lock_guard held(mutex_);
	const auto from = bytes_.begin() + static_cast<ptrdiff_t>(sector * sector_bytes);
	return {from, from + static_cast<ptrdiff_t>(bytes)};
}

void ramdisk::fill(uint64_t sector, const std::vector<std::byte> &bytes)
{
	const std::lock_guard held(mutex_);
	std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<ptrdiff_t>(sector * sector_bytes));
}

uint64_t ramdisk::submissions(kapi_bdev_op op) const
{
	const std::lock_guard held(mutex_);
	const auto at = submissions_.find(op);
	return at == submissions_.end() ? 0 : at->second;
}

ramdisk &disks::add(uint32_t major, uint32_t minor, ramdisk::options o)
{
	const std::lock_guard held(mutex_);
	return *(disks_[{major, minor}] = std::make_unique<ramdisk>(o));
}

ramdisk *disks::find(uint32_t major, uint32_t minor)
{
	const std::lock_guard held(mutex_);
	const auto at = disks_.find({major, minor});
	return at == disks_.end() ? nullptr : at->second.get();
}

} // namespace xenpv::sim

using xenpv::sim::world;

int kapi_bdev_open(uint32_t major, uint32_t minor, uint32_t flags, void *owner, kapi_bdev **out)
{
	xenpv::sim::might_sleep("kapi_bdev_open");
	xenpv::sim::ramdisk *disk = world::get().disks().find(major, minor);
	if (disk == nullptr)
		return no_device;
	if ((flags & KAPI_BDEV_WRITABLE) != 0 && disk->info().readonly != 0)
		return readonly_medium;
	auto opened = std::make_unique<kapi_bdev>(*disk, owner, (flags & KAPI_BDEV_CLAIM) != 0);
	if (!disk->open(*opened))
		return busy;
	++world::get().live().disks;
	*out = opened.release();
	return 0;
}

void kapi_bdev_close(kapi_bdev *opened)
{
	xenpv::sim::might_sleep("kapi_bdev_close");
	opened->disk.close(*opened);
	delete opened;
	--world::get().live().disks;
}

bool kapi_bdev_any_other(kapi_bdev *opened, bool (*ask)(void *owner))
{
	xenpv::sim::might_sleep("kapi_bdev_any_other");
	return opened->disk.any_other(*opened, ask);
}

void kapi_bdev_read_info(kapi_bdev *opened, struct kapi_bdev_info *info)
{
	*info = opened->disk.info();
}

void kapi_bdev_sync(kapi_bdev *)
{
	xenpv::sim::might_sleep("kapi_bdev_sync");
}

void kapi_bdev_submit(kapi_bdev *opened, const kapi_bdev_io *io)
{
	opened->disk.submit(*io);
}

void kapi_bdev_plug(kapi_plug *) {}

void kapi_bdev_unplug(kapi_plug *) {}
