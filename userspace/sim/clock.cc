// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/clock.hpp>
#include <userspace/sim/context.hpp>
#include <userspace/sim/world.hpp>

#include <kapi/time.h>

#include <algorithm>
#include <thread>

namespace xenpv::sim {

std::chrono::nanoseconds clock::now_locked() const
{
	return stopped_.value_or(std::chrono::steady_clock::now().time_since_epoch()) + pushed_;
}

uint64_t clock::now_ns()
{
	const std::lock_guard held(mutex_);
	return static_cast<uint64_t>(now_locked().count());
}

void clock::advance(std::chrono::nanoseconds by)
{
	const std::lock_guard held(mutex_);
	pushed_ += by;
	moved_.notify_all();
}

void clock::stop()
{
	const std::lock_guard held(mutex_);
	stopped_ = std::chrono::steady_clock::now().time_since_epoch();
}

void clock::skip_sleeps()
{
	const std::lock_guard held(mutex_);
	skip_ = true;
}

void clock::sleep(std::chrono::nanoseconds time)
{
	{
		const std::lock_guard held(mutex_);
		if (skip_) {
			pushed_ += time;
			moved_.notify_all();
			return;
		}
	}
	std::this_thread::sleep_for(time);
}

struct timer_access {
	static std::mutex &mutex(clock &c) { return c.mutex_; }
	static std::condition_variable &moved(clock &c) { return c.moved_; }
	static std::chrono::nanoseconds now(const clock &c) { return c.now_locked(); }
	static std::set<kapi_delayed *> &works(clock &c) { return c.works_; }
};

} // namespace xenpv::sim

using xenpv::sim::timer_access;
using xenpv::sim::world;

// Its thread sleeps on the clock, so that pushing time forward wakes it.
struct kapi_delayed {
	void (*run)(void *ctx);
	void *ctx;
	xenpv::sim::domain *home = nullptr;
	std::optional<std::chrono::nanoseconds> due; // under the clock's lock, like `stop`
	bool stop = false;
	bool running = false;
	std::thread thread;

	void serve()
	{
		const xenpv::sim::as_domain inside(*home);
		auto &clock = world::get().clock();
		std::unique_lock held(timer_access::mutex(clock));
		while (!stop) {
			if (!due) {
				timer_access::moved(clock).wait(held);
				continue;
			}
			const auto left = *due - timer_access::now(clock);
			if (left.count() > 0) {
				timer_access::moved(clock).wait_for(held, left);
				continue;
			}
			due.reset();
			running = true;
			held.unlock();
			run(ctx);
			held.lock();
			running = false;
			timer_access::moved(clock).notify_all();
		}
	}
};

bool xenpv::sim::clock::settle()
{
	std::unique_lock held(mutex_);
	const auto busy = [this] {
		const auto now = now_locked();
		return std::any_of(works_.begin(), works_.end(),
				   [now](const kapi_delayed *w) { return w->running || (w->due && *w->due <= now); });
	};
	const bool worked = busy();
	moved_.wait(held, [&busy] { return !busy(); });
	return worked;
}

uint64_t kapi_now_ns()
{
	return world::get().clock().now_ns();
}

void kapi_sleep_ms(unsigned int ms)
{
	xenpv::sim::might_sleep("kapi_sleep_ms");
	world::get().clock().sleep(std::chrono::milliseconds(ms));
}

kapi_delayed *kapi_delayed_create_slow(void (*run)(void *ctx), void *ctx)
{
	// Here each has a thread of its own anyhow.
	return kapi_delayed_create(run, ctx);
}

kapi_delayed *kapi_delayed_create(void (*run)(void *ctx), void *ctx)
{
	xenpv::sim::might_sleep("kapi_delayed_create");
	auto &w = world::get();
	if (w.faults().delayed.strikes())
		return nullptr;
	auto *work = new kapi_delayed{run, ctx, xenpv::sim::current_domain(), {}, false, false, {}};
	{
		const std::lock_guard held(timer_access::mutex(w.clock()));
		timer_access::works(w.clock()).insert(work);
	}
	work->thread = std::thread([work] { work->serve(); });
	++w.live().delayed;
	return work;
}

void kapi_delayed_schedule(kapi_delayed *work, unsigned int ms)
{
	auto &clock = world::get().clock();
	const std::lock_guard held(timer_access::mutex(clock));
	if (!work->due)
		work->due = timer_access::now(clock) + std::chrono::milliseconds(ms);
	timer_access::moved(clock).notify_all();
}

void kapi_delayed_move(kapi_delayed *work, unsigned int ms)
{
	auto &clock = world::get().clock();
	const std::lock_guard held(timer_access::mutex(clock));
	work->due = timer_access::now(clock) + std::chrono::milliseconds(ms);
	timer_access::moved(clock).notify_all();
}

void kapi_delayed_destroy(kapi_delayed *work)
{
	xenpv::sim::might_sleep("kapi_delayed_destroy");
	auto &w = world::get();
	{
		const std::lock_guard held(timer_access::mutex(w.clock()));
		work->stop = true;
		timer_access::works(w.clock()).erase(work);
		timer_access::moved(w.clock()).notify_all();
	}
	work->thread.join();
	delete work;
	--w.live().delayed;
}
