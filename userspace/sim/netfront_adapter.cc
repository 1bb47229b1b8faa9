// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/netfront_adapter.hpp>
#include <userspace/sim/soon.hpp>

#include <cstring>
#include <utility>

using xenpv::sim::arrival;
using xenpv::sim::as_domain;
using xenpv::sim::as_interrupt;
using xenpv::sim::might_sleep;
using xenpv::sim::outgoing;
using xenpv::sim::violation;
using xenpv::sim::world;

namespace {

constexpr int no_memory = -12;
// What a page reads as that need not be clean.
constexpr int old_content = 0xA7;

// The queue this thread polls, of that interface.
thread_local const kapi_netfront *polling = nullptr;
thread_local uint32_t polled = 0;

} // namespace

namespace xenpv::sim {

outgoing::outgoing(const kapi_net_meta &meta) : buffer(world::get().domain(1))
{
	packet.cookie = this;
	packet.meta = meta;
	packet.meta.length = 0;
}

void outgoing::add(uint32_t offset, uint32_t length, int filler)
{
	buffer.add(offset, length, filler);
	const auto &p = buffer.pieces().back().page;
	packet.pieces[packet.nr_pieces++] = {p.page, p.addr, p.frame, offset, length};
	packet.meta.length += length;
}

} // namespace xenpv::sim

kapi_netfront::kapi_netfront(xenpv::sim::toolstack &tools)
	: tools_(tools), home_(world::get().domain(tools.back.peer_domid))
{
}

kapi_netfront::~kapi_netfront()
{
	remove();
}

int kapi_netfront::probe()
{
	{
		const std::lock_guard held(mutex_);
		seen_ = {};
		made_ = gone_ = stop_ = false;
	}
	{
		const as_domain inside(home_);
		if (const int rc = xenpv_netfront_create(&tools_.front, this, &engine_); rc != 0)
			return rc;
	}
	watch_ = world::get().store().watch(home_, tools_.back.own + "/state", [this] {
		xenpv_netfront_backend_changed(engine_, kapi_xenbus_peer_state(&tools_.front));
	});
	return 0;
}

void kapi_netfront::remove()
{
	if (engine_ == nullptr)
		return;
	world::get().store().unwatch(watch_);
	{
		std::unique_lock held(mutex_);
		gone_ = true;
		pause_locked(held);
	}
	{
		const as_domain inside(home_);
		const std::lock_guard held(statistics_);
		xenpv_netfront_destroy(std::exchange(engine_, nullptr));
	}
	{
		const std::lock_guard held(mutex_);
		stop_ = true;
		changed_.notify_all();
		if (!unsent_.empty())
			violation("the frontend is gone and packets were not handed back");
		if (!pages_.empty())
			violation("the frontend is gone and pages were not put back");
		for (napi &n : napi_)
			n.scheduled = n.missed = false;
	}
	for (napi &n : napi_)
		if (n.thread.joinable())
			n.thread.join();
}

void kapi_netfront::resume()
{
	world::get().settle();
	const as_domain inside(home_);
	xenpv_netfront_resume(engine_);
}

int kapi_netfront::set_queues(uint32_t queues)
{
	world::get().settle();
	const as_domain inside(home_);
	return xenpv_netfront_set_queues(engine_, queues);
}

void kapi_netfront::set_rx_csum(bool blank_welcome)
{
	world::get().settle();
	const as_domain inside(home_);
	xenpv_netfront_set_rx_csum(engine_, blank_welcome);
}

void kapi_netfront::set_event_distance(uint32_t tx, uint32_t rx)
{
	const as_domain inside(home_);
	xenpv_netfront_set_event_distance(engine_, tx, rx);
}

bool kapi_netfront::enter()
{
	const std::lock_guard held(mutex_);
	if (seen_.paused || !made_ || engine_ == nullptr)
		return false;
	++inside_;
	return true;
}

void kapi_netfront::leave()
{
	const std::lock_guard held(mutex_);
	--inside_;
	changed_.notify_all();
}

