// SPDX-License-Identifier: GPL-2.0-only
/* xenpv_blkback.ko: this domain's block devices, served to guests. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>
#include <xen/xen.h>

#include <kapi/blkback.h>
#include <kapi/evtchn.h>

#include "bdev.h"
#include "unregister.h"
#include "xenbus.h"

/* Named as in the in-tree xen-blkback; what is written counts for disks to come. */
static unsigned int max_queues;
module_param(max_queues, uint, 0644);
MODULE_PARM_DESC(max_queues,
		 "queues offered to a disk's frontend, at most 8 (0: one for each CPU)");

uint32_t kapi_blkback_max_queues(void)
{
	unsigned int wanted = READ_ONCE(max_queues);

	return wanted ? wanted : kapi_cpu_count();
}

struct adapter {
	struct xenbus_device *dev;
	struct xenpv_blkback *back; /* the engine */
	struct xenbus_watch hotplug_watch;
	struct xenpv_unregister unregister;
	struct work_struct burial; /* of the engine, when the device is gone before it */
};

/* The thread that runs the callbacks of watches, once it has run one of ours. */
static struct task_struct *xenwatch;
static struct workqueue_struct *burials;

/* --- sysfs: what xl and xentop read -------------------------------------- */

static ssize_t show_stat(struct device *dev, char *buf, size_t offset)
{
	struct adapter *adapter = dev_get_drvdata(dev);
	struct kapi_blkback_stats stats = {};

	xenpv_blkback_stats(adapter->back, &stats);
	return sysfs_emit(buf, "%llu\n", *(uint64_t *)((char *)&stats + offset));
}

#define STAT(name, field)                                                                        \
	static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
	{                                                                                        \
		return show_stat(dev, buf, offsetof(struct kapi_blkback_stats, field));          \
	}                                                                                        \
	static DEVICE_ATTR_RO(name)

STAT(rd_req, read_requests);
STAT(wr_req, write_requests);
STAT(f_req, flush_requests);
STAT(rd_sect, read_sectors);
STAT(wr_sect, write_sectors);

/* Requests that waited for memory, and discards: we have neither, readers insist. */
static ssize_t oo_req_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0\n");
}
static DEVICE_ATTR_RO(oo_req);

static ssize_t ds_req_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0\n");
}
static DEVICE_ATTR_RO(ds_req);

static ssize_t show_key(struct device *dev, const char *key, char *buf)
{
	char value[32];
	int rc = kapi_xenbus_read(kapi_of(to_xenbus_device(dev)), KAPI_OWN, key, value,
				  sizeof(value));

	return rc < 0 ? rc : sysfs_emit(buf, "%s\n", value);
}

static ssize_t physical_device_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_key(dev, "physical-device", buf);
}
static DEVICE_ATTR_RO(physical_device);

static ssize_t mode_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_key(dev, "mode", buf);
}
static DEVICE_ATTR_RO(mode);

static struct attribute *device_attrs[] = {
	&dev_attr_physical_device.attr,
	&dev_attr_mode.attr,
	NULL,
};

static struct attribute *statistics_attrs[] = {
	&dev_attr_oo_req.attr, &dev_attr_rd_req.attr,  &dev_attr_wr_req.attr,  &dev_attr_f_req.attr,
	&dev_attr_ds_req.attr, &dev_attr_rd_sect.attr, &dev_attr_wr_sect.attr, NULL,
};

static const struct attribute_group device_group = {
	.attrs = device_attrs,
};

static const struct attribute_group statistics_group = {
	.name = "statistics",
	.attrs = statistics_attrs,
};

/* The driver core makes these after probe and removes them before remove. */
static const struct attribute_group *groups[] = {
	&device_group,
	&statistics_group,
	NULL,
};

/* --- the device ----------------------------------------------------------- */

void kapi_blkback_unregister(struct kapi_xenbus *bus)
{
	struct adapter *adapter = dev_get_drvdata(&xenbus_of(bus)->dev);

	xenpv_unregister_want(&adapter->unregister);
}

static void frontend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	struct adapter *adapter = dev_get_drvdata(&dev->dev);

	xenpv_blkback_frontend_changed(adapter->back);
}

