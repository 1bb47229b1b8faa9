// SPDX-License-Identifier: GPL-2.0-only
// kapi/worker.h: a thread that sleeps until woken.
#include <userspace/sim/world.hpp>

#include <kapi/worker.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

using xenpv::sim::world;

struct kapi_worker {
	std::string name;
	std::mutex mutex;
	std::condition_variable changed;
	bool woken = false;
	bool stop = false;
	bool ended = false;
	std::thread thread;
};

kapi_worker *kapi_worker_start(const char *name, void (*run)(void *ctx, kapi_worker *self), void *ctx)
{
	xenpv::sim::might_sleep("kapi_worker_start");
	auto &w = world::get();
	if (w.faults().worker.strikes())
		return nullptr;
	auto *worker = new kapi_worker;
	worker->name = name;
	worker->thread = std::thread([run, ctx, worker, home = xenpv::sim::current_domain()] {
		const xenpv::sim::as_domain inside(*home);
		run(ctx, worker);
		const std::lock_guard held(worker->mutex);
		worker->ended = true;
		if (worker->stop)
			--world::get().stopping();
	});
	++w.live().workers;
	return worker;
}

void kapi_worker_wake(kapi_worker *worker)
{
	const std::lock_guard held(worker->mutex);
	worker->woken = true;
	worker->changed.notify_all();
}

bool kapi_worker_wait(kapi_worker *worker)
{
	xenpv::sim::might_sleep("kapi_worker_wait");
	std::unique_lock held(worker->mutex);
	worker->changed.wait(held, [worker] { return worker->woken || worker->stop; });
	worker->woken = false;
	return !worker->stop;
}

bool kapi_worker_yield(kapi_worker *worker)
{
	xenpv::sim::might_sleep("kapi_worker_yield");
	const std::lock_guard held(worker->mutex);
	return !worker->stop;
}

void kapi_worker_nap(kapi_worker *worker, uint64_t ns)
{
	xenpv::sim::might_sleep("kapi_worker_nap");
	std::unique_lock held(worker->mutex);
	worker->changed.wait_for(held, std::chrono::nanoseconds(ns),
				 [worker] { return worker->woken || worker->stop; });
	worker->woken = false;
}

void kapi_worker_ask_to_stop(kapi_worker *worker)
{
	const std::lock_guard held(worker->mutex);
	if (!worker->stop && !worker->ended)
		++world::get().stopping();
	worker->stop = true;
	worker->changed.notify_all();
}

void kapi_worker_stop(kapi_worker *worker)
{
	xenpv::sim::might_sleep("kapi_worker_stop");
	kapi_worker_ask_to_stop(worker);
	worker->thread.join();
	delete worker;
	--world::get().live().workers;
}
