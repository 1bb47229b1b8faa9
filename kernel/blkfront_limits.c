// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the block layer is told of a disk: its limits, once, and whether there is a cache to
 * flush, which may change with the backend.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/mutex.h>

#include <probed/kernel.h>

#include "blkfront.h"

/* A segment is sectors of one page of a grant. */
#define MAX_SECTORS (KAPI_BLK_MAX_SEGMENTS * KAPI_PAGE_SIZE / SECTOR_SIZE)

#ifdef XENPV_DISK_LIMITS

static blk_features_t features_of(uint32_t cache)
{
	return (cache & XENPV_CACHE ? BLK_FEAT_WRITE_CACHE : 0) |
	       (cache & XENPV_CACHE_FUA ? BLK_FEAT_FUA : 0);
}

struct gendisk *xenpv_disk_alloc(struct kapi_blkfront *bf, const struct kapi_disk_info *info)
{
	struct queue_limits lim = {
		.features = features_of(bf->cache),
		.max_segments = KAPI_BLK_MAX_SEGMENTS,
		.max_segment_size = KAPI_PAGE_SIZE,
		.seg_boundary_mask = KAPI_PAGE_SIZE - 1,
		/* The wire counts in sectors of 512 bytes, a disk with larger ones refuses
		 * pieces of them. */
		.dma_alignment = info->sector_size - 1,
		.max_hw_sectors = MAX_SECTORS,
		.logical_block_size = info->sector_size,
		.physical_block_size = info->physical_sector_size,
	};

	bf->told_cache = bf->cache;
	return blk_mq_alloc_disk(&bf->tags, &lim, bf);
}

/* Requests may be under way: only the word of features differs, and who reads it meanwhile
 * sees what was or what is. */
static int set_cache(struct request_queue *q, uint32_t cache)
{
	struct queue_limits lim = queue_limits_start_update(q);

	lim.features &= ~features_of(XENPV_CACHE | XENPV_CACHE_FUA);
	lim.features |= features_of(cache);
	return queue_limits_commit_update(q, &lim);
}

#else

static int set_cache(struct request_queue *q, uint32_t cache)
{
	blk_queue_write_cache(q, cache & XENPV_CACHE, cache & XENPV_CACHE_FUA);
	return 0;
}

struct gendisk *xenpv_disk_alloc(struct kapi_blkfront *bf, const struct kapi_disk_info *info)
{
	struct gendisk *disk = blk_mq_alloc_disk(&bf->tags, bf);
	struct request_queue *q;

	if (IS_ERR(disk))
		return disk;
	q = disk->queue;
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_max_segments(q, KAPI_BLK_MAX_SEGMENTS);
	blk_queue_max_segment_size(q, KAPI_PAGE_SIZE);
	blk_queue_segment_boundary(q, KAPI_PAGE_SIZE - 1);
	blk_queue_dma_alignment(q, info->sector_size - 1);
	blk_queue_max_hw_sectors(q, MAX_SECTORS);
	blk_queue_logical_block_size(q, info->sector_size);
	blk_queue_physical_block_size(q, info->physical_sector_size);
	set_cache(q, bf->cache);
	bf->told_cache = bf->cache;
	return disk;
}

#endif

/* Returns when everything that the block layer had taken before has ended; while the disk is
 * paused it waits. */
static void drain(struct request_queue *q)
{
#ifdef XENPV_FREEZE_FLAGS
	blk_mq_unfreeze_queue(q, blk_mq_freeze_queue(q));
#else
	blk_mq_freeze_queue(q);
	blk_mq_unfreeze_queue(q);
#endif
}

void xenpv_disk_cache_work(struct work_struct *work)
{
	struct kapi_blkfront *bf = container_of(work, struct kapi_blkfront, cache_work);
	struct request_queue *q = bf->disk->queue;
	uint32_t cache = READ_ONCE(bf->cache);

	if (set_cache(q, cache))
		return;
	/*
	 * What was asked for when there was no cache is to be durable when it is done, and no
	 * longer says so.  Wherever it waits, it is written durably (blkfront_queue.c) until
	 * none of it is left.
	 */
	if (cache & ~bf->told_cache)
		drain(q);
	WRITE_ONCE(bf->told_cache, cache);
}

void xenpv_disk_tell_cache(struct kapi_blkfront *bf)
{
	if (READ_ONCE(bf->cache) != READ_ONCE(bf->told_cache))
		queue_work(system_long_wq, &bf->cache_work);
}
