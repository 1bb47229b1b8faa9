// SPDX-License-Identifier: GPL-2.0-only
// One domain: its number, its grant table, and the thread its xenbus callbacks
// run in.
#pragma once
#include <userspace/sim/context.hpp>
#include <userspace/sim/grant_table.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace xenpv::sim {

class domain {
public:
	explicit domain(uint32_t id);
	domain(const domain &) = delete;
	domain &operator=(const domain &) = delete;
	~domain();

	[[nodiscard]] uint32_t id() const { return id_; }
	[[nodiscard]] grant_table &grants() { return grants_; }

	// Runs it later in the domain's xenwatch thread, one thing after another.
	void post(std::function<void()> what);
	// The calling thread is that thread.
	[[nodiscard]] bool in_watcher() const { return std::this_thread::get_id() == watcher_.get_id(); }
	// Waits until that thread has nothing to do; true when it had something.
	bool settle();

private:
	void serve();

	uint32_t id_;
	grant_table grants_;
	std::mutex mutex_;
	std::condition_variable changed_;
	std::deque<std::function<void()>> queue_;
	bool busy_ = false;
	bool stop_ = false;
	std::thread watcher_;
};

} // namespace xenpv::sim
