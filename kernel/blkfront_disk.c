// SPDX-License-Identifier: GPL-2.0-only
/* The frontend's gendisk: made when the engine is connected, kept until its holders
 * leave. */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/hdreg.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <probed/kernel.h>

#include "blkfront.h"

#ifdef XENPV_MERGE_FLAG
#define MERGE BLK_MQ_F_SHOULD_MERGE
#else
#define MERGE 0
#endif

#ifdef XENPV_DISK_GETGEO
typedef struct gendisk geo_device;
#define disk_of(device) (device)
#else
typedef struct block_device geo_device;
#define disk_of(device) ((device)->bd_disk)
#endif

static int getgeo(geo_device *device, struct hd_geometry *geo)
{
	sector_t cylinders = get_capacity(disk_of(device));

	/* What the PC BIOS would invent; partitioning tools insist on something. */
	geo->heads = 255;
	geo->sectors = 63;
	sector_div(cylinders, geo->heads * geo->sectors);
	geo->cylinders = cylinders > USHRT_MAX ? USHRT_MAX : cylinders;
	return 0;
}

/* The last holder left. */
static void free_disk(struct gendisk *disk)
{
	kfree(disk->private_data);
}

static const struct block_device_operations operations = {
	.owner = THIS_MODULE,
	.getgeo = getgeo,
	.free_disk = free_disk,
};

/*
 * Away from the engine's callback: making a disk reads its partition table, and a
 * backend that misbehaves meanwhile must find the engine free to end that I/O.
 */
static void add_disk_work(struct work_struct *work)
{
	struct kapi_blkfront *bf = container_of(work, struct kapi_blkfront, add_work);
	int rc = device_add_disk(&bf->dev->dev, bf->disk, NULL);

	if (rc)
		xenbus_dev_error(bf->dev, rc, "adding disk %s", bf->disk->disk_name);
	else
		bf->added = true;
	smp_store_release(&bf->settled, true);
}

void xenpv_disk_init(struct kapi_blkfront *bf, struct xenbus_device *dev)
{
	bf->dev = dev;
	mutex_init(&bf->make_lock);
	mutex_init(&bf->pause_lock);
	INIT_WORK(&bf->add_work, add_disk_work);
	INIT_DELAYED_WORK(&bf->retry_work, xenpv_queue_retry);
	INIT_WORK(&bf->cache_work, xenpv_disk_cache_work);
}

static int make_disk(struct kapi_blkfront *bf, const struct kapi_disk_info *info)
{
	struct xenpv_vdev vdev;
	struct gendisk *disk;
	int rc;

	rc = xenpv_vdev_decode(info->device, &vdev);
	if (rc)
		return rc;
	bf->nr_queues = clamp_t(uint32_t, info->queues, 1, KAPI_BLK_MAX_QUEUES);
	bf->tags.ops = &xenpv_blk_mq_ops;
	bf->tags.nr_hw_queues = bf->nr_queues;
	bf->tags.queue_depth = KAPI_BLK_QUEUE_DEPTH;
	bf->tags.numa_node = NUMA_NO_NODE;
	/* The backend's disk has a scheduler; a second one only costs. */
	bf->tags.flags = MERGE | BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	bf->tags.cmd_size = xenpv_blk_pdu_size();
	bf->tags.driver_data = bf;
	rc = blk_mq_alloc_tag_set(&bf->tags);
	if (rc)
		return rc;
	disk = xenpv_disk_alloc(bf, info);
	if (IS_ERR(disk)) {
		blk_mq_free_tag_set(&bf->tags);
		return PTR_ERR(disk);
	}
	/* In a small guest blk-mq may have taken fewer. */
	bf->nr_queues = bf->tags.nr_hw_queues;
	disk->major = XENPV_VBD_MAJOR;
	disk->first_minor = vdev.first_minor;
	disk->minors = vdev.minors;
	disk->fops = &operations;
	disk->private_data = bf;
	disk->flags |= (info->removable ? GENHD_FL_REMOVABLE : 0) |
		       (vdev.minors == 1 ? GENHD_FL_NO_PART : 0);
	strscpy(disk->disk_name, vdev.name, sizeof(disk->disk_name));
	set_capacity(disk, info->sectors);

	mutex_lock(&bf->pause_lock);
	bf->queue = disk->queue;
	if (bf->paused)
		blk_mq_quiesce_queue(bf->queue);
	mutex_unlock(&bf->pause_lock);
	smp_store_release(&bf->disk, disk);
	return 0;
}

