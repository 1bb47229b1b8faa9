// SPDX-License-Identifier: GPL-2.0-only
// The border to the adapter (kapi/netback.h).
#include <xen-back/net/device.hpp>

struct xenpv_netback : xenpv::netback::device {
	using device::device;
};

int xenpv_netback_create(kapi_xenbus *bus, kapi_netback *net, xenpv_netback **out)
{
	auto back = xenpv::make_owned<xenpv_netback>(xenpv::context::may_sleep, bus, net);
	if (!back)
		return xenpv::to_errno(xenpv::err::no_memory);
	if (auto r = back->open(); !r.ok()) {
		back->log().fail(bus, xenpv::to_errno(r.error()), "cannot set up the device");
		return xenpv::to_errno(r.error());
	}
	*out = back.release();
	return 0;
}

void xenpv_netback_own_changed(xenpv_netback *back)
{
	back->own_changed();
}

void xenpv_netback_frontend_asked(xenpv_netback *back)
{
	back->frontend_asked();
}

void xenpv_netback_frontend_changed(xenpv_netback *back, int state)
{
	back->frontend_changed(static_cast<xenpv::xenbus_state>(state));
}

void xenpv_netback_destroy(xenpv_netback *back)
{
	xenpv::owned<xenpv_netback>(back).reset();
}

bool xenpv_netback_hashing(xenpv_netback *back)
{
	return back->hash().on();
}

int xenpv_netback_steer(xenpv_netback *back, const kapi_net_flow *flow)
{
	const auto queue = back->hash().queue_for(*flow);
	return queue.ok() ? static_cast<int>(queue.value_or(0)) : xenpv::to_errno(queue.error());
}

void xenpv_netback_hash(xenpv_netback *back, const kapi_net_flow *flow, kapi_net_meta *meta)
{
	back->hash().calculate(*flow, *meta);
}

int xenpv_netback_transmit(xenpv_netback *back, uint32_t queue, void *cookie, const uint8_t *destination,
			   const kapi_net_meta *meta, bool more)
{
	auto *q = back->queue_at(queue);
	if (q == nullptr)
		return xenpv::to_errno(xenpv::err::io);
	if (back->groups().passes(destination))
		return q->transmit(cookie, *meta, more);
	if (!more)
		q->commit();
	return xenpv::to_errno(xenpv::err::not_found);
}

void xenpv_netback_commit(xenpv_netback *back, uint32_t queue)
{
	if (auto *q = back->queue_at(queue))
		q->commit();
}

void xenpv_netback_queue_stats(xenpv_netback *back, uint32_t queue, kapi_netback_queue_stats *stats)
{
	*stats = {};
	if (const auto *q = back->queue_at(queue))
		q->read(*stats);
}
