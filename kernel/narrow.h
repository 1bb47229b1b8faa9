/* SPDX-License-Identifier: GPL-2.0-only */
/* Xen's domain ids are narrower than ours: what does not fit becomes one that Xen refuses,
 * not another that it takes. */
#ifndef XENPV_KERNEL_NARROW_H
#define XENPV_KERNEL_NARROW_H
#include <linux/minmax.h>

#include <kapi/types.h>

static inline uint16_t xenpv_narrow(uint32_t domid)
{
	return min_t(uint32_t, domid, U16_MAX);
}

#endif
