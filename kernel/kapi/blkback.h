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

/* All in process context, serialised by the adapter for one device. */
int xenpv_blkback_create(struct kapi_xenbus *bus, struct xenpv_blkback **out);
/* The hotplug script wrote `physical-device`, or something under it changed. */
void xenpv_blkback_hotplug(struct xenpv_blkback *back);
void xenpv_blkback_frontend_changed(struct xenpv_blkback *back, int state);
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
/* Any time between create and destroy. */
void xenpv_blkback_stats(struct xenpv_blkback *back, struct kapi_blkback_stats *stats);

/* --- the adapter, called by the engine ---------------------------------- */

/* The frontend has gone for good and the toolstack does not keep the device:
 * unregister it.  Only inside xenpv_blkback_hotplug or xenpv_blkback_frontend_changed;
 * it happens after that returns. */
void kapi_blkback_unregister(struct kapi_xenbus *bus);

KAPI_END
#endif
