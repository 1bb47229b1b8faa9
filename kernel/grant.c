// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <xen/grant_table.h>
#include <xen/interface/grant_table.h>

#include <asm/xen/hypercall.h>

#include <kapi/grant.h>

#include "kapi_module.h"
#include "narrow.h"

static_assert(KAPI_SELF == DOMID_SELF);
static_assert(sizeof(grant_ref_t) == sizeof(uint32_t));
static_assert(sizeof(struct kapi_copy_op) == sizeof(struct gnttab_copy));
static_assert(offsetof(struct kapi_copy_op, source.domid) ==
	      offsetof(struct gnttab_copy, source.domid));
static_assert(offsetof(struct kapi_copy_op, source.offset) ==
	      offsetof(struct gnttab_copy, source.offset));
static_assert(offsetof(struct kapi_copy_op, dest) == offsetof(struct gnttab_copy, dest));
static_assert(offsetof(struct kapi_copy_op, length) == offsetof(struct gnttab_copy, len));
static_assert(offsetof(struct kapi_copy_op, flags) == offsetof(struct gnttab_copy, flags));
static_assert(offsetof(struct kapi_copy_op, status) == offsetof(struct gnttab_copy, status));
static_assert(KAPI_COPY_SOURCE_REF == GNTCOPY_source_gref);
static_assert(KAPI_COPY_DEST_REF == GNTCOPY_dest_gref);

/* How the table ends a chain of references: what is left of an emptied one. */
static grant_ref_t chain_end;

int xenpv_grant_init_refs(void)
{
	grant_ref_t chain, ref;

	if (gnttab_alloc_grant_references(1, &chain))
		return -ENOSPC;
	ref = gnttab_claim_grant_reference(&chain);
	chain_end = chain;
	gnttab_free_grant_reference(ref);
	return 0;
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
	gnttab_grant_foreign_access_ref(ref, xenpv_narrow(domid), frame, readonly);
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

int kapi_grant_copy(struct kapi_copy_op *ops, uint32_t count)
{
	uint32_t i;
	int rc;

	if (!count || count > KAPI_COPY_BATCH)
		return count ? -EINVAL : 0;
	for (i = 0; i < count; ++i)
		ops[i].status = GNTST_general_error;
	rc = HYPERVISOR_grant_table_op(GNTTABOP_copy, ops, count);
	return rc < 0 ? rc : rc ? -EIO : 0;
}
EXPORT_SYMBOL_GPL(kapi_grant_copy);
