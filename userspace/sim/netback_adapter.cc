// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/netback_adapter.hpp>
#include <userspace/sim/soon.hpp>

#include <algorithm>
#include <atomic>
#include <utility>

using xenpv::sim::arrival;
using xenpv::sim::as_domain;
using xenpv::sim::as_interrupt;
using xenpv::sim::to_guest;
using xenpv::sim::violation;
using xenpv::sim::world;

namespace {

// What memory for a packet reads as before the guest's bytes are in it.
constexpr int old_content = 0xA7;

// A packet is being transmitted by this thread.
thread_local const kapi_netback *transmitting = nullptr;

} // namespace

namespace xenpv::sim {

to_guest::to_guest(const kapi_net_meta &m) : buffer(world::get().domain(0)), meta(m)
{
	meta.length = 0;
}

void to_guest::add(uint32_t offset, uint32_t length, int filler)
{
	buffer.add(offset, length, filler);
	meta.length += length;
}

} // namespace xenpv::sim

kapi_netback::kapi_netback(xenpv::sim::toolstack &tools) : tools_(tools), home_(world::get().domain(0)) {}

kapi_netback::~kapi_netback()
{
	remove();
}

int kapi_netback::probe()
{
	tools_.back.unregister = [this] {
		// Asynchronously, as the kernel does: the engine is still in a callback.
		home_.post([this] {
			destroy();
			unregistered_ = true;
		});
	};
	unregistered_ = false;
	{
		const as_domain inside(home_);
		if (const int rc = xenpv_netback_create(&tools_.back, this, &engine_); rc != 0)
			return rc;
	}
	auto &store = world::get().store();
	const auto own_changed = [this] {
		if (engine_ != nullptr)
			xenpv_netback_own_changed(engine_);
	};
	hotplug_watch_ = store.watch(home_, tools_.back.own + "/hotplug-status", own_changed);
	rate_watch_ = store.watch(home_, tools_.back.own + "/rate", own_changed);
	asked_watch_ = store.watch(home_, tools_.front.own + "/request-multicast-control", [this] {
		if (engine_ != nullptr)
			xenpv_netback_frontend_asked(engine_);
	});
	front_watch_ = store.watch(home_, tools_.front.own + "/state", [this] {
		if (engine_ != nullptr)
			xenpv_netback_frontend_changed(engine_, kapi_xenbus_peer_state(&tools_.back));
	});
	return 0;
}

void kapi_netback::destroy()
{
	const as_domain inside(home_);
	const std::lock_guard held(statistics_);
	if (engine_ == nullptr)
		return;
	// unregister_netdev comes first: nothing is sent any more.
	{
		std::unique_lock quiet(mutex_);
		seen_.carrier = false;
		changed_.wait(quiet, [this] { return inside_ == 0; });
	}
	xenpv_netback_destroy(std::exchange(engine_, nullptr));
	check_queues_are_empty("the backend is gone");
}

void kapi_netback::remove()
{
	auto &store = world::get().store();
	store.unwatch(front_watch_);
	store.unwatch(hotplug_watch_);
	store.unwatch(rate_watch_);
	store.unwatch(asked_watch_);
	home_.settle();
	destroy();
}

kapi_netback_queue_stats kapi_netback::stats(uint32_t queue)
{
	const std::lock_guard held(statistics_);
	kapi_netback_queue_stats s{};
	if (engine_ != nullptr)
		xenpv_netback_queue_stats(engine_, queue, &s);
	return s;
}

int kapi_netback::transmit(uint32_t queue, to_guest &packet, bool more)
{
	const as_domain inside(home_);
	const std::lock_guard one(sending_.at(queue));
	uint32_t wakes;
	{
		const std::lock_guard held(mutex_);
		if (!seen_.carrier || seen_.stopped.at(queue))
			return held_back;
		wakes = wakes_[queue];
		++inside_;
		packet.done = to_guest::pending;
		packet.completions = 0;
		owed_[&packet] = queue;
	}
	int rc;
	{
		const as_interrupt atomic;
		transmitting = this;
		if (xenpv_netback_hashing(engine_))
			xenpv_netback_hash(engine_, &packet.flow, &packet.meta);
		rc = xenpv_netback_transmit(engine_, queue, &packet, packet.destination, &packet.meta, more);
		transmitting = nullptr;
	}
	const std::lock_guard held(mutex_);
	if (rc < 0) {
		if (packet.completions != 0)
			violation("a packet is done that was not accepted");
		owed_.erase(&packet);
	}
	// A wake that came before this stop is not lost.
	seen_.stopped[queue] = rc == 1 && wakes == wakes_[queue];
	--inside_;
	changed_.notify_all();
	return rc;
}

int kapi_netback::steer(const to_guest &packet)
{
	const as_domain inside(home_);
	const as_interrupt atomic;
	const int queue = xenpv_netback_steer(engine_, &packet.flow);
	if (queue >= static_cast<int>(KAPI_NET_MAX_QUEUES))
		violation("a packet is steered to a queue that cannot be");
	return queue;
}

