// SPDX-License-Identifier: GPL-2.0-only
// The border to the adapter (kapi/blkfront.h).
#include <xen-front/blk/device.hpp>

struct xenpv_blkfront : xenpv::blkfront::device {
	using device::device;
};

int xenpv_blkfront_create(kapi_xenbus *bus, kapi_blkfront *disk, xenpv_blkfront **out)
{
	auto front = xenpv::make_owned<xenpv_blkfront>(xenpv::context::may_sleep, bus, disk);
	if (!front)
		return xenpv::to_errno(xenpv::err::no_memory);
	if (auto r = front->open(); !r.ok()) {
		front->log().fail(bus, xenpv::to_errno(r.error()), "cannot set up the device");
		return xenpv::to_errno(r.error());
	}
	*out = front.release();
	return 0;
}

void xenpv_blkfront_backend_changed(xenpv_blkfront *front, int state)
{
	front->backend_changed(static_cast<xenpv::xenbus_state>(state));
}

void xenpv_blkfront_destroy(xenpv_blkfront *front)
{
	xenpv::owned<xenpv_blkfront>(front).reset();
}

void xenpv_blkfront_resume(xenpv_blkfront *front)
{
	front->resume();
}

bool xenpv_blkfront_serves(xenpv_blkfront *front)
{
	return front->serves();
}

int xenpv_blkfront_queue(xenpv_blkfront *front, uint32_t queue, const kapi_blk_request *request)
{
	auto *q = front->queue_of(queue);
	return q != nullptr && !front->broken() ? q->submit(*request) : xenpv::to_errno(xenpv::err::io);
}

void xenpv_blkfront_commit(xenpv_blkfront *front, uint32_t queue)
{
	if (auto *q = front->queue_of(queue))
		q->commit();
}
