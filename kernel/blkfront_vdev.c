// SPDX-License-Identifier: GPL-2.0-only
/*
 * "virtual-device" (Xen's vbd-interface.7): an encoded device number, to our minors
 * and a name.  Disks that a toolstack numbers as IDE or SCSI disks appear as xvd
 * disks too, in the order of their old names.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/major.h>
#include <linux/string.h>
#include <linux/types.h>
/* Needs the types from above. */
#include <linux/kdev_t.h>

#include "blkfront.h"

#define EXTENDED (1u << 28) /* bits 8 to 27 are the disk, 0 to 7 the partition */
#define EXTENDED_PARTS 256
#define XVD_PARTS 16
#define IDE_PARTS 64
#define SCSI_DISKS_PER_MAJOR 16

bool xenpv_vdev_is_xvd(uint32_t device)
{
	return (device & EXTENDED) || device >> 8 == XENPV_VBD_MAJOR;
}

/* a to z, aa to zz, ...: returns where the name ends. */
static char *put_letters(char *at, unsigned int disk)
{
	if (disk >= 26)
		at = put_letters(at, disk / 26 - 1);
	*at = 'a' + disk % 26;
	return at + 1;
}

static void fill(struct xenpv_vdev *out, unsigned int disk, unsigned int part, unsigned int parts)
{
	char *end;

	out->first_minor = disk * parts + part;
	/* A partition can be given to a guest as if it were alone. */
	out->minors = part ? 1 : parts;
	strcpy(out->name, "xvd");
	end = put_letters(out->name + 3, disk);
	if (part)
		snprintf(end, out->name + sizeof(out->name) - end, "%u", part);
	else
		*end = '\0';
}

int xenpv_vdev_decode(uint32_t device, struct xenpv_vdev *out)
{
	unsigned int major = device >> 8;
	unsigned int minor = device & 0xff;
	unsigned int base = 0;

	if (device & EXTENDED) {
		/* All partitions of the disk must be minors of ours. */
		if ((device & ~EXTENDED) >> MINORBITS)
			return -ENODEV;
		fill(out, (device & ~EXTENDED) / EXTENDED_PARTS, minor, EXTENDED_PARTS);
		return 0;
	}
	switch (major) {
	case XENPV_VBD_MAJOR:
		break;
	case IDE1_MAJOR:
		base = 2;
		fallthrough;
	case IDE0_MAJOR:
		/* Two disks per channel.  What has no minor among our sixteen is lost. */
		if (minor >= 2 * IDE_PARTS || minor % IDE_PARTS >= XVD_PARTS)
			return -ENODEV;
		fill(out, base + minor / IDE_PARTS, minor % IDE_PARTS, XVD_PARTS);
		return 0;
	case SCSI_DISK0_MAJOR:
		break;
	case SCSI_DISK1_MAJOR ... SCSI_DISK7_MAJOR:
		base = (major - SCSI_DISK1_MAJOR + 1) * SCSI_DISKS_PER_MAJOR;
		break;
	case SCSI_DISK8_MAJOR ... SCSI_DISK15_MAJOR:
		base = (major - SCSI_DISK8_MAJOR + 8) * SCSI_DISKS_PER_MAJOR;
		break;
	default:
		return -ENODEV;
	}
	fill(out, base + minor / XVD_PARTS, minor % XVD_PARTS, XVD_PARTS);
	return 0;
}
