/* SPDX-License-Identifier: GPL-2.0-only */
/* How a backend's driver takes a device off the bus that is of no more use. */
#ifndef XENPV_KERNEL_UNREGISTER_H
#define XENPV_KERNEL_UNREGISTER_H
#include <linux/list.h>
#include <xen/xenbus.h>

/* Part of what a driver keeps for a device it is bound to. */
struct xenpv_unregister {
	struct list_head list;
	struct xenbus_device *dev;
	struct xenbus_watch *watches; /* the driver's own on the device; no node: not there */
	unsigned int nr_watches;
};

void xenpv_unregister_prepare(struct xenpv_unregister *wish, struct xenbus_device *dev,
			      struct xenbus_watch *watches, unsigned int nr_watches);
/* The device is to go.  Any context; it happens some time later, once, and not when the
 * driver leaves the device before that. */
void xenpv_unregister_want(struct xenpv_unregister *wish);
/* The driver leaves the device: the last call.  Under the device's lock, as its remove. */
void xenpv_unregister_forget(struct xenpv_unregister *wish);

/* Ends the driver's own watches, those that are there.  Under the device's lock; waits
 * for a running callback, but in the callback itself. */
void xenpv_unregister_drop_watches(struct xenpv_unregister *wish);

/* One of them, or one that is not there.  Under the device's lock. */
void xenpv_watch_drop(struct xenbus_watch *watch);

/*
 * All of it is in xenpv_kapi.ko, for the backends' modules: one whose driver is unregistered
 * may go, since the driver core waits for what is being removed.  This is xenpv_kapi's own
 * end: nothing of it runs any more.
 */
void xenpv_unregister_exit(void);

#endif
