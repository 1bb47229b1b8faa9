/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What xenpv_grant.ko exports.  Drivers use the C++ types beside this header; C
 * linkage is the border between modules.
 */
#ifndef XENPV_GRANT_ABI_H
#define XENPV_GRANT_ABI_H
#include <kapi/grant.h>
#include <kapi/mem.h>
#include <kapi/types.h>

KAPI_BEGIN

struct xenpv_grant_account; /* what one device holds of the grant table */

/* A queue's free references: taken and put without a call or a lock (the queue
 * serialises), refilled and drained by batches. */
#define XENPV_REF_CACHE_SIZE 64u
#define XENPV_REF_CACHE_BATCH 32u
struct xenpv_ref_cache {
	struct xenpv_grant_account *account;
	struct xenpv_ref_cache *next;
	uint32_t count;
	uint32_t refs[XENPV_REF_CACHE_SIZE];
};

struct xenpv_grant_usage {
	uint64_t in_use; /* granted, or about to be */
	uint64_t peak; /* highest in_use seen */
	uint64_t cached; /* free, in the device's caches */
	uint64_t parked; /* ended by us, still mapped by the peer */
	uint64_t parked_total; /* ever parked */
	uint64_t exhausted; /* times no reference was to be had */
	uint64_t mapped; /* of the peer's frames, mapped here */
};

/* `owner` names the device in messages and under debugfs.  Process context.
 * NULL when there is no memory. */
struct xenpv_grant_account *xenpv_grant_account_create(const char *owner);
/* What is parked stays parked, accounted to nobody, until the peer lets go. */
void xenpv_grant_account_destroy(struct xenpv_grant_account *account);
void xenpv_grant_account_usage(struct xenpv_grant_account *account, struct xenpv_grant_usage *usage);

/* Any context. */
void xenpv_ref_cache_attach(struct xenpv_ref_cache *cache, struct xenpv_grant_account *account);
void xenpv_ref_cache_detach(struct xenpv_ref_cache *cache);
/* 0 with at least one reference in the cache, or -ENOSPC: the table is exhausted
 * or the peer keeps too many frames parked. */
int xenpv_ref_cache_refill(struct xenpv_ref_cache *cache);
/* Gives a batch back to the domain. */
void xenpv_ref_cache_drain(struct xenpv_ref_cache *cache);

/* Access through `ref` is over for good: reference and page go back, at once or,
 * while the peer has it mapped, by way of the parking lot.  Any context. */
void xenpv_grant_close(struct xenpv_grant_account *account, uint32_t ref, void *page);
/* The peer still has `ref` mapped: keep it and the caller's reference on `page`
 * until it lets go.  Any context. */
void xenpv_grant_park(struct xenpv_grant_account *account, uint32_t ref, void *page);

struct xenpv_grant_costs {
	uint64_t map_hypercalls;
	uint64_t map_operations;
	uint64_t unmap_hypercalls;
	uint64_t unmap_operations;
	uint64_t copy_hypercalls;
	uint64_t copy_operations;
};
/* Each operation's status is set, also when the hypercall failed as a whole;
 * "try again" is retried for at most a second in all.  Costs are added to *costs.
 * Process context. */
void xenpv_grant_map(struct xenpv_grant_account *account, struct kapi_map_op *ops, uint32_t count,
		     struct xenpv_grant_costs *costs);
/* Unmaps those whose status is 0: they are moved to the front of `ops`, their
 * number is returned, and their status says whether the page may be reused. */
uint32_t xenpv_grant_unmap(struct xenpv_grant_account *account, struct kapi_map_op *ops, uint32_t count,
			   struct xenpv_grant_costs *costs);
/* Ends grants whose pages are still looked at, as kapi_grant_replace; each operation has
 * its status, also when this kind of domain cannot.  Returns how many were replaced. */
uint32_t xenpv_grant_replace(struct xenpv_grant_account *account, struct kapi_map_op *ops, uint32_t count,
			     struct xenpv_grant_costs *costs);
/* In atomic context nothing is retried. */
void xenpv_grant_copy(struct kapi_copy_op *ops, uint32_t count, enum kapi_context ctx, struct xenpv_grant_costs *costs);

/* Module life. */
int xenpv_grant_init(void);
void xenpv_grant_exit(void);

KAPI_END
#endif
