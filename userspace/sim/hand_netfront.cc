// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/hand_netfront.hpp>

#include <algorithm>

namespace xenpv::sim {

hand_netfront::hand_netfront(toolstack &tools) : hand_netfront(tools, options{}) {}

hand_netfront::hand_netfront(toolstack &tools, const options &o)
	: tools_(tools), options_(o), home_(world::get().domain(tools.back.peer_domid))
{
	constexpr auto front = hand_ring::role::front;
	for (uint32_t i = 0; i < o.queues; ++i) {
		auto &q = *queues_.emplace_back(std::make_unique<queue>(home_));
		q.tx_channel = std::make_unique<hand_channel>(home_);
		q.tx_port = q.rx_port = q.tx_channel->allocate(tools.front);
		if (o.split) {
			q.rx_channel = std::make_unique<hand_channel>(home_);
			q.rx_port = q.rx_channel->allocate(tools.front);
		}
		q.tx = std::make_unique<hand_ring>(front, q.tx_page.bytes(), sizeof(netif::tx_request),
						   netif::ring_slots, *q.tx_channel);
		q.rx = std::make_unique<hand_ring>(front, q.rx_page.bytes(), sizeof(netif::rx_request),
						   netif::ring_slots, o.split ? *q.rx_channel : *q.tx_channel);
		for (hand_ring *r : {q.tx.get(), q.rx.get()})
			r->word(1) = 1, r->word(3) = 1;
	}
	if (!o.control)
		return;
	control_ = std::make_unique<control_ring>(home_);
	control_->port = control_->channel.allocate(tools.front);
	control_->ring = std::make_unique<hand_ring>(front, control_->page.bytes(), sizeof(netif::control_request),
						     netif::control_slots, control_->channel);
	control_->ring->word(1) = 1, control_->ring->word(3) = 1;
}

hand_netfront::~hand_netfront()
{
	// The handlers use the rings until they are unbound.
	for (auto &q : queues_) {
		q->tx_channel.reset();
		q->rx_channel.reset();
	}
}

void hand_netfront::publish()
{
	for (const char *key : {"request-rx-copy", "feature-rx-notify", "feature-sg", "feature-gso-tcpv4",
				"feature-gso-tcpv6", "feature-ipv6-csum-offload"})
		tools_.set_front(key, "1");
	if (options_.queues > 1)
		tools_.set_front("multi-queue-num-queues", std::to_string(options_.queues));
	for (uint32_t i = 0; i < options_.queues; ++i) {
		const queue &q = *queues_[i];
		const std::string prefix = options_.queues > 1 ? "queue-" + std::to_string(i) + "/" : "";
		tools_.set_front(prefix + "tx-ring-ref", std::to_string(q.tx_page.ref()));
		tools_.set_front(prefix + "rx-ring-ref", std::to_string(q.rx_page.ref()));
		if (options_.split) {
			tools_.set_front(prefix + "event-channel-tx", std::to_string(q.tx_port));
			tools_.set_front(prefix + "event-channel-rx", std::to_string(q.rx_port));
		} else {
			tools_.set_front(prefix + "event-channel", std::to_string(q.tx_port));
		}
	}
	if (control_ == nullptr)
		return;
	tools_.set_front("ctrl-ring-ref", std::to_string(control_->page.ref()));
	tools_.set_front("event-channel-ctrl", std::to_string(control_->port));
}

bool hand_netfront::connect()
{
	publish();
	set_state(4);
	if (!soon([this] { return tools_.back_state() >= 4; }) || tools_.back_state() != 4)
		return false;
	world::get().settle();
	return true;
}

hand_netfront::answer hand_netfront::ask(wish type, uint32_t data0, uint32_t data1, uint32_t data2)
{
	const uint16_t id = control_->next_id++;
	put_wish(id, type, data0, data1, data2);
	control().push();
	netif::control_response r{};
	if (!control().take(&r) || r.id != id || r.type != static_cast<uint16_t>(type))
		return {};
	return {true, static_cast<netif::control_status>(r.status), r.data};
}

netif::tx_request hand_netfront::slot(const std::vector<std::byte> &bytes, uint32_t offset)
{
	granted_page &p = pages_.emplace_back(home_, true);
	std::copy(bytes.begin(), bytes.end(), p.bytes() + offset);
	return {p.ref(), static_cast<uint16_t>(offset), 0, next_id_++, static_cast<uint16_t>(bytes.size())};
}

netif::extra_info hand_netfront::gso(uint16_t size, uint8_t type, uint8_t flags)
{
	netif::extra_info e{};
	e.type = static_cast<uint8_t>(netif::extra::gso);
	e.flags = flags;
	e.gso.size = size;
	e.gso.type = type;
	return e;
}

uint16_t hand_netfront::put_packet(const std::vector<std::byte> &bytes, uint32_t slots, uint16_t flags,
				   const std::vector<netif::extra_info> &extras, uint32_t queue)
{
	const uint16_t first_id = next_id_;
	const auto length = static_cast<uint32_t>(bytes.size());
	const uint32_t each = (length + slots - 1) / slots;
	uint32_t at = 0;
	for (uint32_t i = 0; i < slots; ++i) {
		const uint32_t part = std::min(each, length - at);
		const auto from = bytes.begin() + at;
		netif::tx_request r = slot(std::vector(from, from + part), 0);
		at += part;
		if (i == 0) {
			r.size = static_cast<uint16_t>(length);
			r.flags = static_cast<uint16_t>(flags | (extras.empty() ? 0 : netif::tx_extra_info));
		}
		if (i + 1 < slots)
			r.flags |= netif::tx_more_data;
		put(r, queue);
		if (i == 0)
			for (const netif::extra_info &e : extras)
				put(e, queue);
	}
	return first_id;
}

bool hand_netfront::answers::all(uint16_t first, uint32_t n, netif::status status) const
{
	if (!came || by_id.size() != n)
		return false;
	for (uint32_t i = 0; i < n; ++i) {
		const auto at = by_id.find(static_cast<uint16_t>(first + i));
		if (at == by_id.end() || at->second != std::vector{static_cast<int16_t>(status)})
			return false;
	}
	return true;
}

hand_netfront::answers hand_netfront::take_answers(uint32_t n, uint32_t queue)
{
	answers out;
	for (uint32_t i = 0; i < n; ++i) {
		netif::tx_response r{};
		if (!tx(queue).take(&r))
			return out;
		if (r.status == static_cast<int16_t>(netif::status::null))
			++out.nulls;
		else
			out.by_id[r.id].push_back(r.status);
	}
	out.came = true;
	return out;
}

void hand_netfront::put_buffers(uint32_t n, uint32_t queue)
{
	for (uint32_t i = 0; i < n; ++i) {
		const uint32_t at = rx(queue).made();
		auto &buffer = queues_[queue]->buffers[at % netif::ring_slots];
		buffer = std::make_unique<granted_page>(home_);
		rx(queue).put(netif::rx_request{static_cast<uint16_t>(at), 0, buffer->ref()});
	}
}

void hand_netfront::post(uint32_t n, uint32_t queue)
{
	put_buffers(n, queue);
	rx(queue).push();
}

void hand_netfront::post_quietly(uint32_t n, uint32_t queue)
{
	put_buffers(n, queue);
	rx(queue).push_if_asked();
}

void hand_netfront::post_raw(uint16_t id, uint32_t gref, uint32_t queue)
{
	rx(queue).put(netif::rx_request{id, 0, gref});
}

bool hand_netfront::take(received *out, uint32_t queue)
{
	*out = {};
	bool more = false;
	do {
		const uint32_t index = rx(queue).taken();
		netif::rx_response r{};
		if (!rx(queue).take(&r))
			return false;
		out->slots.push_back(r);
		out->indices.push_back(index);
		more = (r.flags & netif::rx_more_data) != 0;
		if (r.status < 0)
			out->error = true;
		else if (const auto at = queues_[queue]->buffers.find(index % netif::ring_slots);
			 at != queues_[queue]->buffers.end() && r.offset + r.status <= int{KAPI_PAGE_SIZE})
			out->bytes.insert(out->bytes.end(), at->second->bytes() + r.offset,
					  at->second->bytes() + r.offset + r.status);
		for (bool extra = (r.flags & netif::rx_extra_info) != 0; extra;) {
			netif::extra_info e{};
			if (!rx(queue).take(&e))
				return false;
			out->extras.push_back(e);
			extra = (e.flags & netif::extra_more) != 0;
		}
	} while (more);
	return true;
}

} // namespace xenpv::sim
