// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/domain.hpp>

#include <utility>

namespace xenpv::sim {

domain::domain(uint32_t id) : id_(id), grants_(id), watcher_([this] { serve(); }) {}

domain::~domain()
{
	{
		const std::lock_guard held(mutex_);
		stop_ = true;
		changed_.notify_all();
	}
	watcher_.join();
}

void domain::post(std::function<void()> what)
{
	const std::lock_guard held(mutex_);
	queue_.push_back(std::move(what));
	changed_.notify_all();
}

bool domain::settle()
{
	std::unique_lock held(mutex_);
	const bool worked = busy_ || !queue_.empty();
	changed_.wait(held, [this] { return !busy_ && queue_.empty(); });
	return worked;
}

void domain::serve()
{
	const as_domain inside(*this);
	std::unique_lock held(mutex_);
	for (;;) {
		changed_.wait(held, [this] { return stop_ || !queue_.empty(); });
		if (queue_.empty())
			return;
		auto what = std::move(queue_.front());
		queue_.pop_front();
		busy_ = true;
		held.unlock();
		what();
		held.lock();
		busy_ = false;
		changed_.notify_all();
	}
}

} // namespace xenpv::sim
