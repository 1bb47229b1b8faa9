// SPDX-License-Identifier: GPL-2.0-only
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <probed/kernel.h>

#include "xenbus.h"

static_assert(XenbusStateUnknown == 0);
static_assert(XenbusStateReconfigured == 8);

/* A transaction conflicts when anybody writes near it; a busy dom0 does that to a
 * device now and then, not for seconds. */
#define MAX_CONFLICTS 100

const char *kapi_xenbus_name(const struct kapi_xenbus *bus)
{
	return dev_name(&xenbus_of(bus)->dev);
}
EXPORT_SYMBOL_GPL(kapi_xenbus_name);

uint32_t kapi_xenbus_peer_domain(const struct kapi_xenbus *bus)
{
	return xenbus_of(bus)->otherend_id;
}
EXPORT_SYMBOL_GPL(kapi_xenbus_peer_domain);

int kapi_xenbus_read(struct kapi_xenbus *bus, enum kapi_side side, const char *key, char *buf,
		     size_t size)
{
	struct xenbus_device *dev = xenbus_of(bus);
	const char *dir = side == KAPI_OWN ? dev->nodename : dev->otherend;
	unsigned int length;
	char *value;
	int rc;

	/* After a migration the other end may be unknown for a while. */
	if (!dir)
		return -ENOENT;
	value = xenbus_read(XBT_NIL, dir, key, &length);
	if (IS_ERR(value))
		return PTR_ERR(value);
	if (length >= size) {
		rc = -E2BIG;
	} else if (strnlen(value, length) != length) {
		/* Text that looks shorter than it is was made to mislead. */
		rc = -EINVAL;
	} else {
		memcpy(buf, value, length);
		buf[length] = '\0';
		rc = length;
	}
	kfree(value);
	return rc;
}
EXPORT_SYMBOL_GPL(kapi_xenbus_read);

static int write_once(struct xenbus_device *dev, const struct kapi_xenbus_key *keys, size_t count)
{
	struct xenbus_transaction transaction;
	size_t i;
	int rc;

	rc = xenbus_transaction_start(&transaction);
	if (rc)
		return rc;
	for (i = 0; i < count; ++i) {
		rc = xenbus_write(transaction, dev->nodename, keys[i].key, keys[i].value);
		if (rc) {
			xenbus_transaction_end(transaction, 1);
			return rc;
		}
	}
	return xenbus_transaction_end(transaction, 0);
}

int kapi_xenbus_write(struct kapi_xenbus *bus, const struct kapi_xenbus_key *keys, size_t count)
{
	int tries = 0;
	int rc;

	for (;;) {
		rc = write_once(xenbus_of(bus), keys, count);
		if (rc != -EAGAIN || ++tries == MAX_CONFLICTS)
			return rc;
		/* Out of step with whoever we collided with. */
		if (tries > 10)
			msleep(tries / 10);
	}
}
EXPORT_SYMBOL_GPL(kapi_xenbus_write);

static int read_state(struct xenbus_device *dev)
{
#ifdef XENPV_STATE_OF_DEVICE
	return xenbus_read_driver_state(dev, dev->otherend);
#else
	return xenbus_read_driver_state(dev->otherend);
#endif
}

int kapi_xenbus_peer_state(struct kapi_xenbus *bus)
{
	struct xenbus_device *dev = xenbus_of(bus);
	int state = dev->otherend ? read_state(dev) : XenbusStateUnknown;

	/* The peer wrote it: any number. */
	if (state < XenbusStateUnknown || state > XenbusStateReconfigured)
		return XenbusStateUnknown;
	return state;
}
EXPORT_SYMBOL_GPL(kapi_xenbus_peer_state);

int kapi_xenbus_switch_state(struct kapi_xenbus *bus, int state)
{
	struct xenbus_device *dev = xenbus_of(bus);
	int rc = xenbus_switch_state(dev, state);

	/* A shutdown of the guest waits for its frontends to get here. */
	if (state == XenbusStateClosed)
		complete(&dev->down);
	return rc;
}
EXPORT_SYMBOL_GPL(kapi_xenbus_switch_state);

bool kapi_xenbus_online(struct kapi_xenbus *bus)
{
	return xenbus_dev_is_online(xenbus_of(bus));
}
EXPORT_SYMBOL_GPL(kapi_xenbus_online);

void kapi_xenbus_error(struct kapi_xenbus *bus, int err, const char *text)
{
	struct xenbus_device *dev = xenbus_of(bus);
	char *path = kasprintf(GFP_NOIO, "error/%s", dev->nodename);

	/* Where xenbus_dev_error publishes; that one logs without a limit, and a peer
	 * can have an error as often as it likes. */
	if (path)
		xenbus_printf(XBT_NIL, path, "error", "%d %s", err, text);
	kfree(path);
}
EXPORT_SYMBOL_GPL(kapi_xenbus_error);
