// SPDX-License-Identifier: GPL-2.0-only
// Disks a backend can open: memory that may be slow, small, read-only or broken.
#pragma once
#include <kapi/bdev.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace xenpv::sim {

class domain;

class ramdisk {
public:
	struct options {
		uint64_t sectors = 2048; // 512-byte units
		uint32_t sector_size = 512;
		bool readonly = false;
		bool write_cache = true;
		bool removable = false;
		bool async = false; // completes in a thread of its own, as an interrupt does
	};

	explicit ramdisk(options o);
	ramdisk(const ramdisk &) = delete;
	ramdisk &operator=(const ramdisk &) = delete;
	~ramdisk();

	// False: somebody else has claimed it.
	[[nodiscard]] bool open(const kapi_bdev &by);
	void close(const kapi_bdev &by);
	// Somebody of the domain, a mount perhaps, claims it, and lets it go.
	void claim(bool wanted);
	[[nodiscard]] bool any_other(const kapi_bdev &than, bool (*ask)(void *owner)) const;
	[[nodiscard]] kapi_bdev_info info() const;
	void submit(const kapi_bdev_io &io);

	void resize(uint64_t sectors);
	// From now on each I/O is asked whether it fails: 0 or -errno.
	void on_io(std::function<int(const kapi_bdev_io &)> verdict);
	void on_close(std::function<void()> what);
	// Within such a verdict: the first page of the I/O.
	[[nodiscard]] void *current_page() const { return current_page_; }
	// Holds completions back (async disks), and lets them go.
	void freeze();
	void thaw();
	// I/Os whose completion is owed.
	[[nodiscard]] size_t in_flight() const;
	[[nodiscard]] std::vector<std::byte> content(uint64_t sector, size_t bytes) const;
	void fill(uint64_t sector, const std::vector<std::byte> &bytes);
	[[nodiscard]] uint64_t submissions(kapi_bdev_op op) const;
	[[nodiscard]] bool is_open() const;

private:
	struct job {
		kapi_bdev_io io;
		std::vector<kapi_bdev_segment> segments;
		domain *home;
	};
	[[nodiscard]] int carry_out(const job &j);
	void serve();

	options options_;
	mutable std::mutex mutex_;
	std::condition_variable changed_;
	std::vector<std::byte> bytes_;
	std::function<int(const kapi_bdev_io &)> verdict_;
	std::function<void()> closed_;
	std::deque<job> jobs_;
	std::map<uint32_t, uint64_t> submissions_;
	void *current_page_ = nullptr;
	size_t in_flight_ = 0;
	std::vector<const kapi_bdev *> open_;
	bool claimed_ = false; // by somebody else
	bool frozen_ = false;
	bool stop_ = false;
	std::thread thread_;
};

class disks {
public:
	ramdisk &add(uint32_t major, uint32_t minor, ramdisk::options o);
	[[nodiscard]] ramdisk *find(uint32_t major, uint32_t minor);

private:
	std::mutex mutex_;
	std::map<std::pair<uint32_t, uint32_t>, std::unique_ptr<ramdisk>> disks_;
};

} // namespace xenpv::sim

struct kapi_bdev {
	xenpv::sim::ramdisk &disk;
	void *owner;
	bool claims;
};
