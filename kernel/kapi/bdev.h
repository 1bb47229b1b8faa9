/* SPDX-License-Identifier: GPL-2.0-only */
/* A block device of this domain, opened for a guest. */
#ifndef XENPV_KAPI_BDEV_H
#define XENPV_KAPI_BDEV_H
#include <kapi/types.h>

KAPI_BEGIN

struct kapi_bdev;

struct kapi_bdev_info {
	uint64_t sectors; /* 512-byte units */
	uint32_t sector_size; /* bytes, logical */
	uint32_t physical_sector_size; /* bytes */
	uint32_t readonly;
	uint32_t write_cache; /* a flush does something */
	uint32_t removable;
	uint32_t pad;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_bdev_info) == 32);

enum kapi_bdev_flag {
	KAPI_BDEV_WRITABLE = 1,
	/* All our disks have one claim on a device together: -EBUSY when somebody else, a mount
	 * or LVM, has claimed it, and nobody else can while it is open so. */
	KAPI_BDEV_CLAIM = 2,
};
/* `flags`: of enum kapi_bdev_flag.  `owner`: for kapi_bdev_any_other.  Process context, as
 * these all. */
int kapi_bdev_open(uint32_t major, uint32_t minor, uint32_t flags, void *owner,
		   struct kapi_bdev **out);
void kapi_bdev_close(struct kapi_bdev *dev);
/* Asks the owner of each other disk of ours that is open on the same device, none of which
 * opens or closes meanwhile; true when one at least says so. */
bool kapi_bdev_any_other(struct kapi_bdev *dev, bool (*ask)(void *owner));
/* As it is now; the capacity of a volume can change while it is open. */
void kapi_bdev_read_info(struct kapi_bdev *dev, struct kapi_bdev_info *info);
/* Writes back and drops what this domain's page cache holds of the device. */
void kapi_bdev_sync(struct kapi_bdev *dev);

enum kapi_bdev_op {
	KAPI_BDEV_READ = 0,
	KAPI_BDEV_WRITE = 1,
	KAPI_BDEV_FLUSH = 2, /* no segments */
	KAPI_BDEV_WRITE_BARRIER = 3, /* flush, write, flush */
};

struct kapi_bdev_segment {
	void *page;
	uint32_t offset; /* bytes */
	uint32_t length; /* bytes */
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_bdev_segment) == 16);

struct kapi_bdev_io {
	uint64_t sector; /* 512-byte units */
	uint32_t op; /* enum kapi_bdev_op */
	uint32_t nr_segments;
	const struct kapi_bdev_segment *segments; /* not used after submit returns */
	/* Exactly once, 0 or -errno; perhaps before submit returns, perhaps in
	 * interrupt context. */
	void (*done)(void *ctx, int error);
	void *ctx;
};
/* Process context. */
void kapi_bdev_submit(struct kapi_bdev *dev, const struct kapi_bdev_io *io);

/* Between the two, submissions may be held back to be merged.  The storage is the
 * caller's. */
struct kapi_plug {
	uint64_t opaque[16];
};
void kapi_bdev_plug(struct kapi_plug *plug);
void kapi_bdev_unplug(struct kapi_plug *plug);

KAPI_END
#endif
