// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ring pages of frontends.  Not by xenbus_map_ring_valloc: each reference that cannot be
 * mapped makes that write to the log, which a guest could fill so (XSA-43), and close the
 * device on its own.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <kapi/grant.h>

#include "xenbus.h"

struct ring {
	struct list_head list;
	struct kapi_map_op op;
};

static DEFINE_MUTEX(lock);
static LIST_HEAD(rings); /* few: two for each queue of a NIC, one for each of a disk */

/* The page may be paged out, which takes a while. */
#define RETRIES 100
#define RETRY_MS 10

static int map(struct kapi_map_op *op)
{
	int rc = kapi_foreign_pages_alloc(&op->page, 1);
	unsigned int tries = 0;

	if (rc)
		return rc;
	op->status = KAPI_GNTST_GENERAL_ERROR;
	for (;;) {
		rc = kapi_grant_map(op, 1);
		if (rc || op->status != KAPI_GNTST_EAGAIN || tries++ == RETRIES)
			break;
		msleep(RETRY_MS);
	}
	if (!rc && op->status == KAPI_GNTST_OKAY)
		return 0;
	kapi_foreign_pages_free(&op->page, 1);
	return rc ? rc : -EINVAL;
}

int kapi_xenbus_map_ring(struct kapi_xenbus *bus, uint32_t ref, void **addr)
{
	struct ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL);
	int rc;

	if (!ring)
		return -ENOMEM;
	ring->op.ref = ref;
	ring->op.domid = kapi_xenbus_peer_domain(bus);
	rc = map(&ring->op);
	if (rc) {
		kfree(ring);
		return rc;
	}
	*addr = kapi_foreign_addr(ring->op.page);
	mutex_lock(&lock);
	list_add(&ring->list, &rings);
	mutex_unlock(&lock);
	return 0;
}
EXPORT_SYMBOL_GPL(kapi_xenbus_map_ring);

static struct ring *take(void *addr)
{
	struct ring *found = NULL;
	struct ring *ring;

	mutex_lock(&lock);
	list_for_each_entry(ring, &rings, list) {
		if (kapi_foreign_addr(ring->op.page) == addr) {
			found = ring;
			list_del(&ring->list);
			break;
		}
	}
	mutex_unlock(&lock);
	return found;
}

void kapi_xenbus_unmap_ring(struct kapi_xenbus *bus, void *addr)
{
	struct ring *ring = take(addr);

	if (WARN_ON_ONCE(!ring))
		return;
	/* A page that stays mapped is lost: nothing else may come to be in it. */
	if (kapi_grant_unmap(&ring->op, 1) || ring->op.status != KAPI_GNTST_OKAY)
		pr_warn_once("xenpv: a ring of domain %u stays mapped\n", ring->op.domid);
	else
		kapi_foreign_pages_free(&ring->op.page, 1);
	kfree(ring);
}
EXPORT_SYMBOL_GPL(kapi_xenbus_unmap_ring);