int kapi_blkfront_ready(struct kapi_blkfront *bf, const struct kapi_disk_info *info)
{
	bool first = false;
	int rc = 0;

	mutex_lock(&bf->make_lock);
	WRITE_ONCE(bf->cache, (info->flush ? XENPV_CACHE : 0) | (info->fua ? XENPV_CACHE_FUA : 0));
	/* A disk that is being drained may reconnect, but none is made any more. */
	if (READ_ONCE(bf->gone) || (bf->removing && !bf->disk)) {
		rc = -ENODEV;
	} else if (!bf->disk) {
		rc = make_disk(bf, info);
		first = !rc;
	}
	if (!rc) {
		/* Block sizes stay as they were: filesystems rely on them. */
		xenpv_disk_tell_cache(bf);
		/* Of these the system is told, and it has no such disk any more. */
		if (!bf->removing) {
			set_disk_ro(bf->disk, info->readonly);
			set_capacity_and_notify(bf->disk, info->sectors);
		}
		if (first)
			queue_work(system_long_wq, &bf->add_work);
	}
	mutex_unlock(&bf->make_lock);
	return rc;
}

void kapi_blkfront_pause(struct kapi_blkfront *bf)
{
	mutex_lock(&bf->pause_lock);
	if (!bf->paused && bf->queue)
		blk_mq_quiesce_queue(bf->queue);
	bf->paused = true;
	mutex_unlock(&bf->pause_lock);
}

void kapi_blkfront_unpause(struct kapi_blkfront *bf)
{
	mutex_lock(&bf->pause_lock);
	if (bf->paused && bf->queue)
		blk_mq_unquiesce_queue(bf->queue);
	bf->paused = false;
	mutex_unlock(&bf->pause_lock);
}

void kapi_blkfront_resized(struct kapi_blkfront *bf, uint64_t sectors)
{
	struct gendisk *disk = smp_load_acquire(&bf->disk);

	if (disk && !READ_ONCE(bf->gone) && !READ_ONCE(bf->draining))
		set_capacity_and_notify(disk, sectors);
}

void kapi_blkfront_no_flush(struct kapi_blkfront *bf)
{
	struct gendisk *disk = smp_load_acquire(&bf->disk);

	WRITE_ONCE(bf->cache, 0);
	if (disk)
		xenpv_disk_tell_cache(bf);
}

void kapi_blkfront_gone(struct kapi_blkfront *bf)
{
	struct gendisk *disk = smp_load_acquire(&bf->disk);

	WRITE_ONCE(bf->gone, true);
	if (!disk)
		return;
	/* What waits in stopped queues runs, and fails: marking the disk dead may write what is
	 * dirty, and wait for that. */
	blk_mq_start_stopped_hw_queues(disk->queue, true);
	blk_mark_disk_dead(disk);
	set_capacity_and_notify(disk, 0);
}

bool xenpv_disk_settled(struct kapi_blkfront *bf)
{
	return smp_load_acquire(&bf->settled) || READ_ONCE(bf->gone);
}

void xenpv_disk_remove(struct kapi_blkfront *bf)
{
	/* Never made, or removed already. */
	if (!bf->queue)
		return;
	flush_work(&bf->add_work);
	if (bf->added)
		del_gendisk(bf->disk);
	cancel_delayed_work_sync(&bf->retry_work);
	mutex_lock(&bf->pause_lock);
	bf->queue = NULL;
	mutex_unlock(&bf->pause_lock);
}

void xenpv_disk_put(struct kapi_blkfront *bf)
{
	bool added = bf->added;
	struct gendisk *disk = bf->disk;

	/* The engine, which alone had it queued, is gone. */
	cancel_work_sync(&bf->cache_work);
	if (!disk) {
		kfree(bf);
		return;
	}
	if (added) {
		/* del_gendisk has ended the queues; bf goes with the last holder. */
		blk_mq_free_tag_set(&bf->tags);
		put_disk(disk);
	} else {
		/* Never seen by the system: nobody else holds it, and the block layer
		 * calls free_disk only for what was. */
		put_disk(disk);
		blk_mq_free_tag_set(&bf->tags);
		kfree(bf);
	}
}
