// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <kapi/grant.h>
#include <probed/kernel.h>

#include "held.h"
#include "kapi_module.h"

enum {
	WITH_OWNER, /* who is told when the skb is released */
	RELEASED, /* the owner's, who was told or is being told */
	LEFT, /* nobody is told */
};

/* --- pages without an owner ----------------------------------------------- */

/* Where the pages are may be anything that takes long: nobody waits for them. */
#define BUSY_RETRY (HZ / 10)

static bool busy(const struct xenpv_held *held)
{
	uint32_t i;

	for (i = 0; i < held->nr_pages; ++i)
		if (kapi_foreign_busy(held->pages[i].page))
			return true;
	return false;
}

static void give_back_page(struct kapi_map_op *op)
{
	void *page = op->page;

	if (op->status == KAPI_GNTST_OKAY) {
		kapi_grant_forget(op);
		return;
	}
	/* A page whose unmap failed may still show the guest's memory: it is lost. */
	kapi_grant_unmap(op, 1);
	if (op->status == KAPI_GNTST_OKAY)
		kapi_foreign_pages_free(&page, 1);
	else
		pr_warn("xenpv: a frame of domain %u stays mapped\n", op->domid);
}

static void give_back(struct work_struct *work);
static LLIST_HEAD(released_late);
static DECLARE_DELAYED_WORK(give_back_work, give_back);

static void give_back(struct work_struct *work)
{
	struct xenpv_held *held, *next;
	uint32_t i;

	llist_for_each_entry_safe(held, next, llist_del_all(&released_late), node)
	{
		/* Whoever said that it drops its pages did so before it does, or handed them on. */
		if (busy(held)) {
			llist_add(&held->node, &released_late);
			schedule_delayed_work(&give_back_work, BUSY_RETRY);
			continue;
		}
		for (i = 0; i < held->nr_pages; ++i)
			give_back_page(&held->pages[i]);
		kfree(held);
		module_put(THIS_MODULE);
	}
}

/* Nothing is left, or this would not be called.  But whoever gave up the last one may be
 * about to schedule the work, which finds nothing, or it may be about to return. */
void xenpv_held_exit(void)
{
	synchronize_rcu();
	cancel_delayed_work_sync(&give_back_work);
}

static void give_back_later(struct xenpv_held *held)
{
	llist_add(&held->node, &released_late);
	schedule_delayed_work(&give_back_work, 0);
}

static void drop(struct xenpv_held *held)
{
	if (atomic_dec_and_test(&held->holders))
		give_back_later(held);
}

/* --- the skb --------------------------------------------------------------- */

static void released(struct xenpv_held *held)
{
	/* The owner's code may go once it was told, but not before a grace period. */
	rcu_read_lock();
	if (atomic_cmpxchg(&held->state, WITH_OWNER, RELEASED) == WITH_OWNER)
		held->owner.released(held->owner.ctx, held->copied);
	else
		drop(held);
	rcu_read_unlock();
}

/* `whole`: the frags are dropped as they are, not because they were copied. */
static void zcopy_end(struct sk_buff *skb, struct ubuf_info *ubuf, bool whole)
{
	struct xenpv_held *held = container_of(ubuf, struct xenpv_held, ubuf);

	if (!whole)
		WRITE_ONCE(held->copied, true);
	if (refcount_dec_and_test(&ubuf->refcnt))
		released(held);
}

#ifdef XENPV_UBUF_OPS
static const struct ubuf_info_ops held_ops = { .complete = zcopy_end };
#define OUR_MARK(ubuf) ((ubuf)->ops == &held_ops)
#define MARK(ubuf) ((ubuf)->ops = &held_ops)
#else
#define OUR_MARK(ubuf) ((ubuf)->callback == zcopy_end)
#define MARK(ubuf) ((ubuf)->callback = zcopy_end)
#endif

struct xenpv_held *xenpv_held_alloc(const struct kapi_net_holder *owner, gfp_t gfp)
{
	struct xenpv_held *held = kmalloc(sizeof(*held), gfp);

	if (!held)
		return NULL;
	/* The pages are written when they are known. */
	memset(held, 0, offsetof(struct xenpv_held, pages));
	MARK(&held->ubuf);
	refcount_set(&held->ubuf.refcnt, 1);
	held->ubuf.flags = SKBFL_ZEROCOPY_FRAG;
	held->owner = *owner;
	atomic_set(&held->state, WITH_OWNER);
	atomic_set(&held->queued, 0);
	atomic_set(&held->holders, 2);
	return held;
}
EXPORT_SYMBOL_GPL(xenpv_held_alloc);

void xenpv_held_free(struct xenpv_held *held)
{
	kfree(held);
}
EXPORT_SYMBOL_GPL(xenpv_held_free);

void xenpv_held_give(struct xenpv_held *held, struct sk_buff *skb)
{
	skb_zcopy_init(skb, &held->ubuf);
}
EXPORT_SYMBOL_GPL(xenpv_held_give);

bool xenpv_held_has(struct sk_buff *skb)
{
	struct ubuf_info *ubuf = skb_zcopy(skb);

#ifdef XENPV_UBUF_NONE
	if (skb_zcopy_is_nouarg(skb))
		return false;
#endif
	return ubuf && OUR_MARK(ubuf);
}
EXPORT_SYMBOL_GPL(xenpv_held_has);

void xenpv_held_queued(struct sk_buff *skb)
{
	if (xenpv_held_has(skb))
		atomic_inc(&container_of(skb_zcopy(skb), struct xenpv_held, ubuf)->queued);
}
EXPORT_SYMBOL_GPL(xenpv_held_queued);

void xenpv_held_unqueued(struct sk_buff *skb)
{
	if (xenpv_held_has(skb))
		atomic_dec(&container_of(skb_zcopy(skb), struct xenpv_held, ubuf)->queued);
}
EXPORT_SYMBOL_GPL(xenpv_held_unqueued);

bool xenpv_held_only_queued(struct xenpv_held *held)
{
	int skbs = refcount_read(&held->ubuf.refcnt);

	/* In this order: an skb that is freed meanwhile is missing in the second. */
	smp_rmb();
	/* With none left its pages may be on their way without the mark. */
	return skbs && skbs == atomic_read(&held->queued);
}
EXPORT_SYMBOL_GPL(xenpv_held_only_queued);

bool xenpv_held_leave(struct xenpv_held *held)
{
	return atomic_cmpxchg(&held->state, WITH_OWNER, LEFT) == WITH_OWNER;
}
EXPORT_SYMBOL_GPL(xenpv_held_leave);

void xenpv_held_inherit(struct xenpv_held *held, const struct kapi_map_op *ops, uint32_t count)
{
	held->nr_pages = min_t(uint32_t, count, KAPI_NET_MAX_ATTACHED);
	memcpy(held->pages, ops, held->nr_pages * sizeof(*ops));
	/* The driver that leaves holds this module; from now on the pages do. */
	__module_get(THIS_MODULE);
	if (atomic_read(&held->state) == LEFT)
		drop(held);
	else
		give_back_later(held);
}
EXPORT_SYMBOL_GPL(xenpv_held_inherit);
