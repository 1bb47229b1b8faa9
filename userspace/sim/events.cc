// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/events.hpp>
#include <userspace/sim/world.hpp>
#include <userspace/sim/xenbus.hpp>

namespace xenpv::sim {

channel_end::channel_end(domain &home, std::string name, int cpu, kapi_evtchn_handler handler, void *ctx)
	: home_(home), name_(std::move(name)), cpu_(cpu), handler_(handler), ctx_(ctx)
{
}

channel_end::~channel_end()
{
	if (!thread_.joinable())
		return;
	{
		const std::lock_guard held(mutex_);
		stop_ = true;
		changed_.notify_all();
	}
	if (thread_.get_id() == std::this_thread::get_id()) {
		violation("a channel is unbound by its own handler");
		thread_.detach();
		return;
	}
	thread_.join();
}

void channel_end::start()
{
	thread_ = std::thread([this] { serve(); });
}

void channel_end::set_pending()
{
	const std::lock_guard held(mutex_);
	pending_ = true;
	changed_.notify_all();
}

void channel_end::eoi(bool)
{
	const std::lock_guard held(mutex_);
	if (!masked_)
		violation("an event is ended twice");
	masked_ = false;
	changed_.notify_all();
}

uint64_t channel_end::handled() const
{
	const std::lock_guard held(mutex_);
	return handled_;
}

bool channel_end::masked() const
{
	const std::lock_guard held(mutex_);
	return masked_;
}

void channel_end::serve()
{
	const as_domain inside(home_);
	const as_interrupt atomic;
	std::unique_lock held(mutex_);
	for (;;) {
		changed_.wait(held, [this] { return stop_ || (pending_ && !masked_); });
		if (stop_)
			return;
		pending_ = false;
		masked_ = true;
		++handled_;
		held.unlock();
		handler_(ctx_);
		held.lock();
	}
}

uint32_t events::allocate(uint32_t domid, uint32_t for_domid, channel_end *end)
{
	const std::lock_guard held(mutex_);
	const uint32_t number = next_++;
	ports_[{domid, number}] = {for_domid, end, {0, 0}, false};
	return number;
}

uint32_t events::bind(uint32_t domid, uint32_t remote_domid, uint32_t remote_port, channel_end *end)
{
	const std::lock_guard held(mutex_);
	const auto remote = ports_.find({remote_domid, remote_port});
	if (remote == ports_.end() || remote->second.connected || remote->second.for_domid != domid)
		return 0;
	const port_id id{domid, next_++};
	ports_[id] = {remote_domid, end, remote->first, true};
	remote->second.remote = id;
	remote->second.connected = true;
	// As Xen does: something may have been sent while nobody was bound.
	end->set_pending();
	return id.second;
}

void events::close(port_id id)
{
	const std::lock_guard held(mutex_);
	const auto at = ports_.find(id);
	if (at->second.connected)
		if (const auto remote = ports_.find(at->second.remote); remote != ports_.end())
			remote->second.connected = false;
	ports_.erase(at);
}

void events::send(port_id from)
{
	const std::lock_guard held(mutex_);
	const auto at = ports_.find(from);
	if (at == ports_.end() || !at->second.connected)
		return;
	if (const auto remote = ports_.find(at->second.remote); remote != ports_.end())
		remote->second.end->set_pending();
}

channel_end *events::end_of(port_id id)
{
	const std::lock_guard held(mutex_);
	const auto at = ports_.find(id);
	return at == ports_.end() ? nullptr : at->second.end;
}

} // namespace xenpv::sim

using xenpv::sim::channel_end;
using xenpv::sim::current_domain;
using xenpv::sim::world;

namespace {

constexpr int no_memory = -12;
constexpr int invalid = -22;

} // namespace

int kapi_evtchn_alloc(kapi_xenbus *bus, const char *name, int cpu, kapi_evtchn_handler handler, void *ctx,
		      kapi_evtchn **out, uint32_t *port)
{
	xenpv::sim::might_sleep("kapi_evtchn_alloc");
	auto &w = world::get();
	if (w.faults().channel.strikes())
		return no_memory;
	auto *channel = new kapi_evtchn{std::make_unique<channel_end>(*current_domain(), name, cpu, handler, ctx),
					{current_domain()->id(), 0}};
	*port = channel->id.second = w.events().allocate(channel->id.first, bus->peer_domid, channel->end.get());
	++w.live().channels;
	// Known to the caller before the first event.
	*out = channel;
	channel->end->start();
	return 0;
}

int kapi_evtchn_bind(kapi_xenbus *bus, uint32_t remote_port, const char *name, int cpu, kapi_evtchn_handler handler,
		     void *ctx, kapi_evtchn **out)
{
	xenpv::sim::might_sleep("kapi_evtchn_bind");
	auto &w = world::get();
	if (w.faults().channel.strikes())
		return no_memory;
	auto *channel = new kapi_evtchn{std::make_unique<channel_end>(*current_domain(), name, cpu, handler, ctx),
					{current_domain()->id(), 0}};
	channel->id.second = w.events().bind(channel->id.first, bus->peer_domid, remote_port, channel->end.get());
	if (channel->id.second == 0) {
		delete channel;
		return invalid;
	}
	++w.live().channels;
	*out = channel;
	channel->end->start();
	return 0;
}

void kapi_evtchn_unbind(kapi_evtchn *channel)
{
	xenpv::sim::might_sleep("kapi_evtchn_unbind");
	auto &w = world::get();
	w.events().close(channel->id);
	delete channel;
	--w.live().channels;
}

void kapi_evtchn_notify(kapi_evtchn *channel)
{
	auto &w = world::get();
	++w.calls().notify;
	w.faults().notify.run();
	w.events().send(channel->id);
}

void kapi_evtchn_eoi(kapi_evtchn *channel, bool spurious)
{
	channel->end->eoi(spurious);
}

uint32_t kapi_cpu_count()
{
	return world::get().cpus();
}