void kapi_netback::commit(uint32_t queue)
{
	const as_domain inside(home_);
	const std::lock_guard one(sending_.at(queue));
	{
		const std::lock_guard held(mutex_);
		if (!seen_.carrier)
			return;
		++inside_;
	}
	{
		const as_interrupt atomic;
		xenpv_netback_commit(engine_, queue);
	}
	const std::lock_guard held(mutex_);
	--inside_;
	changed_.notify_all();
}

int kapi_netback::send(uint32_t queue, to_guest &packet, bool more)
{
	int rc = held_back;
	static_cast<void>(xenpv::sim::soon([&] {
		rc = transmit(queue, packet, more);
		return rc >= 0;
	}));
	return rc;
}

int kapi_netback::wait(const to_guest &packet)
{
	std::unique_lock held(mutex_);
	// A lost completion fails a test instead of hanging it.
	changed_.wait_for(held, std::chrono::seconds(30), [&packet] { return packet.done != to_guest::pending; });
	return packet.done;
}

void kapi_netback::set_shape(const shape &s)
{
	const std::lock_guard held(mutex_);
	shape_ = s;
}

kapi_netback::history kapi_netback::seen() const
{
	const std::lock_guard held(mutex_);
	history h = seen_;
	h.owed = owed_.size();
	return h;
}

std::vector<arrival> kapi_netback::take_arrived()
{
	const std::lock_guard held(mutex_);
	return std::exchange(arrived_, {});
}

size_t kapi_netback::arrived() const
{
	const std::lock_guard held(mutex_);
	return arrived_.size();
}

int kapi_netback::on_connected(const kapi_netback_info &info)
{
	const std::lock_guard held(mutex_);
	if (info.queues == 0 || info.queues > KAPI_NET_MAX_QUEUES)
		violation("kapi_netback_connected with a number of queues that cannot be");
	seen_.connected.push_back(info);
	if (const int rc = connected_result; rc != 0)
		return rc;
	seen_.carrier = true;
	seen_.stopped = {};
	return 0;
}

void kapi_netback::on_disconnected()
{
	if (transmitting == this)
		return violation("kapi_netback_disconnected in transmit"); // it would wait for itself
	std::unique_lock held(mutex_);
	++seen_.disconnected;
	seen_.carrier = false;
	changed_.wait(held, [this] { return inside_ == 0; });
}

void kapi_netback::on_describe(const void *cookie, kapi_net_layout *out)
{
	const std::lock_guard held(mutex_);
	if (owed_.find(cookie) == owed_.end())
		return violation("a packet is described that is not the engine's");
	const auto &packet = *static_cast<const to_guest *>(cookie);
	*out = {};
	out->meta = packet.meta;
	out->meta.hash = 0; // told with the packet, and only then
	out->meta.hash_of = KAPI_NET_HASH_NONE;
	for (const auto &p : packet.buffer.pieces())
		out->pieces[out->nr_pieces++] = {p.page.frame, p.offset, p.length, 0, 0, 0};
	for (const kapi_net_memory &m : packet.granted)
		out->pieces[out->nr_pieces++] = m;
}

void kapi_netback::on_done(uint32_t queue, void *cookie, bool ok)
{
	std::function<void()> next;
	{
		const std::lock_guard held(mutex_);
		const auto at = owed_.find(cookie);
		if (at == owed_.end())
			return violation("a packet is done that is not the engine's");
		if (at->second != queue)
			violation("a packet is done on another queue than it was sent on");
		owed_.erase(at);
		auto &packet = *static_cast<to_guest *>(cookie);
		next = packet.when_done;
		++packet.completions;
		packet.done = ok;
		changed_.notify_all();
	}
	if (next)
		next();
}

void kapi_netback::on_wake(uint32_t queue)
{
	const std::lock_guard held(mutex_);
	++seen_.wakes;
	++wakes_.at(queue);
	seen_.stopped[queue] = false;
	changed_.notify_all();
}

void *kapi_netback::on_alloc(uint32_t queue, kapi_net_layout *layout)
{
	if (no_memory.strikes())
		return nullptr;
	const std::lock_guard held(mutex_);
	uint32_t left = layout->meta.length;
	if (left == 0 || left > KAPI_NET_MAX_PACKET)
		violation("memory for a packet of no or too many bytes");
	auto room = std::make_unique<arriving>(home_, queue);
	layout->nr_pieces = 0;
	for (bool first = true; left != 0; first = false) {
		const uint32_t part = std::min(left, first ? shape_.linear : shape_.piece);
		const uint32_t offset = first ? shape_.linear_offset : shape_.piece_offset;
		room->buffer.add(offset, part, old_content);
		layout->pieces[layout->nr_pieces++] = {room->buffer.pieces().back().page.frame, offset, part, 0, 0, 0};
		left -= part;
	}
	++seen_.allocated;
	void *cookie = room.get();
	arriving_[cookie] = std::move(room);
	return cookie;
}