int kapi_netfront::transmit(uint32_t queue, outgoing &packet)
{
	const as_domain inside(home_);
	const std::lock_guard one(napi_.at(queue).sending);
	if (!enter())
		return held_back;
	packet.sent = outgoing::pending;
	packet.completions = 0;
	{
		const std::lock_guard held(mutex_);
		unsent_.insert(&packet);
	}
	int rc;
	{
		const as_interrupt atomic;
		rc = xenpv_netfront_transmit(engine_, queue, &packet.packet);
	}
	if (rc < 0) {
		const std::lock_guard held(mutex_);
		unsent_.erase(&packet);
		if (packet.completions != 0)
			violation("a packet is handed back that was not accepted");
	}
	leave();
	return rc;
}

void kapi_netfront::commit(uint32_t queue)
{
	const as_domain inside(home_);
	const std::lock_guard one(napi_.at(queue).sending);
	if (!enter())
		return;
	{
		const as_interrupt atomic;
		xenpv_netfront_commit(engine_, queue);
	}
	leave();
}

bool kapi_netfront::has_room(uint32_t queue)
{
	const as_domain inside(home_);
	const std::lock_guard one(napi_.at(queue).sending);
	if (!enter())
		return false;
	bool room;
	{
		const as_interrupt atomic;
		room = xenpv_netfront_has_room(engine_, queue);
	}
	leave();
	return room;
}

int kapi_netfront::send(uint32_t queue, outgoing &packet)
{
	int rc = held_back;
	static_cast<void>(xenpv::sim::soon([&] {
		rc = transmit(queue, packet);
		return rc != held_back && rc != -11 && rc != -16;
	}));
	if (rc < 0)
		return rc;
	commit(queue);
	return 0;
}

int kapi_netfront::wait(const outgoing &packet)
{
	std::unique_lock held(mutex_);
	// A lost completion fails a test instead of hanging it.
	changed_.wait_for(held, std::chrono::seconds(30), [&packet] { return packet.sent != outgoing::pending; });
	return packet.sent;
}

kapi_netfront_queue_stats kapi_netfront::stats(uint32_t queue)
{
	const std::lock_guard held(statistics_);
	kapi_netfront_queue_stats s{};
	if (engine_ != nullptr)
		xenpv_netfront_queue_stats(engine_, queue, &s);
	return s;
}

void kapi_netfront::poll_by_hand(bool by_hand)
{
	std::unique_lock held(mutex_);
	by_hand_ = by_hand;
	changed_.notify_all();
	changed_.wait(held, [this] {
		for (const napi &n : napi_)
			if (by_hand_ && n.running)
				return false;
		return true;
	});
}

bool kapi_netfront::may_run(const napi &n) const
{
	return n.scheduled && !n.running && made_ && !seen_.paused;
}

bool kapi_netfront::pump(uint32_t queue)
{
	const as_domain inside(home_);
	std::unique_lock held(mutex_);
	if (!may_run(napi_.at(queue)))
		return false;
	run(queue, held);
	return true;
}

void kapi_netfront::serve(uint32_t queue)
{
	const as_domain inside(home_);
	std::unique_lock held(mutex_);
	for (;;) {
		changed_.wait(held, [this, queue] { return stop_ || (!by_hand_ && may_run(napi_[queue])); });
		if (stop_)
			return;
		run(queue, held);
	}
}

