// SPDX-License-Identifier: GPL-2.0-only
/* kapi/bdev.h: a block device of this domain, and bios to it. */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <kapi/bdev.h>
#include <probed/kernel.h>

#include "bdev.h"

static_assert(sizeof(struct blk_plug) <= sizeof(struct kapi_plug));
static_assert(__alignof__(struct blk_plug) <= __alignof__(struct kapi_plug));

struct kapi_bdev {
	struct list_head opened;
	void *owner;
	struct block_device *bdev;
#ifdef XENPV_BDEV_FILE
	struct file *file;
#else
	fmode_t mode;
#endif
};

/* What an I/O needs to report back, in front of its bio. */
struct io {
	void (*done)(void *ctx, int error);
	void *ctx;
	struct bio bio;
};

/* Of our own: a bio from it can always be had once an earlier one ends, whatever
 * the rest of the system holds. */
static struct bio_set bios;

/* All disks that are open. */
static LIST_HEAD(opened);
static DEFINE_MUTEX(opened_lock);
/* The holder of our claims is this driver: the block layer lets one have several. */
static char holder;

int xenpv_bdev_init(void)
{
	return bioset_init(&bios, BIO_POOL_SIZE, offsetof(struct io, bio), BIOSET_NEED_BVECS);
}

void xenpv_bdev_exit(void)
{
	bioset_exit(&bios);
}

#ifdef XENPV_BDEV_FILE

static int open(dev_t number, uint32_t flags, struct kapi_bdev *dev)
{
	dev->file = bdev_file_open_by_dev(
		number, BLK_OPEN_READ | (flags & KAPI_BDEV_WRITABLE ? BLK_OPEN_WRITE : 0),
		flags & KAPI_BDEV_CLAIM ? &holder : NULL, NULL);
	if (IS_ERR(dev->file))
		return PTR_ERR(dev->file);
	dev->bdev = file_bdev(dev->file);
	return 0;
}

static void close(struct kapi_bdev *dev)
{
	/* At once, which fput would not: whoever has the device closed may want it next. */
	bdev_fput(dev->file);
}

#else

static int open(dev_t number, uint32_t flags, struct kapi_bdev *dev)
{
	dev->mode = FMODE_READ | (flags & KAPI_BDEV_CLAIM ? FMODE_EXCL : 0) |
		    (flags & KAPI_BDEV_WRITABLE ? FMODE_WRITE : 0);
	dev->bdev = blkdev_get_by_dev(number, dev->mode, &holder);
	return PTR_ERR_OR_ZERO(dev->bdev);
}

static void close(struct kapi_bdev *dev)
{
	blkdev_put(dev->bdev, dev->mode);
}

#endif

int kapi_bdev_open(uint32_t major, uint32_t minor, uint32_t flags, void *owner,
		   struct kapi_bdev **out)
{
	struct kapi_bdev *dev;
	int rc;

	if (MAJOR(MKDEV(major, minor)) != major || MINOR(MKDEV(major, minor)) != minor)
		return -ENODEV;
	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	dev->owner = owner;
	rc = open(MKDEV(major, minor), flags, dev);
	if (rc) {
		kfree(dev);
		return rc;
	}
	mutex_lock(&opened_lock);
	list_add(&dev->opened, &opened);
	mutex_unlock(&opened_lock);
	*out = dev;
	return 0;
}

void kapi_bdev_close(struct kapi_bdev *dev)
{
	mutex_lock(&opened_lock);
	list_del(&dev->opened);
	mutex_unlock(&opened_lock);
	close(dev);
	kfree(dev);
}

bool kapi_bdev_any_other(struct kapi_bdev *dev, bool (*ask)(void *owner))
{
	struct kapi_bdev *other;
	bool any = false;

	mutex_lock(&opened_lock);
	list_for_each_entry(other, &opened, opened)
		if (other != dev && other->bdev == dev->bdev)
			any |= ask(other->owner);
	mutex_unlock(&opened_lock);
	return any;
}

void kapi_bdev_read_info(struct kapi_bdev *dev, struct kapi_bdev_info *info)
{
	struct block_device *bdev = dev->bdev;

	*info = (struct kapi_bdev_info){
		.sectors = bdev_nr_sectors(bdev),
		.sector_size = bdev_logical_block_size(bdev),
		.physical_sector_size = bdev_physical_block_size(bdev),
		.readonly = bdev_read_only(bdev),
		.write_cache = bdev_write_cache(bdev),
		.removable = !!(bdev->bd_disk->flags & GENHD_FL_REMOVABLE),
	};
}

void kapi_bdev_sync(struct kapi_bdev *dev)
{
	sync_blockdev(dev->bdev);
	invalidate_bdev(dev->bdev);
}

static void end_io(struct bio *bio)
{
	struct io *io = container_of(bio, struct io, bio);
	void (*done)(void *ctx, int error) = io->done;
	void *ctx = io->ctx;
	int error = blk_status_to_errno(bio->bi_status);

	/* Put first: whoever waits for the last done may free what we came from. */
	bio_put(bio);
	done(ctx, error);
}

static blk_opf_t flags_of(uint32_t op)
{
	switch (op) {
	case KAPI_BDEV_READ:
		return REQ_OP_READ;
	case KAPI_BDEV_WRITE:
		/* A guest waits for it, as for direct I/O. */
		return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;
	case KAPI_BDEV_WRITE_BARRIER:
		return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | REQ_PREFLUSH | REQ_FUA;
	default:
		return REQ_OP_WRITE | REQ_PREFLUSH;
	}
}

/* One bio: what does not suit the device's limits the block layer splits itself. */
void kapi_bdev_submit(struct kapi_bdev *dev, const struct kapi_bdev_io *what)
{
	struct bio *bio;
	struct io *io;
	uint32_t i;

	if (what->nr_segments > BIO_MAX_VECS) {
		what->done(what->ctx, -EINVAL);
		return;
	}
	bio = bio_alloc_bioset(dev->bdev, what->nr_segments, flags_of(what->op), GFP_NOIO, &bios);
	if (!bio) {
		what->done(what->ctx, -ENOMEM);
		return;
	}
	io = container_of(bio, struct io, bio);
	io->done = what->done;
	io->ctx = what->ctx;
	bio->bi_end_io = end_io;
	bio->bi_iter.bi_sector = what->sector;
	for (i = 0; i < what->nr_segments; ++i) {
		const struct kapi_bdev_segment *s = &what->segments[i];

		if (bio_add_page(bio, s->page, s->length, s->offset) != s->length) {
			/* There is a slot for each: only nonsense does not fit. */
			bio_io_error(bio);
			return;
		}
	}
	submit_bio(bio);
}

void kapi_bdev_plug(struct kapi_plug *plug)
{
	blk_start_plug((struct blk_plug *)plug->opaque);
}

void kapi_bdev_unplug(struct kapi_plug *plug)
{
	blk_finish_plug((struct blk_plug *)plug->opaque);
}
