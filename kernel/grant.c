// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>

#include <asm/xen/hypercall.h>

#include <kapi/grant.h>

#include "kapi_module.h"

static_assert(KAPI_GNTST_OKAY == GNTST_okay);
static_assert(KAPI_GNTST_GENERAL_ERROR == GNTST_general_error);
static_assert(KAPI_GNTST_BAD_GNTREF == GNTST_bad_gntref);
static_assert(KAPI_GNTST_EAGAIN == GNTST_eagain);
static_assert(KAPI_SELF == DOMID_SELF);
static_assert(sizeof(grant_ref_t) == sizeof(uint32_t));
static_assert(sizeof(grant_handle_t) == sizeof(uint32_t));

/* What a hypercall of a full batch takes: too much for a kernel stack. */
struct scratch {
	union {
		struct gnttab_map_grant_ref map[KAPI_MAP_BATCH];
		struct gnttab_unmap_grant_ref unmap[KAPI_MAP_BATCH];
		struct gnttab_copy copy[KAPI_COPY_BATCH];
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

/* How the table ends a chain of references: what is left of an emptied one. */
static grant_ref_t chain_end;

int xenpv_grant_scratch_init(void)
{
	grant_ref_t chain, ref;

	if (gnttab_alloc_grant_references(1, &chain))
		return -ENOSPC;
	ref = gnttab_claim_grant_reference(&chain);
	chain_end = chain;
	gnttab_free_grant_reference(ref);

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

/* Xen's fields are narrower than ours: what does not fit becomes something Xen
 * refuses, not something else that it takes. */
static uint16_t narrow(uint32_t value)
{
	return min_t(uint32_t, value, U16_MAX);
}

int kapi_grant_alloc(uint32_t *refs, uint32_t count)
{
	grant_ref_t chain;
	uint32_t i;

	/* The table itself does not survive a wish for none. */
	if (!count)
		return 0;
	if (count > U16_MAX || gnttab_alloc_grant_references(count, &chain))
		return -ENOSPC;
	for (i = 0; i < count; ++i)
		refs[i] = gnttab_claim_grant_reference(&chain);
	return 0;
}
EXPORT_SYMBOL_GPL(kapi_grant_alloc);

void kapi_grant_free(const uint32_t *refs, uint32_t count)
{
	/* Chained first, so that the table's lock is taken once. */
	grant_ref_t chain = chain_end;
	uint32_t i;

	for (i = 0; i < count; ++i)
		gnttab_release_grant_reference(&chain, refs[i]);
	gnttab_free_grant_references(chain);
}
EXPORT_SYMBOL_GPL(kapi_grant_free);

void kapi_grant_access(uint32_t ref, uint32_t domid, uint64_t frame, bool readonly)
{
	gnttab_grant_foreign_access_ref(ref, narrow(domid), frame, readonly);
}
EXPORT_SYMBOL_GPL(kapi_grant_access);

bool kapi_grant_end(uint32_t ref)
{
	return gnttab_end_foreign_access_ref(ref);
}
EXPORT_SYMBOL_GPL(kapi_grant_end);

bool kapi_grant_revoke(uint32_t ref)
{
	return gnttab_try_end_foreign_access(ref);
}
EXPORT_SYMBOL_GPL(kapi_grant_revoke);

int kapi_foreign_pages_alloc(void **pages, uint32_t count)
{
	return gnttab_alloc_pages(count, (struct page **)pages);
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

/* The batch as a whole failed, perhaps half way: what it did map is let go. */
static void undo_maps(struct scratch *s, struct kapi_map_op *ops, uint32_t count)
{
	struct kapi_map_op *op;

	for (op = ops; op < ops + count; ++op) {
		if (op->status == KAPI_GNTST_OKAY &&
		    (unmap_scratch(s, op, 1) || s->unmap[0].status != GNTST_okay))
			pr_warn_once("xenpv: a frame of domain %u stays mapped\n", op->domid);
		op->status = KAPI_GNTST_GENERAL_ERROR;
	}
}

/*
 * gnttab_map_refs is the only exported way to have the p2m follow the map in a PV
 * domain.  It retries "try again" by itself, for up to half a minute, and then says
 * GNTST_bad_page: the caller's own retry finds nothing left to do here.
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
				  ops[i].ref, narrow(ops[i].domid));
		s->map[i].status = GNTST_general_error;
		s->pages[i] = ops[i].page;
	}
	rc = gnttab_map_refs(s->map, NULL, s->pages, count);
	for (i = 0; i < count; ++i) {
		ops[i].status = s->map[i].status;
		ops[i].handle = s->map[i].handle;
	}
	if (rc) {
		undo_maps(s, ops, count);
		rc = rc < 0 ? rc : -EIO;
	}
	scratch_put(s);
	return rc;
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

static void set_copy_end(struct gnttab_copy_ptr *to, const struct kapi_copy_end *end)
{
	to->domid = narrow(end->domid);
	to->offset = narrow(end->offset);
	if (end->domid == KAPI_SELF)
		to->u.gmfn = end->frame;
	else
		to->u.ref = end->ref;
}

int kapi_grant_copy(struct kapi_copy_op *ops, uint32_t count)
{
	struct scratch *s;
	uint32_t i;
	int rc;

	if (!count || count > KAPI_COPY_BATCH)
		return count ? -EINVAL : 0;
	s = scratch_get();
	for (i = 0; i < count; ++i) {
		struct gnttab_copy *copy = &s->copy[i];

		set_copy_end(&copy->source, &ops[i].source);
		set_copy_end(&copy->dest, &ops[i].dest);
		copy->len = narrow(ops[i].length);
		copy->flags = (ops[i].source.domid == KAPI_SELF ? 0 : GNTCOPY_source_gref) |
			      (ops[i].dest.domid == KAPI_SELF ? 0 : GNTCOPY_dest_gref);
		copy->status = GNTST_general_error;
	}
	rc = HYPERVISOR_grant_table_op(GNTTABOP_copy, s->copy, count);
	for (i = 0; i < count; ++i)
		ops[i].status = s->copy[i].status;
	scratch_put(s);
	return rc < 0 ? rc : rc ? -EIO : 0;
}
EXPORT_SYMBOL_GPL(kapi_grant_copy);
