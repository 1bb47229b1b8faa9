// SPDX-License-Identifier: GPL-2.0-only
#include <linux/device.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "unregister.h"

/*
 * Three parties want a device:
 *
 *   - the thread of the watches (xenwatch), which unregisters devices whose directory
 *     in xenstore went away, as toolstacks let it go right after a backend has closed;
 *   - whoever unbinds the driver (sysfs, the module's exit): holds the device's lock and
 *     then waits, in unregister_xenbus_watch, for the callback that xenwatch is running;
 *   - us, who want to call device_unregister, which takes the device's lock.
 *
 * Once.  device_unregister must not run twice, and nothing in the driver core sees to
 * that.  The bus calls it in xenwatch, so we do too: in the callback of a watch of our
 * own, the gate.  The two cannot overlap then, and the one that comes second sees that
 * the first was there: the bus does not find a device that is off it, and with the device
 * the driver's wish has gone from the list.
 *
 * No deadlock.  In xenwatch, waiting for the device's lock is forbidden while somebody
 * with that lock may wait for xenwatch.  So the gate only tries the lock.  While it has
 * it, it ends the watches that an unbinding would end, which xenwatch can do without
 * waiting, and marks the device dead (kill_device), so that no driver comes to it and
 * makes new ones.  From then on nobody with this device's lock waits for xenwatch: the
 * gate can let go of the lock, and device_unregister may wait for it.  An unbinding that
 * slips in between finds no watches, ends the driver, and leaves the rest to us.
 *
 * Not lost.  When the lock is another's, the gate goes, so that whoever waits for it can
 * go on, and is opened again a little later.  If it was an unbinding, the wish has gone
 * with the driver: the next driver learns by itself what has become of the frontend.
 *
 * A watch fires once when it is registered, whatever it watches: that is how the gate is
 * opened.  It is done in a work, which may wait for xenwatch and holds nothing while it
 * does.
 *
 * (The bus itself does wait for the device's lock in xenwatch: an unbinding at the moment
 * when the directory goes away can deadlock with that, whichever the driver.)
 */

#define RETRY_MS 20

static DEFINE_SPINLOCK(lock); /* the lists and their entries */
static LIST_HEAD(wishes);
static LIST_HEAD(tried); /* while the gate is open: somebody else has the lock */

static void gate(struct xenbus_watch *watch, const char *path, const char *token);
static struct xenbus_watch gate_watch = { .node = "domid", .callback = gate };
static bool gate_watched; /* the work's, and the exit's after it */

static void open_gate(struct work_struct *work);
static DECLARE_DELAYED_WORK(gate_work, open_gate);

static void open_gate_later(unsigned int ms)
{
	/* The one for what may take its time: it waits for callbacks of all drivers. */
	queue_delayed_work(system_long_wq, &gate_work, msecs_to_jiffies(ms));
}

static void open_gate(struct work_struct *work)
{
	if (gate_watched)
		unregister_xenbus_watch(&gate_watch);
	gate_watched = !register_xenbus_watch(&gate_watch);
	if (!gate_watched)
		open_gate_later(RETRY_MS);
}

void xenpv_watch_drop(struct xenbus_watch *watch)
{
	if (!watch->node)
		return;
	unregister_xenbus_watch(watch);
	kfree(watch->node);
	watch->node = NULL;
}
EXPORT_SYMBOL_GPL(xenpv_watch_drop);

void xenpv_unregister_drop_watches(struct xenpv_unregister *wish)
{
	unsigned int i;

	for (i = 0; i < wish->nr_watches; ++i)
		xenpv_watch_drop(&wish->watches[i]);
}
EXPORT_SYMBOL_GPL(xenpv_unregister_drop_watches);

/* Whether the driver that is on the device now wants it gone; it stays as long as the
 * device is locked. */
static struct xenpv_unregister *find_wish(struct xenbus_device *dev)
{
	struct xenpv_unregister *found = NULL;
	struct xenpv_unregister *wish;

	device_lock_assert(&dev->dev);
	spin_lock_irq(&lock);
	list_for_each_entry(wish, &tried, list) {
		if (wish->dev == dev)
			found = wish;
	}
	spin_unlock_irq(&lock);
	return found;
}

/* In xenwatch. */
static void end(struct xenbus_device *dev)
{
	struct xenpv_unregister *wish;

	if (!device_trylock(&dev->dev))
		return;
	wish = find_wish(dev);
	if (wish) {
		xenpv_watch_drop(&dev->otherend_watch);
		xenpv_unregister_drop_watches(wish);
		kill_device(&dev->dev);
	}
	device_unlock(&dev->dev);
	/* What it wished with is freed in here, or by an unbinding before. */
	if (wish)
		device_unregister(&dev->dev);
}

static void gate(struct xenbus_watch *watch, const char *path, const char *token)
{
	struct xenpv_unregister *wish;
	struct xenbus_device *dev;
	bool more;

	spin_lock_irq(&lock);
	while ((wish = list_first_entry_or_null(&wishes, struct xenpv_unregister, list))) {
		dev = wish->dev;
		/* A device with a driver is registered: there is a reference to add to. */
		get_device(&dev->dev);
		list_move_tail(&wish->list, &tried);
		spin_unlock_irq(&lock);
		end(dev);
		put_device(&dev->dev);
		spin_lock_irq(&lock);
	}
	list_splice_init(&tried, &wishes);
	more = !list_empty(&wishes);
	spin_unlock_irq(&lock);
	if (more)
		open_gate_later(RETRY_MS);
}

void xenpv_unregister_prepare(struct xenpv_unregister *wish, struct xenbus_device *dev,
			      struct xenbus_watch *watches, unsigned int nr_watches)
{
	INIT_LIST_HEAD(&wish->list);
	wish->dev = dev;
	wish->watches = watches;
	wish->nr_watches = nr_watches;
}
EXPORT_SYMBOL_GPL(xenpv_unregister_prepare);

void xenpv_unregister_want(struct xenpv_unregister *wish)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (list_empty(&wish->list))
		list_add_tail(&wish->list, &wishes);
	spin_unlock_irqrestore(&lock, flags);
	open_gate_later(0);
}
EXPORT_SYMBOL_GPL(xenpv_unregister_want);

void xenpv_unregister_forget(struct xenpv_unregister *wish)
{
	spin_lock_irq(&lock);
	list_del_init(&wish->list);
	spin_unlock_irq(&lock);
}
EXPORT_SYMBOL_GPL(xenpv_unregister_forget);

void xenpv_unregister_exit(void)
{
	cancel_delayed_work_sync(&gate_work);
	if (!gate_watched)
		gate_watched = !register_xenbus_watch(&gate_watch);
	/* Waits for the callback that runs: it may be on its way out of our code. */
	if (gate_watched)
		unregister_xenbus_watch(&gate_watch);
	gate_watched = false;
	cancel_delayed_work_sync(&gate_work);
	/* It was open, and was opened again: it finds nothing and orders nothing. */
	if (gate_watched)
		unregister_xenbus_watch(&gate_watch);
}
