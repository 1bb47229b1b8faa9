// SPDX-License-Identifier: GPL-2.0-only
#include "fake_bus.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace xenpv::fake_bus {
namespace {

constexpr auto patience = std::chrono::seconds(2);

std::atomic<int> deadlock_count{0};

// drivers/xen/xenbus/xenbus_xs.c: one event after the other, under a mutex that ending a
// watch takes too.
class xenwatch {
public:
	~xenwatch()
	{
		{
			const std::lock_guard held(mutex_);
			stop_ = true;
			changed_.notify_all();
		}
		thread_.join();
	}
	[[nodiscard]] bool is_me() const { return std::this_thread::get_id() == thread_.get_id(); }
	void post(xenbus_watch *watch, std::function<void()> what)
	{
		const std::lock_guard held(mutex_);
		events_.emplace_back(watch, std::move(what));
		changed_.notify_all();
	}
	void add(xenbus_watch *watch)
	{
		{
			const std::lock_guard held(mutex_);
			watches_.insert(watch);
		}
		post(watch, [watch] {
			if (watch->callback != nullptr)
				watch->callback(watch, "", "");
		});
	}
	void remove(xenbus_watch *watch)
	{
		std::unique_lock running(running_, std::defer_lock);
		if (!is_me())
			running.lock();
		const std::lock_guard held(mutex_);
		watches_.erase(watch);
		std::erase_if(events_, [watch](const auto &e) { return e.first == watch; });
	}
	void settle()
	{
		std::unique_lock held(mutex_);
		changed_.wait(held, [this] { return events_.empty() && !busy_; });
	}
	[[nodiscard]] int watches()
	{
		const std::lock_guard held(mutex_);
		return static_cast<int>(watches_.size());
	}

private:
	void serve()
	{
		for (;;) {
			{
				std::unique_lock held(mutex_);
				changed_.wait(held, [this] { return stop_ || !events_.empty(); });
				if (stop_)
					return;
			}
			const std::lock_guard running(running_);
			std::function<void()> what;
			{
				const std::lock_guard held(mutex_);
				if (events_.empty())
					continue;
				what = std::move(events_.front().second);
				events_.pop_front();
				busy_ = true;
			}
			what();
			const std::lock_guard held(mutex_);
			busy_ = false;
			changed_.notify_all();
		}
	}

	std::mutex running_;
	std::mutex mutex_;
	std::condition_variable changed_;
	std::deque<std::pair<xenbus_watch *, std::function<void()>>> events_;
	std::set<xenbus_watch *> watches_;
	bool busy_ = false;
	bool stop_ = false;
	std::thread thread_{[this] { serve(); }};
};

xenwatch &watcher()
{
	static xenwatch w;
	return w;
}

// The one work there is.
class worker {
public:
	~worker()
	{
		{
			const std::lock_guard held(mutex_);
			stop_ = true;
			changed_.notify_all();
		}
		thread_.join();
	}
	void queue(delayed_work *work, unsigned int ms)
	{
		const std::lock_guard held(mutex_);
		if (work_ != nullptr)
			return;
		work_ = work;
		due_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
		changed_.notify_all();
	}
	void cancel()
	{
		std::unique_lock held(mutex_);
		work_ = nullptr;
		changed_.wait(held, [this] { return !busy_; });
		work_ = nullptr;
	}

private:
	void serve()
	{
		std::unique_lock held(mutex_);
		while (!stop_) {
			if (work_ == nullptr) {
				changed_.wait(held);
			} else if (std::chrono::steady_clock::now() < due_) {
				changed_.wait_until(held, due_);
			} else {
				delayed_work *work = std::exchange(work_, nullptr);
				busy_ = true;
				held.unlock();
				work_struct unused{};
				work->run(&unused);
				held.lock();
				busy_ = false;
				changed_.notify_all();
			}
		}
	}

	std::mutex mutex_;
	std::condition_variable changed_;
	delayed_work *work_ = nullptr;
	std::chrono::steady_clock::time_point due_;
	bool busy_ = false;
	bool stop_ = false;
	std::thread thread_{[this] { serve(); }};
};

worker &works()
{
	static worker w;
	return w;
}

std::mutex hook_mutex;
std::function<void()> trylock_hook;
std::function<void()> unlock_hook;

void run_once(std::function<void()> &hook)
{
	std::function<void()> what;
	{
		const std::lock_guard held(hook_mutex);
		what = std::exchange(hook, nullptr);
	}
	if (what)
		what();
}

struct driver_data {
	xenpv_unregister wish{};
	xenbus_watch own{"physical-device", nullptr};
};

} // namespace

// drivers/base: what is on the bus, who holds the lock, which driver is bound.
struct backend::core {
	xenbus_device dev{{this}, {}};
	std::mutex lock;
	std::atomic<std::thread::id> owner;
	std::atomic<int> references{1};
	std::atomic<bool> on_bus{true};
	std::atomic<bool> dead{false};
	std::atomic<int> unregistered{0};
	std::unique_ptr<driver_data> driver; // under lock
	std::atomic<bool> is_bound{false};

