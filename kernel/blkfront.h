/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the disk frontend's adapter share. */
#ifndef XENPV_KERNEL_BLKFRONT_H
#define XENPV_KERNEL_BLKFRONT_H
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include <kapi/blkfront.h>

#include "xenbus.h"

#define XENPV_VBD_MAJOR 202 /* registered as "xvd" */

struct kapi_blkfront {
	struct xenbus_device *dev;
	struct xenpv_blkfront *front; /* the engine; NULL before and after */

	/* Requests fail here and do not reach the engine. */
	bool gone;
	/* Against remove: no disk is made any more. */
	struct mutex make_lock;
	bool removing;
	/* The disk is being taken from the system while the engine still serves it. */
	bool draining;

	/* Guards `paused` and `queue` against each other, not against I/O. */
	struct mutex pause_lock;
	bool paused;
	struct request_queue *queue; /* what pausing means: NULL while there is none */

	struct gendisk *disk; /* published with release, after all below */
	bool added; /* the system has it; written by the work below */
	bool settled; /* the work below is done */
	struct work_struct add_work;
	struct delayed_work retry_work; /* starts queues that found no memory */

	/* XENPV_CACHE..: what there is, and what the block layer knows of it. */
	uint32_t cache;
	uint32_t told_cache;
	struct work_struct cache_work;

	struct blk_mq_tag_set tags;
	uint32_t nr_queues;
	struct blk_mq_hw_ctx *hctx[KAPI_BLK_MAX_QUEUES];
};

/* Where a virtual device goes: blkfront_vdev.c. */
struct xenpv_vdev {
	int first_minor;
	int minors;
	char name[DISK_NAME_LEN];
};
bool xenpv_vdev_is_xvd(uint32_t device);
/* 0 or -ENODEV: no number that Linux knows as a disk. */
int xenpv_vdev_decode(uint32_t device, struct xenpv_vdev *out);

/* blkfront_disk.c */
void xenpv_disk_init(struct kapi_blkfront *bf, struct xenbus_device *dev);
/* Whether the system has the disk, or never will. */
bool xenpv_disk_settled(struct kapi_blkfront *bf);
/* Takes the disk from the system, once.  Waits for what is in flight: something must
 * be there to end it, the backend or before that kapi_blkfront_gone. */
void xenpv_disk_remove(struct kapi_blkfront *bf);
/* Frees bf, at once or when the last holder of the disk leaves. */
void xenpv_disk_put(struct kapi_blkfront *bf);

/* blkfront_limits.c */
#define XENPV_CACHE 1u /* that forgets: what must last is flushed */
#define XENPV_CACHE_FUA 2u /* past which single writes can go */
/* As blk_mq_alloc_disk; with the cache in bf->cache. */
struct gendisk *xenpv_disk_alloc(struct kapi_blkfront *bf, const struct kapi_disk_info *info);
/* bf->cache may have changed, of a disk that is there.  The block layer is told soon; until
 * then bf->told_cache differs.  Any context. */
void xenpv_disk_tell_cache(struct kapi_blkfront *bf);
void xenpv_disk_cache_work(struct work_struct *work);

/* blkfront_queue.c */
extern const struct blk_mq_ops xenpv_blk_mq_ops;
size_t xenpv_blk_pdu_size(void);
void xenpv_queue_retry(struct work_struct *work);

#endif
