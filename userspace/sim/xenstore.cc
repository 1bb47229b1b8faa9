// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/world.hpp>
#include <userspace/sim/xenstore.hpp>

namespace xenpv::sim {
namespace {

bool is_below(const std::string &path, const std::string &top)
{
	return path == top || path.rfind(top + "/", 0) == 0;
}

} // namespace

std::optional<std::string> xenstore::read(const std::string &path) const
{
	const std::lock_guard held(mutex_);
	const auto at = values_.find(path);
	return at == values_.end() ? std::nullopt : std::optional(at->second);
}

void xenstore::write(const std::string &path, const std::string &value)
{
	const std::lock_guard held(mutex_);
	values_[path] = value;
	fire(path);
}

bool xenstore::commit(const changes &all)
{
	if (world::get().faults().conflict.strikes())
		return false;
	const std::lock_guard held(mutex_);
	for (const auto &[path, value] : all)
		values_[path] = value;
	for (const auto &[path, value] : all)
		fire(path);
	return true;
}

void xenstore::remove(const std::string &path)
{
	const std::lock_guard held(mutex_);
	for (auto at = values_.begin(); at != values_.end();)
		at = is_below(at->first, path) ? values_.erase(at) : std::next(at);
	fire(path);
}

std::vector<std::string> xenstore::list(const std::string &below) const
{
	const std::lock_guard held(mutex_);
	std::vector<std::string> out;
	for (const auto &[path, value] : values_)
		if (is_below(path, below))
			out.push_back(path);
	return out;
}

xenstore::watch_id xenstore::watch(domain &who, const std::string &path, std::function<void()> changed)
{
	const std::lock_guard held(mutex_);
	auto w = std::make_shared<watcher>();
	w->who = &who;
	w->path = path;
	w->changed = std::move(changed);
	watchers_[next_] = w;
	queue(w);
	return next_++;
}

void xenstore::unwatch(watch_id id)
{
	std::shared_ptr<watcher> w;
	{
		const std::lock_guard held(mutex_);
		const auto at = watchers_.find(id);
		if (at == watchers_.end())
			return;
		w = at->second;
		watchers_.erase(at);
	}
	{
		const std::lock_guard held(w->mutex);
		w->gone = true;
	}
	if (!w->who->in_watcher())
		w->who->settle();
}

void xenstore::queue(const std::shared_ptr<watcher> &w)
{
	{
		const std::lock_guard held(w->mutex);
		if (std::exchange(w->queued, true))
			return;
	}
	w->who->post([w] {
		{
			const std::lock_guard held(w->mutex);
			w->queued = false;
			if (w->gone)
				return;
		}
		w->changed();
	});
}

// Removing a directory is a change of what was below it, too.
void xenstore::fire(const std::string &path)
{
	for (const auto &[id, w] : watchers_)
		if (is_below(path, w->path) || is_below(w->path, path))
			queue(w);
}

} // namespace xenpv::sim