// As net_rx_action and a driver's poll do: the instance stays scheduled until a poll
// that found less than its budget rests, and nobody scheduled it meanwhile.
void kapi_netfront::run(uint32_t queue, std::unique_lock<std::mutex> &held)
{
	napi &n = napi_[queue];
	n.running = true;
	n.received = 0;
	++seen_.polls;
	const uint32_t limit = budget;
	held.unlock();
	{
		const as_interrupt atomic;
		polling = this;
		polled = queue;
		const uint32_t done = xenpv_netfront_poll(engine_, queue, limit);
		{
			const std::lock_guard again(mutex_);
			// What it drops is work too.
			if (n.received > done || done > limit)
				violation("poll delivers more packets than it says or may");
		}
		if (done < limit && xenpv_netfront_rest(engine_, queue)) {
			bool complete;
			{
				const std::lock_guard again(mutex_);
				complete = !std::exchange(n.missed, false);
				if (complete)
					n.scheduled = false;
			}
			if (complete) {
				if (const auto hook = std::exchange(before_unmask, nullptr))
					hook();
				xenpv_netfront_unmask(engine_, queue);
			}
		}
		polling = nullptr;
	}
	held.lock();
	n.running = false;
	changed_.notify_all();
}

kapi_netfront::history kapi_netfront::seen() const
{
	const std::lock_guard held(mutex_);
	history h = seen_;
	h.pages = static_cast<uint32_t>(pages_.size());
	return h;
}

std::vector<arrival> kapi_netfront::take_arrived()
{
	const std::lock_guard held(mutex_);
	return std::exchange(arrived_, {});
}

size_t kapi_netfront::arrived() const
{
	const std::lock_guard held(mutex_);
	return arrived_.size();
}

int kapi_netfront::on_ready(const kapi_netfront_info &info)
{
	const std::lock_guard held(mutex_);
	if (!seen_.paused)
		violation("kapi_netfront_ready and the queues are not paused");
	if (info.queues == 0 || info.queues > KAPI_NET_MAX_QUEUES || info.queues > info.max_queues)
		violation("kapi_netfront_ready with a number of queues that cannot be");
	seen_.ready.push_back(info);
	if (const int rc = ready_result; rc != 0)
		return rc;
	made_ = true;
	for (uint32_t i = 0; i < info.queues && i < KAPI_NET_MAX_QUEUES; ++i)
		if (!napi_[i].thread.joinable())
			napi_[i].thread = std::thread([this, i] { serve(i); });
	changed_.notify_all();
	return 0;
}

void kapi_netfront::pause_locked(std::unique_lock<std::mutex> &held)
{
	if (polling == this)
		return violation("kapi_netfront_pause in poll"); // it would wait for itself
	seen_.paused = true;
	changed_.wait(held, [this] {
		bool quiet = inside_ == 0;
		for (const napi &n : napi_)
			quiet &= !n.running;
		return quiet;
	});
}

void kapi_netfront::on_pause()
{
	if (const auto hook = std::exchange(before_pause, nullptr))
		hook();
	std::unique_lock held(mutex_);
	++seen_.pauses;
	pause_locked(held);
}

void kapi_netfront::on_unpause()
{
	const std::lock_guard held(mutex_);
	++seen_.unpauses;
	seen_.paused = gone_;
	// Events may have come meanwhile.
	for (napi &n : napi_)
		n.scheduled |= n.thread.joinable();
	changed_.notify_all();
}

void kapi_netfront::on_link(bool carrier)
{
	const std::lock_guard held(mutex_);
	seen_.links.push_back(carrier);
}

void kapi_netfront::on_schedule(uint32_t queue)
{
	const std::lock_guard held(mutex_);
	++seen_.schedules;
	napi &n = napi_.at(queue);
	(n.scheduled ? n.missed : n.scheduled) = true;
	changed_.notify_all();
}

bool kapi_netfront::from_poll_or_paused(uint32_t queue) const
{
	return (polling == this && polled == queue) || (seen_.paused && !xenpv::sim::in_atomic());
}

void kapi_netfront::on_sent(uint32_t queue, void *cookie, bool ok)
{
	const std::lock_guard held(mutex_);
	if (!from_poll_or_paused(queue))
		violation("kapi_netfront_sent neither in poll nor while paused");
	if (unsent_.erase(cookie) == 0)
		return violation("a packet is handed back that is not the engine's");
	auto &packet = *static_cast<outgoing *>(cookie);
	++packet.completions;
	packet.sent = ok;
	changed_.notify_all();
}

