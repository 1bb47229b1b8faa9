// SPDX-License-Identifier: GPL-2.0-only
/* xenpv_netfront.ko: paravirtual network interfaces of this guest. */
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/platform_pci.h>
#include <xen/xen.h>

#include "netfront.h"

/* What ethtool asked for, without the RTNL lock that it held. */
static void apply_wishes(struct work_struct *work)
{
	struct kapi_netfront *nf = container_of(work, struct kapi_netfront, wishes_work);
	unsigned int queues = READ_ONCE(nf->wanted_queues);
	int rc = 0;

	mutex_lock(&nf->life_lock);
	if (queues)
		rc = xenpv_netfront_set_queues(nf->front, queues);
	xenpv_netfront_set_rx_csum(nf->front, !READ_ONCE(nf->no_rx_csum));
	mutex_unlock(&nf->life_lock);
	if (rc)
		dev_warn(&nf->bus->dev, "cannot use %u queues (%d)\n", queues, rc);
}

/*
 * xenbus serialises probe, remove, resume and changes of the other end: the first
 * three run under the device's lock, and the watch exists only between them.
 */
static int probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct kapi_netfront *nf = kzalloc(sizeof(*nf), GFP_KERNEL);
	int rc;

	if (!nf)
		return -ENOMEM;
	nf->bus = dev;
	/* Until the engine has somewhere to send packets to. */
	nf->paused = true;
	nf->rx_frames = 1;
	mutex_init(&nf->life_lock);
	mutex_init(&nf->ready_lock);
	INIT_WORK(&nf->wishes_work, apply_wishes);
	xenpv_net_queues_init(nf);
	xenpv_net_pools_init(nf);
	rc = xenpv_netfront_create(kapi_of(dev), nf, &nf->front);
	if (rc) {
		xenpv_net_free(nf);
		return rc;
	}
	dev_set_drvdata(&dev->dev, nf);
	return 0;
}

static void otherend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	struct kapi_netfront *nf = dev_get_drvdata(&dev->dev);

	mutex_lock(&nf->life_lock);
	xenpv_netfront_backend_changed(nf->front, state);
	mutex_unlock(&nf->life_lock);
}

static int resume(struct xenbus_device *dev)
{
	struct kapi_netfront *nf = dev_get_drvdata(&dev->dev);

	mutex_lock(&nf->life_lock);
	xenpv_netfront_resume(nf->front);
	mutex_unlock(&nf->life_lock);
	return 0;
}

/* Waits for this kernel only, never for the backend. */
static void remove(struct xenbus_device *dev)
{
	struct kapi_netfront *nf = dev_get_drvdata(&dev->dev);

	mutex_lock(&nf->ready_lock);
	nf->removing = true;
	mutex_unlock(&nf->ready_lock);
	/* For good: the watch is gone, and with it whoever would connect again. */
	kapi_netfront_pause(nf);
	xenpv_net_unregister(nf);
	cancel_work_sync(&nf->wishes_work);
	xenpv_netfront_destroy(nf->front);
	nf->front = NULL;
	dev_set_drvdata(&dev->dev, NULL);
	xenpv_net_free(nf);
}

static const struct xenbus_device_id ids[] = {
	{ "vif" },
	{ "" },
};

static struct xenbus_driver driver = {
	.name = "xenpv_netfront",
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.resume = resume,
	.otherend_changed = otherend_changed,
};

static int __init xenpv_netfront_init(void)
{
	/* The second also says no while an emulated twin of each vif is there. */
	if (!xen_domain() || !xen_has_pv_nic_devices())
		return -ENODEV;
	return xenbus_register_frontend(&driver);
}

static void __exit xenpv_netfront_exit(void)
{
	xenbus_unregister_driver(&driver);
}

module_init(xenpv_netfront_init);
module_exit(xenpv_netfront_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(XENPV_VERSION);
MODULE_DESCRIPTION("xenpv: paravirtual network frontend");
MODULE_ALIAS("xen:vif");