	[[nodiscard]] bool take()
	{
		// TSan does not know the timed locks of the library.
		const auto end = std::chrono::steady_clock::now() + patience;
		while (!lock.try_lock()) {
			if (std::chrono::steady_clock::now() > end) {
				++deadlock_count;
				return false;
			}
			std::this_thread::sleep_for(std::chrono::microseconds(50));
		}
		owner = std::this_thread::get_id();
		return true;
	}
	void give()
	{
		owner = std::thread::id();
		lock.unlock();
	}
	// xenbus_dev_remove and the driver's remove.
	void release_driver()
	{
		if (driver == nullptr)
			return;
		xenpv_watch_drop(&dev.otherend_watch);
		xenpv_watch_drop(&driver->own);
		xenpv_unregister_forget(&driver->wish);
		is_bound = false;
		driver.reset();
	}
	// The rest of it, with the lock.
	void leave()
	{
		release_driver();
		give();
		++unregistered;
		--references;
	}
	void unregister()
	{
		if (!take())
			return;
		dead = true;
		give();
		on_bus = false;
		if (!take())
			return;
		leave();
	}
	// The bus takes a device off whose directory went away. The real one waits for the lock here and so
	// deadlocks with an unbinding, whichever the driver; this one is better, or its deadlocks would count as ours.
	[[nodiscard]] bool vanish()
	{
		if (!on_bus)
			return true;
		if (!lock.try_lock())
			return false;
		owner = std::this_thread::get_id();
		dead = true;
		on_bus = false;
		leave();
		return true;
	}
};

backend::backend() : core_(std::make_shared<core>())
{
	static_cast<void>(watcher());
	static_cast<void>(works());
}

backend::~backend()
{
	unbind();
	settle();
}

bool backend::bind()
{
	core &c = *core_;
	if (!c.take())
		return false;
	const bool comes = !c.dead && c.driver == nullptr;
	if (comes) {
		c.driver = std::make_unique<driver_data>();
		xenpv_unregister_prepare(&c.driver->wish, &c.dev, &c.driver->own, 1);
		static_cast<void>(register_xenbus_watch(&c.driver->own));
		c.dev.otherend_watch.node = "state";
		static_cast<void>(register_xenbus_watch(&c.dev.otherend_watch));
		c.is_bound = true;
	}
	c.give();
	return comes;
}

void backend::unbind()
{
	if (!core_->take())
		return;
	core_->release_driver();
	core_->give();
}

void backend::want_gone()
{
	xenpv_unregister_want(&core_->driver->wish);
}

void backend::vanish()
{
	in_xenwatch([this, c = core_] {
		if (!c->vanish())
			vanish();
	});
}

void backend::lock()
{
	static_cast<void>(core_->take());
}

void backend::unlock()
{
	core_->give();
}

bool backend::on_bus() const
{
	return core_->on_bus;
}

bool backend::bound() const
{
	return core_->is_bound;
}

int backend::unregistered() const
{
	return core_->unregistered;
}

void before_next_trylock(std::function<void()> what)
{
	const std::lock_guard held(hook_mutex);
	trylock_hook = std::move(what);
}

void after_next_unlock(std::function<void()> what)
{
	const std::lock_guard held(hook_mutex);
	unlock_hook = std::move(what);
}

void in_xenwatch(std::function<void()> what)
{
	watcher().post(nullptr, std::move(what));
}

void settle()
{
	watcher().settle();
}

int deadlocks()
{
	return deadlock_count;
}

int watches()
{
	return watcher().watches();
}

} // namespace xenpv::fake_bus

using namespace xenpv::fake_bus;

namespace {

backend::core &core_of(struct device *dev)
{
	return *static_cast<backend::core *>(dev->core);
}

std::mutex spinlock;

} // namespace

void fake_list_init(list_head *list)
{
	list->next = list->prev = list;
}

void fake_list_add(list_head *entry, list_head *before)
{
	entry->next = before;
	entry->prev = before->prev;
	before->prev->next = entry;
	before->prev = entry;
}

void fake_list_del(list_head *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
}

bool device_trylock(struct device *dev)
{
	run_once(trylock_hook);
	auto &c = core_of(dev);
	if (!c.lock.try_lock())
		return false;
	c.owner = std::this_thread::get_id();
	return true;
}

void device_unlock(struct device *dev)
{
	core_of(dev).give();
	run_once(unlock_hook);
}

void device_lock_assert(struct device *dev)
{
	if (core_of(dev).owner != std::this_thread::get_id())
		std::abort();
}

bool kill_device(struct device *dev)
{
	device_lock_assert(dev);
	return !core_of(dev).dead.exchange(true);
}

void device_unregister(struct device *dev)
{
	core_of(dev).unregister();
}

void get_device(struct device *dev)
{
	++core_of(dev).references;
}

void put_device(struct device *dev)
{
	--core_of(dev).references;
}

int register_xenbus_watch(xenbus_watch *watch)
{
	watcher().add(watch);
	return 0;
}

void unregister_xenbus_watch(xenbus_watch *watch)
{
	watcher().remove(watch);
}

void fake_queue_work(delayed_work *work, unsigned int ms)
{
	works().queue(work, ms);
}

void fake_cancel_work(delayed_work *)
{
	works().cancel();
}

void fake_spin_lock(int *)
{
	spinlock.lock();
}

void fake_spin_unlock(int *)
{
	spinlock.unlock();
}
