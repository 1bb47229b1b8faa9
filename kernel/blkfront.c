// SPDX-License-Identifier: GPL-2.0-only
/* xenpv_blkfront.ko: paravirtual disks of this guest. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/platform_pci.h>
#include <xen/xen.h>

#include "blkfront.h"

/* Whether this device is ours to drive. */
static int check_device(struct xenbus_device *dev)
{
	unsigned int device;
	char type[16];

	if (!xen_hvm_domain())
		return 0;
	if (xenbus_scanf(XBT_NIL, dev->nodename, "virtual-device", "%u", &device) != 1)
		return -ENOENT;
	/* The emulated disks were not unplugged: an IDE or SCSI disk is there already,
	 * and driving it twice destroys what is on it. */
	if (xen_has_pv_and_legacy_disk_devices() && !xenpv_vdev_is_xvd(device)) {
		dev_info(&dev->dev, "virtual device %#x is left to its emulated disk\n", device);
		return -ENODEV;
	}
	/* The emulated drive can eject; a paravirtual one could not. */
	if (kapi_xenbus_read(kapi_of(dev), KAPI_OWN, "device-type", type, sizeof(type)) > 0 &&
	    !strcmp(type, "cdrom"))
		return -ENODEV;
	return 0;
}

/*
 * xenbus serialises probe, remove, resume and changes of the other end: the first
 * three run under the device's lock, and the watch exists only between them.
 */
static int probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct kapi_blkfront *bf;
	int rc;

	rc = check_device(dev);
	if (rc)
		return rc;
	bf = kzalloc(sizeof(*bf), GFP_KERNEL);
	if (!bf)
		return -ENOMEM;
	xenpv_disk_init(bf, dev);
	rc = xenpv_blkfront_create(kapi_of(dev), bf, &bf->front);
	if (rc) {
		kfree(bf);
		return rc;
	}
	dev_set_drvdata(&dev->dev, bf);
	return 0;
}

static void otherend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	struct kapi_blkfront *bf = dev_get_drvdata(&dev->dev);

	xenpv_blkfront_backend_changed(bf->front, state);
}

static int resume(struct xenbus_device *dev)
{
	struct kapi_blkfront *bf = dev_get_drvdata(&dev->dev);

	xenpv_blkfront_resume(bf->front);
	return 0;
}

static void remove(struct xenbus_device *dev)
{
	struct kapi_blkfront *bf = dev_get_drvdata(&dev->dev);

	mutex_lock(&bf->make_lock);
	bf->removing = true;
	mutex_unlock(&bf->make_lock);
	/*
	 * With a backend that serves, what is dirty is written and what is in flight
	 * is answered before the engine goes.  With any other, the engine goes first
	 * and takes with it what would never be answered, which the end of the disk
	 * waits for.  The engine knows which: a state in the store may be of a backend
	 * that has no rings of ours.
	 */
	if (!READ_ONCE(bf->gone) && xenpv_blkfront_serves(bf->front)) {
		WRITE_ONCE(bf->draining, true);
		xenpv_disk_remove(bf);
	}
	WRITE_ONCE(bf->gone, true);
	xenpv_blkfront_destroy(bf->front);
	bf->front = NULL;
	kapi_blkfront_gone(bf);
	xenpv_disk_remove(bf);
	dev_set_drvdata(&dev->dev, NULL);
	xenpv_disk_put(bf);
}

/* At boot: whether there is anything left to wait for. */
static int is_ready(struct xenbus_device *dev)
{
	struct kapi_blkfront *bf = dev_get_drvdata(&dev->dev);

	return !bf || xenpv_disk_settled(bf);
}

static const struct xenbus_device_id ids[] = {
	{ "vbd" },
	{ "" },
};

static struct xenbus_driver driver = {
	.name = "xenpv_blkfront",
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.resume = resume,
	.otherend_changed = otherend_changed,
	.is_ready = is_ready,
};

static int __init xenpv_blkfront_init(void)
{
	int rc;

	if (!xen_domain() || !xen_has_pv_disk_devices())
		return -ENODEV;
	/* Also tells us that another driver has the xvd disks. */
	rc = register_blkdev(XENPV_VBD_MAJOR, "xvd");
	if (rc) {
		pr_err("xenpv_blkfront: block major %d is taken: is another vbd frontend loaded?\n",
		       XENPV_VBD_MAJOR);
		return rc;
	}
	rc = xenbus_register_frontend(&driver);
	if (rc)
		unregister_blkdev(XENPV_VBD_MAJOR, "xvd");
	return rc;
}

static void __exit xenpv_blkfront_exit(void)
{
	xenbus_unregister_driver(&driver);
	unregister_blkdev(XENPV_VBD_MAJOR, "xvd");
}

module_init(xenpv_blkfront_init);
module_exit(xenpv_blkfront_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(XENPV_VERSION);
MODULE_DESCRIPTION("xenpv: paravirtual disk frontend");
MODULE_ALIAS("xen:vbd");