static void hotplug(struct xenbus_watch *watch, const char *path, const char *token)
{
	struct adapter *adapter = container_of(watch, struct adapter, hotplug_watch);

	WRITE_ONCE(xenwatch, current);
	xenpv_blkback_hotplug(adapter->back);
}

/* At most one event waits: whoever can write the key could fill our memory with
 * them otherwise (XSA-349).  What is written while one is handled is a new event. */
static bool will_handle(struct xenbus_watch *watch, const char *path, const char *token)
{
	return watch->nr_pending == 0;
}

static void bury(struct adapter *adapter)
{
	xenpv_blkback_destroy(adapter->back);
	kfree(adapter);
}

static void bury_later(struct work_struct *work)
{
	struct adapter *adapter = container_of(work, struct adapter, burial);
	struct xenbus_device *dev = adapter->dev;

	bury(adapter);
	put_device(&dev->dev);
	/* The module's exit, which may come now, waits for the end of this. */
	module_put(THIS_MODULE);
}

static void remove(struct xenbus_device *dev)
{
	struct adapter *adapter = dev_get_drvdata(&dev->dev);

	xenpv_unregister_drop_watches(&adapter->unregister);
	xenpv_blkback_leave(adapter->back);
	xenpv_unregister_forget(&adapter->unregister);
	dev_set_drvdata(&dev->dev, NULL);
	if (current != READ_ONCE(xenwatch)) {
		/* The driver is unbound, the device stays: the next driver must find a
		 * ring on which all is answered. */
		bury(adapter);
		return;
	}
	/*
	 * The device's directory went away, because the toolstack lost patience with a disk
	 * that stalls.  No driver comes to this device again, and this thread serves the
	 * devices of all guests: the disk is waited for elsewhere.
	 */
	get_device(&dev->dev);
	__module_get(THIS_MODULE);
	INIT_WORK(&adapter->burial, bury_later);
	queue_work(burials, &adapter->burial);
}

static int probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct adapter *adapter = kzalloc(sizeof(*adapter), GFP_KERNEL);
	int rc;

	if (!adapter)
		return -ENOMEM;
	adapter->dev = dev;
	xenpv_unregister_prepare(&adapter->unregister, dev, &adapter->hotplug_watch, 1);
	rc = xenpv_blkback_create(kapi_of(dev), &adapter->back);
	if (rc) {
		kfree(adapter);
		return rc;
	}
	dev_set_drvdata(&dev->dev, adapter);
	/* Fires once at once: the hotplug script may have been before us. */
	rc = xenbus_watch_pathfmt(dev, &adapter->hotplug_watch, will_handle, hotplug, "%s/%s",
				  dev->nodename, "physical-device");
	if (rc)
		remove(dev);
	return rc;
}

static const struct xenbus_device_id ids[] = {
	{ "vbd" },
	{ "" },
};

static struct xenbus_driver driver = {
	.name = "xenpv_blkback",
	.ids = ids,
	/* The device outlives the driver: a new one takes over the frontend. */
	.allow_rebind = true,
	.probe = probe,
	.remove = remove,
	.otherend_changed = frontend_changed,
	.driver.dev_groups = groups,
};

static int __init xenpv_blkback_init(void)
{
	int rc;

	if (!xen_domain())
		return -ENODEV;
	rc = xenpv_bdev_init();
	if (rc)
		return rc;
	/* Not one at a time: each may wait for another disk. */
	burials = alloc_workqueue("xenpv_blkback", WQ_UNBOUND, WQ_MAX_ACTIVE);
	rc = burials ? xenbus_register_backend(&driver) : -ENOMEM;
	if (rc) {
		if (burials)
			destroy_workqueue(burials);
		xenpv_bdev_exit();
	}
	return rc;
}

static void __exit xenpv_blkback_exit(void)
{
	xenbus_unregister_driver(&driver);
	destroy_workqueue(burials);
	xenpv_bdev_exit();
}

module_init(xenpv_blkback_init);
module_exit(xenpv_blkback_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(XENPV_VERSION);
MODULE_DESCRIPTION("xenpv: paravirtual disk backend");
MODULE_ALIAS("xen-backend:vbd");
