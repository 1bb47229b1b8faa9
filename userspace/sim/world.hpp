// SPDX-License-Identifier: GPL-2.0-only
// A machine with its hypervisor and its domains, in this process.  One at a time.
#pragma once
#include <userspace/sim/census.hpp>
#include <userspace/sim/clock.hpp>
#include <userspace/sim/console.hpp>
#include <userspace/sim/domain.hpp>
#include <userspace/sim/events.hpp>
#include <userspace/sim/faults.hpp>
#include <userspace/sim/files.hpp>
#include <userspace/sim/mappings.hpp>
#include <userspace/sim/memory.hpp>
#include <userspace/sim/ramdisk.hpp>
#include <userspace/sim/xenstore.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

namespace xenpv::sim {

class world {
public:
	world();
	world(const world &) = delete;
	world &operator=(const world &) = delete;
	~world();

	[[nodiscard]] static world &get();

	// Makes the domain the first time.
	[[nodiscard]] sim::domain &domain(uint32_t id);
	[[nodiscard]] sim::domain *find(uint32_t id);
	// Waits until no xenbus callback runs or waits anywhere, no delayed work runs or is
	// due, and no worker still runs that was asked to stop: not for one that waits for a
	// disk that the test holds.
	void settle();

	[[nodiscard]] sim::console &console() { return console_; }
	[[nodiscard]] sim::clock &clock() { return clock_; }
	[[nodiscard]] sim::memory &memory() { return memory_; }
	[[nodiscard]] sim::mappings &maptrack() { return maptrack_; }
	[[nodiscard]] sim::events &events() { return events_; }
	[[nodiscard]] sim::xenstore &store() { return store_; }
	[[nodiscard]] sim::files &files() { return files_; }
	[[nodiscard]] sim::disks &disks() { return disks_; }
	[[nodiscard]] sim::faults &faults() { return faults_; }
	[[nodiscard]] census &live() { return live_; }
	[[nodiscard]] hypercalls &calls() { return calls_; }
	// Workers that were asked to stop, and have not.
	[[nodiscard]] std::atomic<int> &stopping() { return stopping_; }
	[[nodiscard]] uint32_t cpus() const { return cpus_; }
	void set_cpus(uint32_t n) { cpus_ = n; }

private:
	sim::console console_;
	sim::clock clock_;
	census live_;
	hypercalls calls_;
	sim::faults faults_;
	std::atomic<uint32_t> cpus_{4};
	std::atomic<int> stopping_{0};
	sim::memory memory_;
	sim::mappings maptrack_;
	sim::events events_;
	sim::xenstore store_;
	sim::files files_;
	sim::disks disks_;
	std::mutex mutex_;
	std::map<uint32_t, std::unique_ptr<sim::domain>> domains_;
};

} // namespace xenpv::sim
