// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/blkfront_adapter.hpp>

#include <cstring>
#include <new>
#include <thread>
#include <utility>

namespace xenpv::sim {

block_io::block_io(uint32_t op, uint64_t sector)
{
	request.cookie = this;
	request.op = op;
	request.sector = sector;
}

block_io::~block_io()
{
	for (const kapi_page &p : pages)
		kapi_page_release(p.page);
}

void block_io::add(uint32_t offset, uint32_t length)
{
	kapi_page p{};
	const as_domain inside(*world::get().find(1));
	if (kapi_page_alloc(&p, KAPI_MAY_SLEEP) != 0)
		throw std::bad_alloc();
	pages.push_back(p);
	request.segments[request.nr_segments++] = {p.page, p.addr, p.frame, offset, length};
}

void block_io::fill(const std::vector<std::byte> &bytes)
{
	size_t at = 0;
	for (uint32_t i = 0; i < request.nr_segments; ++i) {
		const kapi_blk_segment &s = request.segments[i];
		std::memcpy(static_cast<std::byte *>(s.addr) + s.offset, bytes.data() + at, s.length);
		at += s.length;
	}
}

std::vector<std::byte> block_io::bytes() const
{
	std::vector<std::byte> out;
	for (uint32_t i = 0; i < request.nr_segments; ++i) {
		const kapi_blk_segment &s = request.segments[i];
		const auto *from = static_cast<std::byte *>(s.addr) + s.offset;
		out.insert(out.end(), from, from + s.length);
	}
	return out;
}

} // namespace xenpv::sim

using xenpv::sim::as_domain;
using xenpv::sim::block_io;
using xenpv::sim::world;

kapi_blkfront::kapi_blkfront(xenpv::sim::toolstack &tools)
	: tools_(tools), home_(world::get().domain(tools.back.peer_domid))
{
}

kapi_blkfront::~kapi_blkfront()
{
	remove();
}

int kapi_blkfront::probe()
{
	gone_ = false;
	{
		const as_domain inside(home_);
		if (const int rc = xenpv_blkfront_create(&tools_.front, this, &engine_); rc != 0)
			return rc;
	}
	watch_ = world::get().store().watch(home_, tools_.back.own + "/state", [this] {
		xenpv_blkfront_backend_changed(engine_, kapi_xenbus_peer_state(&tools_.front));
	});
	return 0;
}

void kapi_blkfront::remove()
{
	if (engine_ == nullptr)
		return;
	world::get().store().unwatch(watch_);
	const as_domain inside(home_);
	// In this order, as in the kernel: the end of the disk waits for what the engine has.
	gone_ = true;
	xenpv_blkfront_destroy(std::exchange(engine_, nullptr));
	on_gone();
	for (block_io *io : std::exchange(requeued_, {}))
		end(*io, -5);
}

bool kapi_blkfront::serves()
{
	const as_domain inside(home_);
	return xenpv_blkfront_serves(engine_);
}

void kapi_blkfront::resume()
{
	world::get().settle();
	const as_domain inside(home_);
	xenpv_blkfront_resume(engine_);
}

// blk-mq dispatches and commits in one read-side section, which a pause waits for.
void kapi_blkfront::enter_dispatch()
{
	std::unique_lock held(mutex_);
	changed_.wait(held, [this] { return !seen_.paused; });
	++dispatching_;
}

void kapi_blkfront::leave_dispatch()
{
	const std::lock_guard held(mutex_);
	--dispatching_;
	changed_.notify_all();
}

int kapi_blkfront::queue(uint32_t context, block_io &io)
{
	const as_domain inside(home_);
	io.context = context;
	io.result = block_io::pending;
	io.completions = 0;
	if (gone_)
		return -5;
	enter_dispatch();
	{
		const std::lock_guard held(mutex_);
		++out_;
	}
	const int rc = xenpv_blkfront_queue(engine_, context, &io.request);
	leave_dispatch();
	if (rc != 0) {
		const std::lock_guard held(mutex_);
		--out_;
	}
	return rc;
}

void kapi_blkfront::commit(uint32_t context)
{
	const as_domain inside(home_);
	if (gone_)
		return;
	enter_dispatch();
	xenpv_blkfront_commit(engine_, context);
	leave_dispatch();
}

void kapi_blkfront::kick()
{
	std::vector<block_io *> again;
	{
		const std::lock_guard held(mutex_);
		again.swap(requeued_);
	}
	for (block_io *io : again) {
		const uint32_t context = io->context;
		if (const int rc = queue(context, *io); rc == -11 || rc == -16)
			put_back(*io);
		else if (rc != 0)
			end(*io, rc);
		// What is queued is perhaps done, and gone.
		commit(context);
	}
}

