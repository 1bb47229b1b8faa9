/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant-table primitives (Xen public header grant_table.h).  Every call works on
 * a batch.  The grant layer (grant/) is the only caller; drivers use that.
 */
#ifndef XENPV_KAPI_GRANT_H
#define XENPV_KAPI_GRANT_H
#include <kapi/types.h>

KAPI_BEGIN

/* Takes `count` free references from the domain's table.  All or -ENOSPC. */
int kapi_grant_alloc(uint32_t *refs, uint32_t count);
/* Gives references back whose access has ended (or never began). */
void kapi_grant_free(const uint32_t *refs, uint32_t count);

/* Lets `domid` reach `frame` through `ref`.  Memory writes only, no hypercall. */
void kapi_grant_access(uint32_t ref, uint32_t domid, uint64_t frame, bool readonly);
/* Ends access; the reference stays the caller's.  False: the peer still has it
 * mapped, nothing changed, and the kernel says so in the log: for use where the peer
 * has no right to. */
bool kapi_grant_end(uint32_t ref);
/* Ends access and gives the reference back to the domain.  False, and silent, while
 * the peer still has it mapped. */
bool kapi_grant_revoke(uint32_t ref);

/* Status of one operation of a batch: 0, or a negative GNTST_ value of Xen. */
#define KAPI_GNTST_OKAY 0
#define KAPI_GNTST_GENERAL_ERROR (-1)
#define KAPI_GNTST_BAD_GNTREF (-3)
#define KAPI_GNTST_EAGAIN (-12)

/* Pages without memory behind them, for mapping other domains' frames into.
 * 0 or -ENOMEM, and no I/O is waited for.  Process context. */
int kapi_foreign_pages_alloc(void **pages, uint32_t count);
void kapi_foreign_pages_free(void **pages, uint32_t count);
/* Somebody else (network storage, for one) still holds a foreign page. */
bool kapi_foreign_busy(void *page);
/* Where the CPU sees a foreign page. */
void *kapi_foreign_addr(void *page);

struct kapi_map_op {
	void *page; /* in: from kapi_foreign_pages_alloc */
	uint32_t ref; /* in */
	uint32_t domid; /* in */
	uint32_t readonly; /* in: 0 or 1 */
	int32_t status; /* out; the caller sets an error before the call */
	uint32_t handle; /* out when status is 0; in for unmap */
	uint32_t pad;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_map_op) == 32);

#define KAPI_MAP_BATCH 64u

/* One hypercall for up to KAPI_MAP_BATCH operations.  0: read each status;
 * negative: the hypercall itself failed and nothing is mapped.  "Try again" is a status
 * like others, and to do so the caller's.  May sleep. */
int kapi_grant_map(struct kapi_map_op *ops, uint32_t count);
/* Undoes maps, each with its status; a page whose unmap failed must not be
 * reused.  Nobody may use the pages any more.  May sleep. */
int kapi_grant_unmap(struct kapi_map_op *ops, uint32_t count);

/* Whether kapi_grant_replace works in this kind of domain.  Any context. */
bool kapi_grant_can_replace(void);
/* Ends grants whose pages are still looked at: from then on each page shows a private
 * copy of what was in the frame, at the same address and with no moment of nothing in
 * between.  Status 0: replaced, and the page goes back by kapi_grant_forget; else it is
 * mapped as it was.  -EOPNOTSUPP: this kind of domain cannot.  May sleep. */
int kapi_grant_replace(struct kapi_map_op *ops, uint32_t count);
/* Gives the page of an operation back that replaced it, when nobody looks at it any more.
 * May sleep. */
void kapi_grant_forget(const struct kapi_map_op *op);

/* Laid out as struct gnttab_copy of Xen's header: a batch is handed over as it is. */
struct kapi_copy_end {
	union {
		uint64_t frame; /* of this domain */
		uint32_t ref; /* of the peer, when `flags` says so */
	};
	uint16_t domid;
	uint16_t offset; /* bytes */
};
#define KAPI_SELF 0x7FF0u

struct kapi_copy_op {
	struct kapi_copy_end source;
	struct kapi_copy_end dest;
	uint16_t length; /* bytes; neither end may leave its frame */
	uint16_t flags;
	int16_t status; /* out */
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_copy_end) == 16);
KAPI_STATIC_ASSERT(sizeof(struct kapi_copy_op) == 40);
#define KAPI_COPY_SOURCE_REF 1u
#define KAPI_COPY_DEST_REF 2u

#define KAPI_COPY_BATCH 64u
/* One hypercall for up to KAPI_COPY_BATCH copies; see kapi_grant_map.  Any context. */
int kapi_grant_copy(struct kapi_copy_op *ops, uint32_t count);

KAPI_END
#endif