void *kapi_netback::on_alloc_held(uint32_t queue, kapi_net_layout *layout, const kapi_net_holder &holder, void **held)
{
	const kapi_net_meta meta = layout->meta;
	if (meta.length <= KAPI_NET_HEADERS)
		violation("a packet is to be held that has no more than headers");
	layout->meta.length = KAPI_NET_HEADERS;
	void *cookie = on_alloc(queue, layout);
	layout->meta = meta;
	if (cookie == nullptr)
		return nullptr;
	const std::lock_guard one(mutex_);
	auto h = std::make_shared<xenpv::sim::held>();
	h->holder = holder;
	*held = h.get();
	ever_held_.push_back(h);
	arriving_.at(cookie)->held = std::move(h);
	return cookie;
}

void kapi_netback::on_attach(uint32_t queue, void *cookie, void *page, uint32_t offset, uint32_t length)
{
	const std::lock_guard held(mutex_);
	const auto at = arriving_.find(cookie);
	if (at == arriving_.end() || at->second->queue != queue || !at->second->held)
		return violation("pages are attached to a packet that cannot have them");
	if (length == 0 || offset + length > KAPI_PAGE_SIZE || at->second->held->parts.size() == KAPI_NET_MAX_ATTACHED)
		violation("too much is attached, or nothing");
	kapi_page_hold(page);
	at->second->held->parts.push_back({page, offset, length});
}

size_t kapi_netback::kept() const
{
	const std::lock_guard one(mutex_);
	return kept_.size();
}

std::vector<std::byte> kapi_netback::kept_bytes(size_t index) const
{
	const std::lock_guard one(mutex_);
	return kept_.at(index)->bytes();
}

std::shared_ptr<xenpv::sim::held> kapi_netback::take_kept(size_t index)
{
	const std::lock_guard one(mutex_);
	const auto h = kept_.at(index);
	kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(index));
	return h;
}

void kapi_netback::release(size_t index, bool copied, std::chrono::milliseconds moment)
{
	const as_domain inside(home_);
	take_kept(index)->release(copied, moment);
}

std::function<void()> kapi_netback::release_without_pages(size_t index)
{
	const as_domain inside(home_);
	const auto h = take_kept(index);
	h->tell(false);
	return [this, h] {
		const as_domain back_inside(home_);
		h->drop_pages();
	};
}

void kapi_netback::on_deliver(uint32_t queue, void *cookie, const kapi_net_meta &meta)
{
	const std::lock_guard held(mutex_);
	const auto at = arriving_.find(cookie);
	if (at == arriving_.end() || at->second->queue != queue)
		return violation("a packet is delivered that was not allocated for this queue");
	xenpv::sim::check_meta(meta);
	const auto &buffer = at->second->buffer;
	arrival a{queue, meta, buffer.bytes(), {}};
	for (const auto &p : buffer.pieces())
		a.lengths.push_back(p.length);
	if (const auto h = at->second->held) {
		h->headers = a.bytes;
		a.bytes = h->bytes();
		for (const auto &p : h->parts)
			a.lengths.push_back(p.length);
		held_.at(queue).push_back(h);
	}
	if (meta.length != a.bytes.size())
		violation("a packet is delivered with another length than it was allocated with");
	delivered_.at(queue).push_back(std::move(a));
	arriving_.erase(at);
	++seen_.delivered;
}

void kapi_netback::on_discard(uint32_t queue, void *cookie)
{
	const std::lock_guard held(mutex_);
	const auto at = arriving_.find(cookie);
	if (at == arriving_.end() || at->second->queue != queue)
		return violation("a packet is discarded that was not allocated for this queue");
	arriving_.erase(at);
	++seen_.discarded;
}

void kapi_netback::on_flush(uint32_t queue)
{
	std::vector<std::shared_ptr<xenpv::sim::held>> done;
	{
		const std::lock_guard held(mutex_);
		++seen_.flushes;
		for (arrival &a : delivered_.at(queue))
			arrived_.push_back(std::move(a));
		delivered_[queue].clear();
		const way w = way_;
		auto &to = w == way::kept || w == way::at_device ? kept_ : done;
		for (const auto &h : held_.at(queue))
			h->at_device = w == way::at_device;
		to.insert(to.end(), held_.at(queue).begin(), held_.at(queue).end());
		held_[queue].clear();
		changed_.notify_all();
	}
	for (const auto &h : done)
		h->release(way_ == way::copied);
	if (when_flushed)
		when_flushed();
}

void kapi_netback::check_queues_are_empty(const char *when)
{
	const std::lock_guard held(mutex_);
	for (const auto &h : ever_held_)
		h->check_end(when);
	ever_held_.clear();
	bool unflushed = false;
	for (const auto &q : delivered_)
		unflushed |= !q.empty();
	if (!owed_.empty())
		violation((std::string(when) + " and packets for the guest are not done").c_str());
	if (!arriving_.empty())
		violation((std::string(when) + " and packets were neither delivered nor discarded").c_str());
	if (unflushed)
		violation((std::string(when) + " and packets were delivered but not flushed").c_str());
	arriving_.clear();
}
