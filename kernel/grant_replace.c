// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends a grant under a page that somebody still holds: a copy takes the frame's place.
 *
 * In a PV domain Xen swaps the page table entry in one step (GNTTABOP_unmap_and_replace), so
 * that other CPUs see the frame or the copy, never nothing.  The copy's memory is lent by a
 * page of ours, which has none meanwhile and gets it back at the end.  In a translated domain
 * there is no such step.
 */
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/interface/grant_table.h>
#include <xen/interface/xen.h>
#include <xen/page.h>
#include <xen/xen.h>

#include <asm/xen/hypercall.h>

#include <kapi/grant.h>

#ifdef CONFIG_XEN_PV

/* Both tables of which page has which memory: the domain's, and Xen's. */
static void set_memory_of(struct page *page, unsigned long mfn)
{
	unsigned long pfn = page_to_pfn(page);
	struct mmu_update update = { .ptr = ((u64)mfn << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE,
				     .val = pfn };

	/* The part of the table is the page's own: it held another value until now. */
	WARN_ON_ONCE(xen_safe_write_ulong(&xen_p2m_addr[pfn], mfn));
	if (mfn != INVALID_P2M_ENTRY)
		WARN_ON_ONCE(HYPERVISOR_mmu_update(&update, 1, NULL, DOMID_SELF));
}

static int show_memory(struct page *page, pte_t pte)
{
	return HYPERVISOR_update_va_mapping((unsigned long)page_address(page), pte,
					    UVMF_INVLPG | UVMF_ALL);
}

/*
 * Somebody may be about to copy the page by its grant: who finds the mark finds the grant's
 * name, though it has ended, and who does not finds the new frame.  So the name stays where
 * it is.
 */
static void replaced(struct page *page, struct page *lender, unsigned long mfn)
{
	set_memory_of(page, mfn);
	set_memory_of(lender, INVALID_P2M_ENTRY);
	/* Pairs with the order in which the two are looked at. */
	smp_wmb();
	ClearPageForeign(page);
}

/* What Xen refused half way may have cost the lender its entry. */
static void not_replaced(struct page *lender, unsigned long mfn)
{
	if (show_memory(lender, mfn_pte(mfn, PAGE_KERNEL)))
		pr_warn_once("xenpv: a page is lost that was to replace a granted one\n");
	else
		__free_page(lender);
}

static int replace(struct kapi_map_op *op)
{
	struct page *page = op->page;
	struct gnttab_unmap_and_replace swap = { .host_addr = (unsigned long)page_address(page),
						 .handle = op->handle,
						 .status = GNTST_general_error };
	/* Without it the guest's page stays mapped for as long as somebody likes. */
	struct page *lender = alloc_page(GFP_NOIO | __GFP_NOFAIL);
	unsigned long mfn;
	int rc;

	op->status = GNTST_general_error;
	if (page_to_pfn(lender) > U32_MAX) {
		__free_page(lender);
		return -ERANGE;
	}
	copy_page(page_address(lender), page_address(page));
	mfn = pfn_to_mfn(page_to_pfn(lender));
	swap.new_addr = (unsigned long)page_address(lender);
	rc = HYPERVISOR_grant_table_op(GNTTABOP_unmap_and_replace, &swap, 1);
	if (!rc)
		op->status = swap.status;
	if (op->status != GNTST_okay) {
		not_replaced(lender, mfn);
		return rc;
	}
	replaced(page, lender, mfn);
	/* The grant's own has no meaning any more. */
	op->handle = page_to_pfn(lender);
	return 0;
}

bool kapi_grant_can_replace(void)
{
	return xen_pv_domain();
}

int kapi_grant_replace(struct kapi_map_op *ops, uint32_t count)
{
	uint32_t i;
	int rc = 0;

	if (!xen_pv_domain())
		return -EOPNOTSUPP;
	for (i = 0; i < count && !rc; ++i)
		rc = replace(&ops[i]);
	return rc < 0 ? rc : rc ? -EIO : 0;
}
EXPORT_SYMBOL_GPL(kapi_grant_replace);

void kapi_grant_forget(const struct kapi_map_op *op)
{
	struct page *page = op->page;
	struct page *lender = pfn_to_page(op->handle);
	unsigned long mfn = pfn_to_mfn(page_to_pfn(page));

	if (show_memory(lender, mfn_pte(mfn, PAGE_KERNEL)) || show_memory(page, __pte(0))) {
		pr_warn_once("xenpv: a page is lost that replaced a granted one\n");
		return;
	}
	set_memory_of(lender, mfn);
	set_memory_of(page, INVALID_P2M_ENTRY);
	__free_page(lender);
	gnttab_free_pages(1, &page);
}

#else

bool kapi_grant_can_replace(void)
{
	return false;
}

int kapi_grant_replace(struct kapi_map_op *ops, uint32_t count)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(kapi_grant_replace);

void kapi_grant_forget(const struct kapi_map_op *op)
{
}

#endif
EXPORT_SYMBOL_GPL(kapi_grant_forget);
EXPORT_SYMBOL_GPL(kapi_grant_can_replace);
