// SPDX-License-Identifier: GPL-2.0-only
/* xenpv_netback.ko: this domain's network, served to guests. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <xen/xen.h>

#include <kapi/evtchn.h>
#include <probed/kernel.h>

#include "netback.h"

/* Named as in the in-tree xen-netback; what is written counts for interfaces to come. */
static unsigned int max_queues;
module_param(max_queues, uint, 0644);
MODULE_PARM_DESC(max_queues,
		 "queues offered to an interface's frontend, at most 8 (0: one for each CPU)");

uint32_t kapi_netback_max_queues(void)
{
	unsigned int wanted = READ_ONCE(max_queues);

	return wanted ? wanted : kapi_cpu_count();
}

/* The bus runs uevent without a lock: against the net_device going away meanwhile. */
static DEFINE_MUTEX(uevent_lock);

void kapi_netback_unregister(struct kapi_xenbus *bus)
{
	struct kapi_netback *net = dev_get_drvdata(&xenbus_of(bus)->dev);

	xenpv_unregister_want(&net->unregister);
}

/* The engine, for the thread of the watches: no event comes before it is there, and none
 * is under way when it goes. */
static struct xenpv_netback *engine(struct kapi_netback *net)
{
	return rcu_dereference_protected(net->back, true);
}

static void frontend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	xenpv_netback_frontend_changed(engine(dev_get_drvdata(&dev->dev)), state);
}

static void hotplug(struct xenbus_watch *watch, const char *path, const char *token)
{
	xenpv_netback_own_changed(engine(container_of(watch, struct kapi_netback, watches[0])));
}

static void rate(struct xenbus_watch *watch, const char *path, const char *token)
{
	xenpv_netback_own_changed(engine(container_of(watch, struct kapi_netback, watches[1])));
}

static void asked(struct xenbus_watch *watch, const char *path, const char *token)
{
	xenpv_netback_frontend_asked(engine(container_of(watch, struct kapi_netback, watches[2])));
}

/* At most one event waits: whoever can write the key could fill our memory with
 * them otherwise (XSA-349).  What is written while one is handled is a new event. */
static bool will_handle(struct xenbus_watch *watch, const char *path, const char *token)
{
	return watch->nr_pending == 0;
}

/* Each watch fires once at once: the hotplug script may have been before us. */
static int watch_keys(struct kapi_netback *net)
{
	struct xenbus_device *dev = net->bus;
	int rc = xenbus_watch_pathfmt(dev, &net->watches[0], will_handle, hotplug, "%s/%s",
				      dev->nodename, "hotplug-status");

	if (!rc)
		rc = xenbus_watch_pathfmt(dev, &net->watches[1], will_handle, rate, "%s/%s",
					  dev->nodename, "rate");
	if (!rc)
		rc = xenbus_watch_pathfmt(dev, &net->watches[2], will_handle, asked, "%s/%s",
					  dev->otherend, "request-multicast-control");
	return rc;
}

static void set_drvdata(struct xenbus_device *dev, struct kapi_netback *net)
{
	mutex_lock(&uevent_lock);
	dev_set_drvdata(&dev->dev, net);
	mutex_unlock(&uevent_lock);
}

#ifdef XENPV_CONST_UEVENT
typedef const struct xenbus_device uevent_device;
#else
typedef struct xenbus_device uevent_device;
#endif

/* What hotplug scripts get to know; the bus itself gives them XENBUS_PATH, _TYPE and
 * _BASE_PATH. */
static int uevent(uevent_device *dev, struct kobj_uevent_env *env)
{
	struct kapi_netback *net;
	char script[256];
	int rc = 0;

	mutex_lock(&uevent_lock);
	net = dev_get_drvdata(&dev->dev);
	if (net)
		rc = add_uevent_var(env, "vif=%s", net->dev->name);
	mutex_unlock(&uevent_lock);
	if (rc)
		return rc;
	if (kapi_xenbus_read(kapi_of((struct xenbus_device *)dev), KAPI_OWN, "script", script,
			     sizeof(script)) > 0)
		rc = add_uevent_var(env, "script=%s", script);
	return rc;
}

/* Returns when nobody uses the engine but itself. */
static struct xenpv_netback *withdraw_engine(struct kapi_netback *net)
{
	struct xenpv_netback *back = engine(net);

	RCU_INIT_POINTER(net->back, NULL);
	synchronize_net();
	return back;
}

static void remove(struct xenbus_device *dev)
{
	struct kapi_netback *net = dev_get_drvdata(&dev->dev);

	xenpv_unregister_drop_watches(&net->unregister);
	/* While there is a name to tell. */
	kobject_uevent(&dev->dev.kobj, KOBJ_OFFLINE);
	netif_carrier_off(net->dev);
	xenpv_netback_destroy(withdraw_engine(net));
	xenpv_unregister_forget(&net->unregister);
	set_drvdata(dev, NULL);
	xenpv_vif_destroy(net);
}

static int start_engine(struct kapi_netback *net)
{
	struct xenpv_netback *back = NULL;
	int rc = xenpv_netback_create(kapi_of(net->bus), net, &back);

	if (!rc)
		rcu_assign_pointer(net->back, back);
	return rc;
}

static void report(struct xenbus_device *dev, int err, const char *text)
{
	dev_err(&dev->dev, "%s (%d)\n", text, err);
	kapi_xenbus_error(kapi_of(dev), err, text);
}

static int probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct kapi_netback *net;
	unsigned int handle;
	int rc;

	rc = xenbus_scanf(XBT_NIL, dev->nodename, "handle", "%u", &handle);
	if (rc != 1) {
		report(dev, rc, "handle is not a number");
		return rc < 0 ? rc : -EINVAL;
	}
	/* The interface first: the toolstack looks for it when it sees the engine wait. */
	net = xenpv_vif_create(dev, handle);
	if (IS_ERR(net)) {
		report(dev, PTR_ERR(net), "cannot make the interface");
		return PTR_ERR(net);
	}
	xenpv_unregister_prepare(&net->unregister, dev, net->watches, ARRAY_SIZE(net->watches));
	set_drvdata(dev, net);
	rc = start_engine(net);
	if (rc) {
		xenpv_unregister_forget(&net->unregister);
		set_drvdata(dev, NULL);
		xenpv_vif_destroy(net);
		return rc;
	}
	/* Where udev runs the scripts, it does so now. */
	kobject_uevent(&dev->dev.kobj, KOBJ_ONLINE);
	rc = watch_keys(net);
	if (rc)
		remove(dev);
	return rc;
}

static const struct xenbus_device_id ids[] = {
	{ "vif" },
	{ "" },
};

static struct xenbus_driver driver = {
	.name = "xenpv_netback",
	.ids = ids,
	/* The device outlives the driver: a new one takes over the frontend. */
	.allow_rebind = true,
	.probe = probe,
	.remove = remove,
	.uevent = uevent,
	.otherend_changed = frontend_changed,
};

static int __init xenpv_netback_init(void)
{
	return xen_domain() ? xenbus_register_backend(&driver) : -ENODEV;
}

static void __exit xenpv_netback_exit(void)
{
	xenbus_unregister_driver(&driver);
}

module_init(xenpv_netback_init);
module_exit(xenpv_netback_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(XENPV_VERSION);
MODULE_DESCRIPTION("xenpv: paravirtual network backend");
MODULE_ALIAS("xen-backend:vif");