int kapi_blkfront::wait(block_io &io)
{
	std::unique_lock held(mutex_);
	// A lost completion fails a test instead of hanging it.
	const bool done =
		changed_.wait_for(held, std::chrono::seconds(30), [&io] { return io.result != block_io::pending; });
	return done ? io.result.load() : block_io::pending;
}

int kapi_blkfront::run(uint32_t context, block_io &io)
{
	for (int i = 0; i < 30000; ++i) {
		const int rc = queue(context, io);
		if (rc == 0) {
			commit(context);
			return wait(io);
		}
		if (rc != -11 && rc != -16)
			return rc;
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
	return block_io::pending;
}

kapi_blkfront::history kapi_blkfront::seen() const
{
	const std::lock_guard held(mutex_);
	return seen_;
}

int kapi_blkfront::on_ready(const kapi_disk_info &info)
{
	const std::lock_guard held(mutex_);
	seen_.ready.push_back(info);
	changed_.notify_all();
	return ready_result;
}

void kapi_blkfront::on_pause(bool paused)
{
	std::unique_lock held(mutex_);
	seen_.paused = paused;
	changed_.notify_all();
	if (paused)
		changed_.wait(held, [this] { return dispatching_ == 0; });
}

void kapi_blkfront::on_resized(uint64_t sectors)
{
	const std::lock_guard held(mutex_);
	seen_.resized.push_back(sectors);
}

void kapi_blkfront::on_no_flush()
{
	const std::lock_guard held(mutex_);
	++seen_.no_flush;
}

void kapi_blkfront::on_complete(block_io &io, int error)
{
	{
		const std::lock_guard held(mutex_);
		--out_;
	}
	end(io, error);
}

void kapi_blkfront::end(block_io &io, int error)
{
	const std::lock_guard held(mutex_);
	if (++io.completions > 1)
		xenpv::sim::violation("a request is completed twice");
	io.result = error;
	changed_.notify_all();
}

void kapi_blkfront::on_requeue(block_io &io)
{
	{
		const std::lock_guard held(mutex_);
		--out_;
	}
	put_back(io);
}

void kapi_blkfront::put_back(block_io &io)
{
	const std::lock_guard held(mutex_);
	if (io.completions != 0)
		xenpv::sim::violation("a request is handed back that was completed");
	requeued_.push_back(&io);
	++seen_.requeued;
}

void kapi_blkfront::on_wake()
{
	const std::lock_guard held(mutex_);
	++seen_.wakes;
}

void kapi_blkfront::on_gone()
{
	const std::lock_guard held(mutex_);
	gone_ = true;
	// What is dirty is written then, and waits for what the engine has of it.
	if (out_ != 0)
		xenpv::sim::violation("the disk ends while requests are out that nobody will answer");
	++seen_.gone;
}

int kapi_blkfront_ready(kapi_blkfront *disk, const kapi_disk_info *info)
{
	xenpv::sim::might_sleep("kapi_blkfront_ready");
	return disk->on_ready(*info);
}

void kapi_blkfront_pause(kapi_blkfront *disk)
{
	xenpv::sim::might_sleep("kapi_blkfront_pause");
	disk->on_pause(true);
}

void kapi_blkfront_unpause(kapi_blkfront *disk)
{
	disk->on_pause(false);
}

void kapi_blkfront_resized(kapi_blkfront *disk, uint64_t sectors)
{
	xenpv::sim::might_sleep("kapi_blkfront_resized");
	disk->on_resized(sectors);
}

void kapi_blkfront_no_flush(kapi_blkfront *disk)
{
	disk->on_no_flush();
}

void kapi_blkfront_complete(kapi_blkfront *disk, void *cookie, int error)
{
	disk->on_complete(*static_cast<block_io *>(cookie), error);
}

void kapi_blkfront_requeue(kapi_blkfront *disk, void *cookie)
{
	xenpv::sim::might_sleep("kapi_blkfront_requeue");
	disk->on_requeue(*static_cast<block_io *>(cookie));
}

void kapi_blkfront_wake(kapi_blkfront *disk, uint32_t)
{
	disk->on_wake();
}

void kapi_blkfront_gone(kapi_blkfront *disk)
{
	xenpv::sim::might_sleep("kapi_blkfront_gone");
	disk->on_gone();
}
