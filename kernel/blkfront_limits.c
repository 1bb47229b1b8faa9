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
		.dma_alignment = SECTOR_SIZE - 1,
		.max_hw_sectors = MAX_SECTORS,
		.logical_block_size = info->sector_size,
		.physical_block_size = info->physical_sector_size,
	};

	bf->told_cache = bf->cache;
	return blk_mq_alloc_disk(&bf->tags, &lim, bf);
}

/* With the lock, which it gives back.  Requests may be under way: only the word of features
 * differs, and who reads it meanwhile sees what was or what is. */
static void commit(struct kapi_blkfront *bf, struct request_queue *q)
{
	struct queue_limits lim = q->limits;
	uint32_t cache = READ_ONCE(bf->cache);

	lim.features &= ~features_of(XENPV_CACHE | XENPV_CACHE_FUA);
	lim.features |= features_of(cache);
	if (!queue_limits_commit_update(q, &lim))
		WRITE_ONCE(bf->told_cache, cache);
}

void xenpv_disk_cache_work(struct work_struct *work)
{
	struct kapi_blkfront *bf = container_of(work, struct kapi_blkfront, cache_work);
	struct request_queue *q = bf->disk->queue;

	mutex_lock(&q->limits_lock);
	commit(bf, q);
}

void xenpv_disk_tell_cache(struct kapi_blkfront *bf, bool may_sleep)
{
	struct request_queue *q = bf->disk->queue;

	if (READ_ONCE(bf->cache) == READ_ONCE(bf->told_cache))
		return;
	/* Who has the lock may wait for requests that end only when our caller went on. */
	if (may_sleep && mutex_trylock(&q->limits_lock))
		commit(bf, q);
	else
		queue_work(system_long_wq, &bf->cache_work);
}

#else

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
	blk_queue_dma_alignment(q, SECTOR_SIZE - 1);
	blk_queue_max_hw_sectors(q, MAX_SECTORS);
	blk_queue_logical_block_size(q, info->sector_size);
	blk_queue_physical_block_size(q, info->physical_sector_size);
	return disk;
}

void xenpv_disk_cache_work(struct work_struct *work)
{
}

void xenpv_disk_tell_cache(struct kapi_blkfront *bf, bool may_sleep)
{
	uint32_t cache = READ_ONCE(bf->cache);

	blk_queue_write_cache(bf->disk->queue, cache & XENPV_CACHE, cache & XENPV_CACHE_FUA);
	WRITE_ONCE(bf->told_cache, cache);
}

#endif
