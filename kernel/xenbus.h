/* SPDX-License-Identifier: GPL-2.0-only */
/* struct kapi_xenbus is struct xenbus_device under another name: this is where the
 * names meet. */
#ifndef XENPV_KERNEL_XENBUS_H
#define XENPV_KERNEL_XENBUS_H
#include <xen/xenbus.h>

#include <kapi/xenbus.h>

static inline struct xenbus_device *xenbus_of(const struct kapi_xenbus *bus)
{
	return (struct xenbus_device *)bus;
}

static inline struct kapi_xenbus *kapi_of(struct xenbus_device *dev)
{
	return (struct kapi_xenbus *)dev;
}

#endif
