// SPDX-License-Identifier: GPL-2.0-only
// The border to the adapter (kapi/blkback.h).
#include <xen-back/blk/device.hpp>

struct xenpv_blkback : xenpv::blkback::device {
	using device::device;
};

int xenpv_blkback_create(kapi_xenbus *bus, xenpv_blkback **out)
{
	auto back = xenpv::make_owned<xenpv_blkback>(xenpv::context::may_sleep, bus);
	if (!back)
		return xenpv::to_errno(xenpv::err::no_memory);
	if (auto r = back->open(); !r.ok()) {
		back->log().fail(bus, xenpv::to_errno(r.error()), "cannot set up the device");
		return xenpv::to_errno(r.error());
	}
	*out = back.release();
	return 0;
}

void xenpv_blkback_hotplug(xenpv_blkback *back)
{
	back->hotplug();
}

void xenpv_blkback_frontend_changed(xenpv_blkback *back)
{
	back->frontend_changed();
}

void xenpv_blkback_leave(xenpv_blkback *back)
{
	back->leave();
}

void xenpv_blkback_destroy(xenpv_blkback *back)
{
	xenpv::owned<xenpv_blkback>(back).reset();
}

void xenpv_blkback_stats(xenpv_blkback *back, kapi_blkback_stats *stats)
{
	back->add_stats(*stats);
}
