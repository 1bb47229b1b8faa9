/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border of xenpv_blkfront: the adapter (kernel/blkfront.c: blk-mq, gendisk,
 * xenbus_driver) above, the engine (xen-front/blk) below.
 */
#ifndef XENPV_KAPI_BLKFRONT_H
#define XENPV_KAPI_BLKFRONT_H
#include <kapi/types.h>

KAPI_BEGIN

struct kapi_xenbus;
struct xenpv_blkfront; /* the engine's device */
struct kapi_blkfront; /* the adapter's device */

#define KAPI_BLK_MAX_SEGMENTS 11u
#define KAPI_BLK_MAX_QUEUES 8u
#define KAPI_BLK_QUEUE_DEPTH 32u

enum kapi_blk_op {
	KAPI_BLK_READ = 0,
	KAPI_BLK_WRITE = 1,
	KAPI_BLK_FLUSH = 2,
};

/* Part of one page of a request: offset + length <= KAPI_PAGE_SIZE, both
 * multiples of 512. */
struct kapi_blk_segment {
	void *page;
	void *addr; /* of the page, not of the offset */
	uint64_t frame;
	uint32_t offset; /* bytes */
	uint32_t length; /* bytes */
};

struct kapi_blk_request {
	void *cookie; /* handed back on completion */
	uint64_t sector; /* 512-byte units */
	uint32_t op; /* enum kapi_blk_op */
	uint32_t nr_segments; /* 0 for a flush */
	uint32_t fua; /* 1: durable before completion */
	uint32_t pad;
	struct kapi_blk_segment segments[KAPI_BLK_MAX_SEGMENTS];
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_blk_segment) == 32);
KAPI_STATIC_ASSERT(offsetof(struct kapi_blk_request, segments) == 32);

struct kapi_disk_info {
	uint64_t sectors; /* 512-byte units */
	uint32_t sector_size; /* bytes, logical */
	uint32_t physical_sector_size; /* bytes */
	uint32_t readonly;
	uint32_t flush; /* the disk has a volatile cache that a flush empties */
	uint32_t fua; /* writes can be made durable one by one */
	uint32_t removable;
	uint32_t device; /* "virtual-device": encoded device number */
	uint32_t queues;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_disk_info) == 40);

/* --- the engine, called by the adapter ---------------------------------- */

/* Process context.  0 and *out, or -errno with the error published. */
int xenpv_blkfront_create(struct kapi_xenbus *bus, struct kapi_blkfront *disk,
			  struct xenpv_blkfront **out);
/* The backend's state changed (io/xenbus.h).  Process context, serialised. */
void xenpv_blkfront_backend_changed(struct xenpv_blkfront *front, int state);
/* Stops the queues, completes what is in flight with an error, disconnects.
 * No xenpv_blkfront_queue may run or follow.  Process context. */
void xenpv_blkfront_destroy(struct xenpv_blkfront *front);
/* The guest was suspended and woke up, perhaps elsewhere: the rings are gone.
 * Reconnects; what was in flight is replayed.  Process context. */
void xenpv_blkfront_resume(struct xenpv_blkfront *front);

/* Whether what is in flight will be answered without anything more being agreed:
 * connected, and not broken.  Process context. */
bool xenpv_blkfront_serves(struct xenpv_blkfront *front);

/* Takes a request of the hardware context `queue`.  Any context that blk-mq dispatches in.
 * 0: accepted, kapi_blkfront_complete will follow.  -EBUSY: no room; the engine
 * calls kapi_blkfront_wake when there is.  -EAGAIN: no grant references or memory
 * now; nobody will call, try again after a pause.  -EIO: the device is broken.
 * The peer is told by xenpv_blkfront_commit, once per dispatch batch. */
int xenpv_blkfront_queue(struct xenpv_blkfront *front, uint32_t queue,
			 const struct kapi_blk_request *request);
void xenpv_blkfront_commit(struct xenpv_blkfront *front, uint32_t queue);

/* --- the adapter, called by the engine ---------------------------------- */

/* Connected: make the disk, or after a reconnect refresh it.  Process context. */
int kapi_blkfront_ready(struct kapi_blkfront *disk, const struct kapi_disk_info *info);
/* Returns when no xenpv_blkfront_queue and no xenpv_blkfront_commit runs, and holds
 * further ones back until kapi_blkfront_unpause.  Works before kapi_blkfront_ready too.  Process context. */
void kapi_blkfront_pause(struct kapi_blkfront *disk);
void kapi_blkfront_unpause(struct kapi_blkfront *disk);
/* The capacity changed.  Process context. */
void kapi_blkfront_resized(struct kapi_blkfront *disk, uint64_t sectors);
/* The backend refuses flushes after all: stop sending them.  Interrupt context. */
void kapi_blkfront_no_flush(struct kapi_blkfront *disk);
/* Request done: 0 or -errno.  Interrupt or process context. */
void kapi_blkfront_complete(struct kapi_blkfront *disk, void *cookie, int error);
/* An accepted request that could not be sent again after a reconnect: the adapter
 * asks anew after a pause, with the same cookie.  Process context. */
void kapi_blkfront_requeue(struct kapi_blkfront *disk, void *cookie);
/* There is room again for the hardware context `queue`.  Interrupt or process context. */
void kapi_blkfront_wake(struct kapi_blkfront *disk, uint32_t queue);
/* No more I/O will succeed, and the engine has no request any more, which this would wait for:
 * fail what waits in the block layer, keep the disk until its holders
 * leave.  Process context. */
void kapi_blkfront_gone(struct kapi_blkfront *disk);

KAPI_END
#endif
