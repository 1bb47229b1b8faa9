/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border of xenpv_blkback: the adapter (kernel/blkback.c: xenbus_driver,
 * watches, sysfs) above, the engine (xen-back/blk) below.
 */
#ifndef XENPV_KAPI_BLKBACK_H
#define XENPV_KAPI_BLKBACK_H
#include <kapi/types.h>

KAPI_BEGIN

struct kapi_xenbus;
struct xenpv_blkback; /* the engine's device */

/* All in process context. */
int xenpv_blkback_create(struct kapi_xenbus *bus, struct xenpv_blkback **out);
/* The hotplug script wrote `physical-device`, or something under it changed; and the
 * frontend's state did.  They never wait: the engine looks for itself, later and in a
 * context of its own, so that one device's disk cannot hold up the thread that serves
 * the watches of all. */
void xenpv_blkback_hotplug(struct xenpv_blkback *back);
void xenpv_blkback_frontend_changed(struct xenpv_blkback *back);
/* The driver leaves the device: the engine makes no call about `bus` any more but to
 * unmap rings and channels, calls kapi_blkback_unregister no more, and takes no more
 * requests.  Nothing but xenpv_blkback_destroy may follow.  Waits for what the engine
 * does with xenbus, not for I/O in flight. */
void xenpv_blkback_leave(struct xenpv_blkback *back);
/* Waits until what is in flight is done and answered.  xenpv_blkback_leave may have
 * been before, or not. */
void xenpv_blkback_destroy(struct xenpv_blkback *back);

/* What xl and xentop read: totals since the device appeared. */
struct kapi_blkback_stats {
	uint64_t read_requests;
	uint64_t write_requests;
	uint64_t flush_requests;
	uint64_t read_sectors; /* 512-byte units */
	uint64_t write_sectors;
	uint64_t errors;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_blkback_stats) == 48);
/* Any time between create and leave. */
void xenpv_blkback_stats(struct xenpv_blkback *back, struct kapi_blkback_stats *stats);

/* --- the adapter, called by the engine ---------------------------------- */

/* The frontend has gone for good and the toolstack does not keep the device: take it
 * off the bus.  At most once, from the engine's own context, with nothing in flight; it
 * happens some time after, and the engine does nothing until then. */
void kapi_blkback_unregister(struct kapi_xenbus *bus);

/* How many queues frontends are to be offered, at least 1: what the administrator
 * wants, else one for each CPU.  Any context. */
uint32_t kapi_blkback_max_queues(void);

KAPI_END
#endif
