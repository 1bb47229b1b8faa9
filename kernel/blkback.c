// SPDX-License-Identifier: GPL-2.0-only
/* xenpv_blkback.ko: this domain's block devices, served to guests. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <xen/xen.h>

#include <kapi/blkback.h>

#include "bdev.h"
#include "xenbus.h"

struct adapter {
	struct xenbus_device *dev;
	struct xenpv_blkback *back; /* the engine */
	struct mutex lock; /* serialises calls into it */
	struct xenbus_watch hotplug_watch;
	bool unregister; /* the engine is done with the device */
};

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

	adapter->unregister = true;
}

/*
 * Runs one call into the engine from a watch, and then ends the device if the engine
 * wants that.  Here and not in a work item: this is the thread of the watches, which
 * also removes devices whose directory went away, as toolstacks do right after the
 * frontend closed; two threads would remove the device twice.
 */
static void call(struct adapter *adapter, void (*fn)(struct xenpv_blkback *back, int arg), int arg)
{
	struct device *dev = &adapter->dev->dev;
	bool unregister;

	mutex_lock(&adapter->lock);
	fn(adapter->back, arg);
	unregister = adapter->unregister;
	mutex_unlock(&adapter->lock);
	/* Locked by another: the driver is being put on the device, and the next event
	 * ends it; or taken off, which waits for us. */
	if (!unregister || !device_trylock(dev))
		return;
	device_unlock(dev);
	device_unregister(dev);
	/* The adapter is no more. */
}

static void frontend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	call(dev_get_drvdata(&dev->dev), xenpv_blkback_frontend_changed, state);
}

static void call_hotplug(struct xenpv_blkback *back, int unused)
{
	xenpv_blkback_hotplug(back);
}

static void hotplug(struct xenbus_watch *watch, const char *path, const char *token)
{
	call(container_of(watch, struct adapter, hotplug_watch), call_hotplug, 0);
}

/* At most one event waits: whoever can write the key could fill our memory with
 * them otherwise (XSA-349).  What is written while one is handled is a new event. */
static bool will_handle(struct xenbus_watch *watch, const char *path, const char *token)
{
	return watch->nr_pending == 0;
}

static void remove(struct xenbus_device *dev)
{
	struct adapter *adapter = dev_get_drvdata(&dev->dev);

	/* Waits for a running callback, but in the callback itself. */
	if (adapter->hotplug_watch.node) {
		unregister_xenbus_watch(&adapter->hotplug_watch);
		kfree(adapter->hotplug_watch.node);
	}
	xenpv_blkback_destroy(adapter->back);
	dev_set_drvdata(&dev->dev, NULL);
	kfree(adapter);
}

static int probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct adapter *adapter = kzalloc(sizeof(*adapter), GFP_KERNEL);
	int rc;

	if (!adapter)
		return -ENOMEM;
	adapter->dev = dev;
	mutex_init(&adapter->lock);
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
	rc = xenbus_register_backend(&driver);
	if (rc)
		xenpv_bdev_exit();
	return rc;
}

static void no_event(struct xenbus_watch *watch, const char *path, const char *token)
{
}

static void __exit xenpv_blkback_exit(void)
{
	static struct xenbus_watch fence = { .node = "domid", .callback = no_event };

	xenbus_unregister_driver(&driver);
	/* A callback that unregistered its device may still be on its way out of our
	 * code; ending any watch waits for whatever callback runs. */
	if (!register_xenbus_watch(&fence))
		unregister_xenbus_watch(&fence);
	xenpv_bdev_exit();
}

module_init(xenpv_blkback_init);
module_exit(xenpv_blkback_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("xenpv: paravirtual disk backend");
MODULE_ALIAS("xen-backend:vbd");
