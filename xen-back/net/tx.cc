// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/net/device.hpp>
#include <xen-back/net/tx.hpp>

namespace xenpv::netback {

result<void> tx_side::open(void *addr, uint32_t peer_domain, void (*wake)(void *), void *ctx)
{
	peer_ = peer_domain;
	mapping_.open(owner_.account(), peer_domain, wake, ctx);
	seen_ = 0;
	ring_ = XENPV_TRY(back_ring::attach(ring_page(addr, sizeof(netif::tx_request))));
	return {};
}

bool tx_side::settle(uint64_t until_ns)
{
	const bool any = answer_held(mapping_.let_go(until_ns)) != 0;
	count_costs();
	return any && ring_.push();
}

void tx_side::close()
{
	mapping_.close();
	ring_ = {};
}

bool tx_side::has_room(uint32_t packets) const
{
	return packets < most_packets && nr_ops_ + ops_per_packet <= most_ops;
}

result<pass_result> tx_side::pass()
{
	pass_result out;
	const auto there = ring_.available();
	if (!there.ok()) {
		owner_.log().say(KAPI_ERROR, "queue %u: tx request producer index is out of range", number_);
		return err::protocol;
	}
	out.released = answer_held(mapping_.take_released());
	uint32_t left = there.value_or(0);
	// Even if they have no credit: an event for them is not for nothing.
	out.found = left > seen_;
	result<void> verdict;
	while (left != 0 && has_room(out.packets)) {
		out.wait_ns = owner_.rate_limit().wait_ns(kapi_now_ns());
		if (out.wait_ns != 0)
			break;
		const uint32_t before = left;
		verdict = chain_.take(ring_, left, owner_.log(), number_);
		out.slots += before - left;
		if (!verdict.ok())
			break;
		++out.packets;
		owner_.rate_limit().spend(chain_.meta.length);
		accept(chain_);
	}
	seen_ = left;
	if (out.slots == 0 && out.released == 0)
		return out;
	counters_.slots.add(out.slots);
	finish();
	if (ring_.unpushed() != 0) {
		counters_.pushes.add();
		out.notify = ring_.push();
	}
	kapi_netback_flush(owner_.net(), number_);
	if (!verdict.ok())
		return verdict.error();
	return out;
}

// Finds memory for a packet and plans its copies, or answers it.
void tx_side::accept(const chain &c)
{
	if (c.listing != chain::kind::none && !c.odd) {
		if (c.listing == chain::kind::remove)
			owner_.groups().remove(c.group);
		const bool okay = c.listing == chain::kind::remove || owner_.groups().add(c.group);
		answer(c.ids, c.nr_ids, c.extras, okay ? netif::status::okay : netif::status::error);
		return;
	}
	if (c.odd) {
		counters_.errors.add();
		answer(c.ids, c.nr_ids, c.extras, netif::status::error);
		return;
	}
	packet p{};
	p.meta = c.meta;
	owner_.hash().admit(p.meta);
	if (!find_memory(c, p)) {
		counters_.errors.add();
		answer(c.ids, c.nr_ids, c.extras, netif::status::dropped);
		return;
	}
	p.first_id = static_cast<uint16_t>(nr_ids_);
	p.nr_ids = static_cast<uint16_t>(c.nr_ids);
	p.extras = static_cast<uint16_t>(c.extras);
	// The ring bounds what is taken and not answered, so the ids fit.
	for (uint32_t i = 0; i < c.nr_ids; ++i)
		ids_[nr_ids_++] = c.ids[i];
	packets_[nr_packets_++] = p;
}

// Memory for all of it, or for the headers and the rest is mapped.
bool tx_side::find_memory(const chain &c, packet &p)
{
	layout_.meta = c.meta;
	p.held = mapping_.prepare(c);
	if (p.held != nullptr) {
		const kapi_net_holder holder = mapping::holder_of(*p.held);
		p.cookie = kapi_netback_alloc_held(owner_.net(), number_, &layout_, &holder, &p.held->handle);
	} else {
		p.cookie = kapi_netback_alloc(owner_.net(), number_, &layout_);
	}
	if (p.cookie != nullptr && plan_copies(c, p, p.held != nullptr ? KAPI_NET_HEADERS : c.meta.length))
		return true;
	if (p.cookie != nullptr)
		kapi_netback_discard(owner_.net(), number_, p.cookie);
	if (p.held != nullptr)
		mapping_.forget(*p.held);
	return false;
}

// Both are the packet's bytes in order, cut differently; no copy leaves a frame of
// either end.
bool tx_side::plan_copies(const chain &c, packet &p, uint32_t bytes)
{
	p.first_op = static_cast<uint16_t>(nr_ops_);
	uint32_t piece = 0;
	uint32_t used = 0; // of the piece
	for (uint32_t i = 0; i < c.nr_spans; ++i) {
		uint32_t done = 0;
		while (done < c.spans[i].length && bytes != 0) {
			if (piece == layout_.nr_pieces || nr_ops_ == most_ops) {
				nr_ops_ = p.first_op;
				return false;
			}
			const kapi_net_memory &to = layout_.pieces[piece];
			const uint32_t wish = c.spans[i].length - done;
			const uint32_t n = wish < to.length - used ? wish : to.length - used;
			kapi_copy_op &op = ops_[nr_ops_++];
			op = {};
			op.source.ref = c.spans[i].gref;
			op.source.domid = static_cast<uint16_t>(peer_);
			op.source.offset = static_cast<uint16_t>(c.spans[i].offset + done);
			op.dest = {{to.frame}, KAPI_SELF, static_cast<uint16_t>(to.offset + used)};
			op.length = static_cast<uint16_t>(n);
			op.flags = KAPI_COPY_SOURCE_REF;
			done += n;
			used += n;
			bytes -= n;
			if (used == to.length) {
				++piece;
				used = 0;
			}
		}
	}
	p.nr_ops = static_cast<uint16_t>(nr_ops_ - p.first_op);
	return true;
}

void tx_side::answer(const uint16_t *ids, uint32_t nr_ids, uint32_t extras, netif::status status)
{
	for (uint32_t i = 0; i < nr_ids; ++i)
		netif::put_tx_response(ring_, ids[i], status);
	for (uint32_t i = 0; i < extras; ++i)
		netif::put_tx_response(ring_, 0, netif::status::null);
}

// Answers packets that nobody holds any more, and have come to their end.
uint32_t tx_side::answer_held(held_packet *list)
{
	uint32_t n = 0;
	for (; list != nullptr; ++n) {
		held_packet &p = *list;
		list = p.next;
		answer(p.ids, p.nr_ids, p.extras, netif::status::okay);
		mapping_.put(p);
	}
	return n;
}

void tx_side::count_costs()
{
	const xenpv_grant_costs &m = mapping_.costs();
	counters_.copy_hypercalls.set(costs_.copy_hypercalls);
	counters_.copy_operations.set(costs_.copy_operations);
	counters_.map_hypercalls.set(m.map_hypercalls);
	counters_.map_operations.set(m.map_operations);
	counters_.unmap_hypercalls.set(m.unmap_hypercalls);
	counters_.unmap_operations.set(m.unmap_operations);
}

void tx_side::attach(const packet &p)
{
	const held_packet &h = *p.held;
	for (uint32_t i = 0; i < h.nr_ops; ++i)
		kapi_netback_attach(owner_.net(), number_, p.cookie, h.ops[i].page, h.offset[i], h.length[i]);
	mapping_.hold();
}

// A hypercall for all copies, one for all maps; then each packet on its own merits
// (XSA-361).
void tx_side::finish()
{
	xenpv_grant_copy(ops_, nr_ops_, KAPI_MAY_SLEEP, &costs_);
	mapping_.map();
	for (uint32_t i = 0; i < nr_packets_; ++i) {
		const packet &p = packets_[i];
		bool okay = true;
		for (uint32_t k = 0; p.held != nullptr && k < p.held->nr_ops; ++k) {
			if (p.held->ops[k].status == KAPI_GNTST_OKAY)
				continue;
			if (okay)
				owner_.log().say(KAPI_ERROR, "queue %u: tx grant reference %u cannot be mapped (%d)",
						 number_, p.held->ops[k].ref, p.held->ops[k].status);
			okay = false;
		}
		for (uint32_t k = p.first_op; k < p.first_op + uint32_t{p.nr_ops}; ++k) {
			if (ops_[k].status == KAPI_GNTST_OKAY)
				continue;
			if (okay)
				owner_.log().say(KAPI_ERROR,
						 "queue %u: tx grant reference %u cannot be copied from (%d)", number_,
						 ops_[k].source.ref, ops_[k].status);
			okay = false;
		}
		// What is held is answered when it is released.
		if (p.held == nullptr || !okay)
			answer(ids_ + p.first_id, p.nr_ids, p.extras,
			       okay ? netif::status::okay : netif::status::error);
		if (!okay) {
			counters_.errors.add();
			kapi_netback_discard(owner_.net(), number_, p.cookie);
			if (p.held != nullptr)
				mapping_.drop(*p.held);
			continue;
		}
		counters_.packets.add();
		counters_.bytes.add(p.meta.length);
		counters_.copied_bytes.add(p.held != nullptr ? KAPI_NET_HEADERS : p.meta.length);
		if (p.held != nullptr)
			attach(p);
		kapi_netback_deliver(owner_.net(), number_, p.cookie, &p.meta);
	}
	nr_packets_ = nr_ids_ = nr_ops_ = 0;
	count_costs();
}

result<bool> tx_side::rest()
{
	return XENPV_TRY(ring_.arm()) == 0 && !has_released();
}

} // namespace xenpv::netback
