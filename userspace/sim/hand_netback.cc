// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/hand_netback.hpp>

#include <algorithm>
#include <stdexcept>

namespace xenpv::sim {

hand_netback::hand_netback(toolstack &tools) : tools_(tools), home_(world::get().domain(0))
{
	page *p = world::get().memory().allocate(home_);
	if (p == nullptr)
		throw std::runtime_error("no page");
	scratch_ = {p, p->addr, p->frame};
}

hand_netback::~hand_netback()
{
	drop_rings();
	kapi_page_release(scratch_.page);
}

void hand_netback::publish(const keys &more)
{
	for (const char *key : {"feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6", "feature-ipv6-csum-offload",
				"feature-rx-copy", "feature-split-event-channels"})
		tools_.set_back(key, "1");
	tools_.set_back("feature-rx-flip", "0");
	tools_.set_back("multi-queue-max-queues", "1");
	for (const auto &[key, value] : more)
		tools_.set_back(key, value);
}

bool hand_netback::take_queue(const std::string &prefix)
{
	const auto number = [this, &prefix](const char *key) {
		return static_cast<uint32_t>(std::stoul(tools_.front_key(prefix + key)));
	};
	const bool split = tools_.front_key(prefix + "event-channel-tx") != "(absent)";
	auto &q = *queues_.emplace_back(std::make_unique<queue>());
	const as_domain inside(home_);
	q.tx_channel = std::make_unique<hand_channel>(home_);
	if (!q.tx_channel->bind(tools_.back, number(split ? "event-channel-tx" : "event-channel")))
		return false;
	if (split) {
		q.rx_channel = std::make_unique<hand_channel>(home_);
		if (!q.rx_channel->bind(tools_.back, number("event-channel-rx")))
			return false;
	}
	if (kapi_xenbus_map_ring(&tools_.back, number("tx-ring-ref"), &q.tx_page) != 0 ||
	    kapi_xenbus_map_ring(&tools_.back, number("rx-ring-ref"), &q.rx_page) != 0)
		return false;
	constexpr auto back = hand_ring::role::back;
	q.tx = std::make_unique<hand_ring>(back, q.tx_page, sizeof(netif::tx_request), netif::ring_slots,
					   *q.tx_channel);
	q.rx = std::make_unique<hand_ring>(back, q.rx_page, sizeof(netif::rx_request), netif::ring_slots,
					   split ? *q.rx_channel : *q.tx_channel);
	return true;
}

bool hand_netback::take_rings()
{
	set_state(2);
	// What it answers, and not what it said to an earlier backend.
	world::get().settle();
	if (tools_.front_state() != 3 && tools_.front_state() != 4)
		return false;
	const std::string count = tools_.front_key("multi-queue-num-queues");
	const unsigned long n = count == "(absent)" ? 1 : std::stoul(count);
	for (unsigned long i = 0; i < n; ++i)
		if (!take_queue(n == 1 ? "" : "queue-" + std::to_string(i) + "/"))
			return false;
	return true;
}

bool hand_netback::connect(const keys &more)
{
	publish(more);
	if (!take_rings())
		return false;
	set_state(4);
	world::get().settle();
	return tools_.front_state() == 4;
}

void hand_netback::drop_rings()
{
	const as_domain inside(home_);
	for (auto &q : queues_) {
		// The handlers use them until they are unbound.
		q->tx_channel.reset();
		q->rx_channel.reset();
		for (void *ring : {q->tx_page, q->rx_page})
			if (ring != nullptr)
				kapi_xenbus_unmap_ring(&tools_.back, ring);
	}
	queues_.clear();
}

bool hand_netback::take(sent *out, uint32_t queue)
{
	*out = {};
	bool more = false;
	do {
		netif::tx_request &slot = out->slots.emplace_back();
		if (!tx(queue).take(&slot))
			return false;
		more = (slot.flags & netif::tx_more_data) != 0;
		for (bool extra = (slot.flags & netif::tx_extra_info) != 0; extra;) {
			netif::extra_info &e = out->extras.emplace_back();
			if (!tx(queue).take(&e))
				return false;
			extra = (e.flags & netif::extra_more) != 0;
		}
	} while (more);

	uint32_t rest = 0;
	for (size_t i = 1; i < out->slots.size(); ++i)
		rest += out->slots[i].size;
	for (size_t i = 0; i < out->slots.size(); ++i) {
		const netif::tx_request &slot = out->slots[i];
		const uint32_t length = i == 0 ? slot.size - rest : slot.size;
		const size_t at = out->bytes.size();
		out->bytes.resize(at + length);
		if (read(slot.gref, slot.offset, out->bytes.data() + at, length) != 0)
			return false;
	}
	return true;
}

void hand_netback::answer(uint16_t id, int16_t status, uint32_t queue)
{
	tx(queue).put(netif::tx_response{id, status, {}});
}

void hand_netback::answer(const sent &packet, netif::status status, uint32_t queue)
{
	const auto code = static_cast<int16_t>(status);
	answer(packet.slots[0].id, code, queue);
	for (size_t i = 0; i < packet.extras.size(); ++i)
		answer(0xDEAD, static_cast<int16_t>(netif::status::null), queue); // the id says nothing
	for (size_t i = 1; i < packet.slots.size(); ++i)
		answer(packet.slots[i].id, code, queue);
}

bool hand_netback::send(const std::vector<std::byte> &bytes, const kapi_net_meta &meta, uint32_t queue, uint32_t slots)
{
	const auto length = static_cast<uint32_t>(bytes.size());
	if (slots == 0)
		slots = (length + KAPI_PAGE_SIZE - 1) / KAPI_PAGE_SIZE;
	if (!rx(queue).expect(slots + (meta.gso != KAPI_NET_GSO_NONE)))
		return false;
	const uint32_t each = (length + slots - 1) / slots;
	uint32_t at = 0;
	for (uint32_t i = 0; i < slots; ++i) {
		netif::rx_request buffer{};
		const uint32_t part = std::min(each, length - at);
		if (!take_buffer(&buffer, queue) || write(buffer.gref, 0, bytes.data() + at, part) != 0)
			return false;
		at += part;
		netif::rx_response r{buffer.id, 0, 0, static_cast<int16_t>(part)};
		if (i + 1 < slots)
			r.flags |= netif::rx_more_data;
		if (i == 0 && meta.csum != KAPI_NET_CSUM_NONE)
			r.flags |= netif::rx_data_validated;
		if (i == 0 && meta.csum == KAPI_NET_CSUM_BLANK)
			r.flags |= netif::rx_csum_blank;
		if (i == 0 && meta.gso != KAPI_NET_GSO_NONE)
			r.flags |= netif::rx_extra_info;
		respond(r, queue);
		if ((r.flags & netif::rx_extra_info) != 0) {
			netif::extra_info e{};
			e.type = static_cast<uint8_t>(netif::extra::gso);
			e.gso.size = meta.gso_size;
			e.gso.type = meta.gso;
			if (!take_buffer(&buffer, queue))
				return false;
			rx(queue).put(e);
		}
	}
	rx(queue).push();
	return true;
}

int32_t hand_netback::copy(uint32_t gref, uint32_t offset, std::byte *bytes, uint32_t length, bool write)
{
	if (length > KAPI_PAGE_SIZE)
		return bad_copy;
	const as_domain inside(home_);
	kapi_copy_end here{};
	here.frame = scratch_.frame;
	here.domid = KAPI_SELF;
	kapi_copy_end there{};
	there.ref = gref;
	there.domid = static_cast<uint16_t>(tools_.back.peer_domid);
	there.offset = static_cast<uint16_t>(offset);
	if (write)
		std::memcpy(scratch_.addr, bytes, length);
	kapi_copy_op op{};
	op.source = write ? here : there;
	op.dest = write ? there : here;
	op.length = static_cast<uint16_t>(length);
	op.flags = write ? KAPI_COPY_DEST_REF : KAPI_COPY_SOURCE_REF;
	if (kapi_grant_copy(&op, 1) == 0 && op.status == 0 && !write)
		std::memcpy(bytes, scratch_.addr, length);
	return op.status;
}

int32_t hand_netback::write(uint32_t gref, uint32_t offset, const std::byte *from, uint32_t length)
{
	return copy(gref, offset, const_cast<std::byte *>(from), length, true);
}

int32_t hand_netback::read(uint32_t gref, uint32_t offset, std::byte *to, uint32_t length)
{
	return copy(gref, offset, to, length, false);
}

kapi_map_op hand_netback::map(uint32_t gref, bool readonly)
{
	const as_domain inside(home_);
	kapi_map_op op{nullptr, gref, tools_.back.peer_domid, readonly, -1, 0, 0};
	if (kapi_foreign_pages_alloc(&op.page, 1) == 0)
		static_cast<void>(kapi_grant_map(&op, 1));
	return op;
}

void hand_netback::unmap(kapi_map_op &op)
{
	const as_domain inside(home_);
	if (op.status == KAPI_GNTST_OKAY)
		static_cast<void>(kapi_grant_unmap(&op, 1));
	kapi_foreign_pages_free(&op.page, 1);
}

} // namespace xenpv::sim
