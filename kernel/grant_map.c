// SPDX-License-Identifier: GPL-2.0-only
/* Other domains' frames behind pages of this one. */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>

#include <asm/xen/hypercall.h>

#include <kapi/grant.h>

#include "kapi_module.h"
#include "narrow.h"

static_assert(KAPI_GNTST_OKAY == GNTST_okay);
static_assert(KAPI_GNTST_GENERAL_ERROR == GNTST_general_error);
static_assert(KAPI_GNTST_BAD_GNTREF == GNTST_bad_gntref);
static_assert(KAPI_GNTST_EAGAIN == GNTST_eagain);
static_assert(sizeof(grant_handle_t) == sizeof(uint32_t));

/* What a hypercall of a full batch takes: too much for a kernel stack. */
struct scratch {
	union {
		struct gnttab_map_grant_ref map[KAPI_MAP_BATCH];
		struct gnttab_unmap_grant_ref unmap[KAPI_MAP_BATCH];
	};
	struct page *pages[KAPI_MAP_BATCH];
};
static_assert(sizeof(struct scratch) <= PAGE_SIZE);

/*
 * A batch must be one hypercall, so its scratch may not fail to come.  Each CPU keeps
 * the last one it used; then the slab is tried, then a reserve, then the wait for
 * another batch to end, which it does after its hypercall.
 */
#define RESERVE 4
static DEFINE_PER_CPU(struct scratch *, spare);
static mempool_t *scratches;

int xenpv_grant_scratch_init(void)
{
	scratches = mempool_create_kmalloc_pool(RESERVE, sizeof(struct scratch));
	return scratches ? 0 : -ENOMEM;
}

void xenpv_grant_scratch_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu(spare, cpu));
	mempool_destroy(scratches);
}

static struct scratch *scratch_get(void)
{
	struct scratch *s = this_cpu_xchg(spare, NULL);

	return s ? s : mempool_alloc(scratches, GFP_NOIO);
}

static void scratch_put(struct scratch *s)
{
	/* The reserve first: somebody may wait for it. */
	if (READ_ONCE(scratches->curr_nr) == scratches->min_nr && !this_cpu_cmpxchg(spare, NULL, s))
		return;
	mempool_free(s, scratches);
}

/* --- pages without memory -------------------------------------------------- */

int kapi_foreign_pages_alloc(void **pages, uint32_t count)
{
	/* The table asks with GFP_KERNEL, but the I/O that would be waited for may be what our
	 * caller serves. */
	unsigned int flags = memalloc_noio_save();
	int rc = gnttab_alloc_pages(count, (struct page **)pages);

	memalloc_noio_restore(flags);
	return rc;
}
EXPORT_SYMBOL_GPL(kapi_foreign_pages_alloc);

void kapi_foreign_pages_free(void **pages, uint32_t count)
{
	gnttab_free_pages(count, (struct page **)pages);
}
EXPORT_SYMBOL_GPL(kapi_foreign_pages_free);

bool kapi_foreign_busy(void *page)
{
	/* One is the allocation's own. */
	return page_count(page) > 1;
}
EXPORT_SYMBOL_GPL(kapi_foreign_busy);

void *kapi_foreign_addr(void *page)
{
	return page_address(page);
}
EXPORT_SYMBOL_GPL(kapi_foreign_addr);

/* --- maps ------------------------------------------------------------------ */

/* One hypercall.  Entries whose status says okay hold a handle. */
static int unmap_scratch(struct scratch *s, const struct kapi_map_op *ops, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; ++i) {
		gnttab_set_unmap_op(&s->unmap[i], (unsigned long)page_address(ops[i].page),
				    GNTMAP_host_map | (ops[i].readonly ? GNTMAP_readonly : 0),
				    ops[i].handle);
		s->unmap[i].status = GNTST_general_error;
		s->pages[i] = ops[i].page;
	}
	return gnttab_unmap_refs(s->unmap, NULL, s->pages, count);
}

/* In a PV domain the table of frames has to say what a page shows now. */
static bool follow(struct page *page, const struct gnttab_map_grant_ref *map)
{
#ifdef CONFIG_XEN_PV
	/* The part of the table is there since the page was allocated. */
	if (xen_pv_domain())
		return !xen_safe_write_ulong(&xen_p2m_addr[page_to_pfn(page)],
					     FOREIGN_FRAME(PFN_DOWN(map->dev_bus_addr)));
#endif
	return true;
}

/* Whose frame it is; false: the page cannot show it. */
static bool adopt(struct page *page, const struct gnttab_map_grant_ref *map)
{
	struct xen_page_foreign *foreign;

	SetPageForeign(page);
	foreign = xen_page_foreign(page);
	foreign->domid = map->dom;
	foreign->gref = map->ref;
	return follow(page, map);
}

/* The page shows nothing, or nobody is to know: what Xen mapped is let go. */
static void undo_map(struct scratch *s, struct kapi_map_op *op)
{
	unmap_scratch(s, op, 1);
	if (s->unmap[0].status != GNTST_okay)
		pr_warn_once("xenpv: a frame of domain %u stays mapped\n", op->domid);
	op->status = KAPI_GNTST_GENERAL_ERROR;
}

/* Of an operation that Xen carried out and we could not; no status of Xen's. */
#define NOT_SHOWN 1

/*
 * Not by gnttab_map_refs: of each frame that is paged out it waits half a minute for
 * "try again" to end, one after the other.  Here that is a status like any other, and the
 * caller bounds the time for all.
 */
int kapi_grant_map(struct kapi_map_op *ops, uint32_t count)
{
	struct scratch *s;
	uint32_t i;
	int rc;

	if (!count || count > KAPI_MAP_BATCH)
		return count ? -EINVAL : 0;
	s = scratch_get();
	for (i = 0; i < count; ++i) {
		gnttab_set_map_op(&s->map[i], (unsigned long)page_address(ops[i].page),
				  GNTMAP_host_map | (ops[i].readonly ? GNTMAP_readonly : 0),
				  ops[i].ref, xenpv_narrow(ops[i].domid));
		s->map[i].status = GNTST_general_error;
	}
	rc = HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, s->map, count);
	for (i = 0; i < count; ++i) {
		ops[i].status = s->map[i].status;
		ops[i].handle = s->map[i].handle;
		if (ops[i].status == GNTST_okay && !adopt(ops[i].page, &s->map[i]))
			ops[i].status = NOT_SHOWN;
	}
	/* In the scratch of what has been read.  A hypercall may have failed half way. */
	for (i = 0; i < count; ++i)
		if (ops[i].status == NOT_SHOWN || (rc && ops[i].status == GNTST_okay))
			undo_map(s, &ops[i]);
	scratch_put(s);
	return rc < 0 ? rc : rc ? -EIO : 0;
}
EXPORT_SYMBOL_GPL(kapi_grant_map);

int kapi_grant_unmap(struct kapi_map_op *ops, uint32_t count)
{
	struct scratch *s;
	uint32_t i;
	int rc;

	if (!count || count > KAPI_MAP_BATCH)
		return count ? -EINVAL : 0;
	s = scratch_get();
	rc = unmap_scratch(s, ops, count);
	for (i = 0; i < count; ++i)
		ops[i].status = s->unmap[i].status;
	scratch_put(s);
	return rc < 0 ? rc : rc ? -EIO : 0;
}
EXPORT_SYMBOL_GPL(kapi_grant_unmap);
