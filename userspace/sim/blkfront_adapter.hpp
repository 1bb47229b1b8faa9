// SPDX-License-Identifier: GPL-2.0-only
// In place of kernel/blkfront*.c: a disk that a test reads and writes.
#pragma once
#include <kapi/blkfront.h>
#include <kapi/mem.h>
#include <userspace/sim/toolstack.hpp>
#include <userspace/sim/world.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace xenpv::sim {

// One request and the guest's pages it is about.
struct block_io {
	static constexpr int pending = 1;

	kapi_blk_request request{};
	std::vector<kapi_page> pages;
	uint32_t context = 0; // the hardware context that it was queued on
	std::atomic<int> result{pending};
	std::atomic<int> completions{0};

	block_io(uint32_t op, uint64_t sector);
	block_io(const block_io &) = delete;
	block_io &operator=(const block_io &) = delete;
	~block_io();
	// A segment on a page of its own.
	void add(uint32_t offset, uint32_t length);
	void fill(const std::vector<std::byte> &bytes);
	[[nodiscard]] std::vector<std::byte> bytes() const;
};

} // namespace xenpv::sim

struct kapi_blkfront {
public:
	explicit kapi_blkfront(xenpv::sim::toolstack &tools);
	kapi_blkfront(const kapi_blkfront &) = delete;
	kapi_blkfront &operator=(const kapi_blkfront &) = delete;
	~kapi_blkfront();

	// The driver binds to the device; 0 or what the engine said.
	[[nodiscard]] int probe();
	// It lets go; no request may come any more.
	void remove();
	void resume();

	// 0, -EBUSY, -EAGAIN, -EIO.  Waits while the engine has paused the disk.
	[[nodiscard]] int queue(uint32_t context, xenpv::sim::block_io &io);
	void commit(uint32_t context);
	// Queues until it is accepted, commits, waits for the end; its result.
	int run(uint32_t context, xenpv::sim::block_io &io);
	// Queues again what the engine handed back, as the block layer does after a pause.
	void kick();
	int wait(xenpv::sim::block_io &io);

	// See xenpv_blkfront_serves.
	[[nodiscard]] bool serves();

	struct history {
		std::vector<kapi_disk_info> ready;
		std::vector<uint64_t> resized;
		uint32_t no_flush = 0;
		uint32_t gone = 0;
		uint32_t wakes = 0;
		uint32_t requeued = 0;
		bool paused = false;
	};
	[[nodiscard]] history seen() const;
	// What kapi_blkfront_ready answers.
	std::atomic<int> ready_result{0};

	// The engine's side.
	int on_ready(const kapi_disk_info &info);
	void on_pause(bool paused);
	void on_resized(uint64_t sectors);
	void on_no_flush();
	void on_complete(xenpv::sim::block_io &io, int error);
	void on_requeue(xenpv::sim::block_io &io);
	void on_wake();
	void on_gone();

private:
	void enter_dispatch();
	void leave_dispatch();
	void end(xenpv::sim::block_io &io, int error);
	void put_back(xenpv::sim::block_io &io);

	xenpv::sim::toolstack &tools_;
	xenpv::sim::domain &home_;
	xenpv_blkfront *engine_ = nullptr;
	xenpv::sim::xenstore::watch_id watch_ = 0;
	mutable std::mutex mutex_;
	std::condition_variable changed_;
	uint32_t dispatching_ = 0;
	uint32_t out_ = 0; // requests that the engine has taken
	std::atomic<bool> gone_{false}; // requests fail here
	std::vector<xenpv::sim::block_io *> requeued_;
	history seen_;
};
