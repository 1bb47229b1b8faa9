// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this kernel has.  Never linked: probe.sh gives the file to the compiler once, and the
 * name that a #line puts before a function is defined in probed/kernel.h when the compiler found no
 * error in that function.  Not by version numbers: distributions carry changes back.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/hdreg.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <xen/xenbus.h>

#line 1 "XENPV_ALWAYS"
/* Were this missing, no answer would mean anything: see probe.sh. */
static int always(void)
{
	return XenbusStateConnected;
}

#line 1 "XENPV_NEVER_NAMED"
/* And were one of these there. */
static int never_named(void)
{
	return xenpv_no_kernel_has_this;
}

#line 1 "XENPV_NEVER_OF_TYPE"
static void of_other_type(struct xenbus_watch *watch);
static struct xenbus_driver never_of_type = { .remove = of_other_type };

#line 1 "XENPV_DISK_LIMITS"
/* A disk's limits are one value, what it has for a cache among them; before, a call for each. */
static struct gendisk *disk_limits(struct blk_mq_tag_set *set, struct request_queue *q)
{
	struct queue_limits lim = queue_limits_start_update(q);

	lim.features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA;
	return queue_limits_commit_update(q, &lim) ? NULL : blk_mq_alloc_disk(set, &lim, q);
}

#line 1 "XENPV_MERGE_FLAG"
/* Merging of requests is asked for; later it is a matter of course. */
static int merge_flag(void)
{
	return BLK_MQ_F_SHOULD_MERGE;
}

#line 1 "XENPV_FREEZE_FLAGS"
/* blk_mq_freeze_queue returns flags, which blk_mq_unfreeze_queue takes. */
static void freeze_flags(struct request_queue *q)
{
	blk_mq_unfreeze_queue(q, blk_mq_freeze_queue(q));
}

#line 1 "XENPV_DISK_GETGEO"
/* Geometry is asked of a disk; before, of a block device. */
static int of_disk(struct gendisk *disk, struct hd_geometry *geo);
static struct block_device_operations disk_getgeo = { .getgeo = of_disk };

#line 1 "XENPV_BDEV_FILE"
/* A block device that was opened is a file; before, it was itself. */
static void bdev_file(void)
{
	bdev_fput(bdev_file_open_by_dev(0, BLK_OPEN_READ, NULL, NULL));
}

#line 1 "XENPV_UBUF_OPS"
/* What is called for a zero-copy skb is in a table of its own. */
static struct ubuf_info_ops ubuf_ops;
static void ubuf(struct ubuf_info *info)
{
	info->ops = &ubuf_ops;
}

#line 1 "XENPV_UBUF_NONE"
/* An skb can be marked as one for which nothing is called. */
static bool ubuf_none(struct sk_buff *skb)
{
	return skb_zcopy_is_nouarg(skb);
}

#line 1 "XENPV_FROZEN_SLABS"
/* References are not counted of a page that is part of a slab, nor of a large kmalloc's; taking
 * one of them is an error. */
static bool frozen_slabs(struct folio *folio)
{
	return folio_test_large_kmalloc(folio);
}

#line 1 "XENPV_CONST_UEVENT"
/* Whoever is asked for an event's words gets a device that it must not change. */
static int of_const(const struct xenbus_device *dev, struct kobj_uevent_env *env);
static struct xenbus_driver const_uevent = { .uevent = of_const };

#line 1 "XENPV_STATE_OF_DEVICE"
/* Reading a state wants to know for which device. */
static int state_of(struct xenbus_device *dev)
{
	return xenbus_read_driver_state(dev, dev->otherend);
}

#line 1 "XENPV_WQ_PERCPU"
/* A workqueue has to say that its work stays on a CPU. */
static int percpu(void)
{
	return WQ_PERCPU;
}

#line 1 "XENPV_HRTIMER_SETUP"
/* A timer and what it calls are set up in one. */
static void hrtimer(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *))
{
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
}
