// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <xen/page.h>

#include <kapi/mem.h>
#include <probed/kernel.h>

#include "kapi_module.h"

/*
 * GFP_NOIO, not GFP_KERNEL: a disk that allocates while it connects again must not
 * wait for pages to be written to that same disk.
 */
static gfp_t gfp_of(enum kapi_context ctx)
{
	return (ctx == KAPI_ATOMIC ? GFP_ATOMIC : GFP_NOIO) | __GFP_ZERO;
}

/* Large memory on its way back; the list lives in the memory itself. */
static LLIST_HEAD(late_frees);

static void free_late(struct work_struct *work)
{
	struct llist_node *at, *next;

	llist_for_each_safe(at, next, llist_del_all(&late_frees))
		vfree(at);
}
static DECLARE_WORK(late_free_work, free_late);

void xenpv_mem_exit(void)
{
	flush_work(&late_free_work);
}

void *kapi_alloc(size_t size, enum kapi_context ctx)
{
	if (ctx == KAPI_ATOMIC)
		return kmalloc(size, gfp_of(ctx));
	return kvmalloc(size, gfp_of(ctx));
}
EXPORT_SYMBOL_GPL(kapi_alloc);

void kapi_free(void *p)
{
	if (!is_vmalloc_addr(p)) {
		kfree(p);
		return;
	}
	/* vfree may sleep, and our caller may hold a spinlock. */
	if (llist_add((struct llist_node *)p, &late_frees))
		schedule_work(&late_free_work);
}
EXPORT_SYMBOL_GPL(kapi_free);

int kapi_page_alloc(struct kapi_page *out, enum kapi_context ctx)
{
	/* Failure is an answer here: the callers have one for it. */
	struct page *page = alloc_page(gfp_of(ctx) | __GFP_NOWARN);

	if (!page)
		return -ENOMEM;
	out->page = page;
	out->addr = page_address(page);
	out->frame = xen_page_to_gfn(page);
	return 0;
}
EXPORT_SYMBOL_GPL(kapi_page_alloc);

/* Whether the page's memory stays what it is while we have a reference. */
static bool counted(struct page *page)
{
#ifdef XENPV_FROZEN_SLABS
	struct folio *folio = page_folio(page);

	return !folio_test_slab(folio) && !folio_test_large_kmalloc(folio);
#else
	return true;
#endif
}

void *kapi_page_hold(void *page)
{
	if (!counted(page))
		return NULL;
	get_page(page);
	return page;
}
EXPORT_SYMBOL_GPL(kapi_page_hold);

void kapi_page_release(void *page)
{
	if (page)
		put_page(page);
}
EXPORT_SYMBOL_GPL(kapi_page_release);