void kapi_netfront::take_page_back(void *page, const char *otherwise)
{
	if (pages_.erase(page) == 0)
		return violation(otherwise);
	kapi_page_release(page);
}

void kapi_netfront::on_receive(uint32_t queue, const kapi_net_received &packet)
{
	const std::lock_guard held(mutex_);
	if (polling != this || polled != queue)
		violation("kapi_netfront_receive outside of poll");
	++napi_.at(queue).received;
	xenpv::sim::check_meta(packet.meta);
	if (packet.nr_pieces == 0 || packet.nr_pieces > KAPI_NET_MAX_SLOTS)
		return violation("a packet of no or too many pieces arrives");
	arrival a{queue, packet.meta, {}, {}};
	for (uint32_t i = 0; i < packet.nr_pieces; ++i) {
		const kapi_net_received_piece &p = packet.pieces[i];
		if (p.offset > KAPI_PAGE_SIZE || p.length > KAPI_PAGE_SIZE - p.offset) {
			violation("a piece that arrives reaches over its page");
			continue;
		}
		const auto *from = static_cast<const std::byte *>(p.addr) + p.offset;
		a.bytes.insert(a.bytes.end(), from, from + p.length);
		a.lengths.push_back(p.length);
	}
	if (a.bytes.size() != packet.meta.length)
		violation("a packet that arrives is not as long as its pieces");
	for (uint32_t i = 0; i < packet.nr_pieces; ++i)
		if (packet.pieces[i].given != 0)
			take_page_back(packet.pieces[i].page, "a page is given that the engine does not have");
	arrived_.push_back(std::move(a));
	changed_.notify_all();
}

int kapi_netfront::on_get_page(bool clean, kapi_page *out)
{
	if (no_page.strikes() || kapi_page_alloc(out, KAPI_ATOMIC) != 0)
		return no_memory;
	if (!clean)
		std::memset(out->addr, old_content, KAPI_PAGE_SIZE);
	const std::lock_guard held(mutex_);
	pages_.insert(out->page);
	return 0;
}

void kapi_netfront::on_put_page(void *page)
{
	const std::lock_guard held(mutex_);
	if (polling != this && !seen_.paused)
		violation("kapi_netfront_put_page neither in poll nor while paused");
	take_page_back(page, "a page is put back that the engine does not have");
}

int kapi_netfront_ready(kapi_netfront *net, const kapi_netfront_info *info)
{
	might_sleep("kapi_netfront_ready");
	return net->on_ready(*info);
}

void kapi_netfront_pause(kapi_netfront *net)
{
	might_sleep("kapi_netfront_pause");
	net->on_pause();
}

void kapi_netfront_unpause(kapi_netfront *net)
{
	might_sleep("kapi_netfront_unpause");
	net->on_unpause();
}

void kapi_netfront_link(kapi_netfront *net, bool carrier)
{
	might_sleep("kapi_netfront_link");
	net->on_link(carrier);
}

bool kapi_netfront_held_back(kapi_netfront *net, uint32_t)
{
	might_sleep("kapi_netfront_held_back");
	return net->held_back_packets;
}

void kapi_netfront_schedule(kapi_netfront *net, uint32_t queue)
{
	net->on_schedule(queue);
}

void kapi_netfront_sent(kapi_netfront *net, uint32_t queue, void *cookie, bool ok)
{
	net->on_sent(queue, cookie, ok);
	if (net->after_sent)
		net->after_sent();
}

void kapi_netfront_receive(kapi_netfront *net, uint32_t queue, const kapi_net_received *packet)
{
	net->on_receive(queue, *packet);
}

int kapi_netfront_get_page(kapi_netfront *net, uint32_t, bool clean, kapi_page *out)
{
	return net->on_get_page(clean, out);
}

void kapi_netfront_put_page(kapi_netfront *net, uint32_t, void *page)
{
	net->on_put_page(page);
}
