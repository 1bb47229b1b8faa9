// SPDX-License-Identifier: GPL-2.0-only
// The border to the adapter (kapi/netfront.h).
#include <xen-front/net/device.hpp>

struct xenpv_netfront : xenpv::netfront::device {
	using device::device;
};

int xenpv_netfront_create(kapi_xenbus *bus, kapi_netfront *net, xenpv_netfront **out)
{
	auto front = xenpv::make_owned<xenpv_netfront>(xenpv::context::may_sleep, bus, net);
	if (!front)
		return xenpv::to_errno(xenpv::err::no_memory);
	if (auto r = front->open(); !r.ok()) {
		front->log().fail(bus, xenpv::to_errno(r.error()), "cannot set up the device");
		return xenpv::to_errno(r.error());
	}
	*out = front.release();
	return 0;
}

void xenpv_netfront_backend_changed(xenpv_netfront *front, int state)
{
	front->backend_changed(static_cast<xenpv::xenbus_state>(state));
}

void xenpv_netfront_destroy(xenpv_netfront *front)
{
	xenpv::owned<xenpv_netfront>(front).reset();
}

void xenpv_netfront_resume(xenpv_netfront *front)
{
	front->resume();
}

int xenpv_netfront_set_queues(xenpv_netfront *front, uint32_t queues)
{
	return xenpv::to_errno(front->set_queues(queues).error());
}

void xenpv_netfront_set_rx_csum(xenpv_netfront *front, bool blank_welcome)
{
	front->set_rx_csum(blank_welcome);
}

void xenpv_netfront_set_event_distance(xenpv_netfront *front, uint32_t tx, uint32_t rx)
{
	front->set_event_distance(tx, rx);
}

int xenpv_netfront_transmit(xenpv_netfront *front, uint32_t queue, const kapi_net_packet *packet)
{
	auto *q = front->queue_at(queue);
	return q != nullptr ? q->transmit(*packet) : xenpv::to_errno(xenpv::err::io);
}

void xenpv_netfront_commit(xenpv_netfront *front, uint32_t queue)
{
	if (auto *q = front->queue_at(queue))
		q->commit();
}

bool xenpv_netfront_has_room(xenpv_netfront *front, uint32_t queue)
{
	auto *q = front->queue_at(queue);
	return q != nullptr && q->has_room();
}

uint32_t xenpv_netfront_poll(xenpv_netfront *front, uint32_t queue, uint32_t budget)
{
	auto *q = front->queue_at(queue);
	return q != nullptr ? q->poll(budget) : 0;
}

bool xenpv_netfront_rest(xenpv_netfront *front, uint32_t queue)
{
	auto *q = front->queue_at(queue);
	return q == nullptr || q->rest();
}

void xenpv_netfront_unmask(xenpv_netfront *front, uint32_t queue)
{
	if (auto *q = front->queue_at(queue))
		q->unmask();
}

void xenpv_netfront_queue_stats(xenpv_netfront *front, uint32_t queue, kapi_netfront_queue_stats *stats)
{
	*stats = {};
	if (const auto *q = front->queue_at(queue))
		q->read(*stats);
}
