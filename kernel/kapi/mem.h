/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory: small objects, and whole pages that can be granted to a peer. */
#ifndef XENPV_KAPI_MEM_H
#define XENPV_KAPI_MEM_H
#include <kapi/types.h>

KAPI_BEGIN

enum kapi_context {
	KAPI_MAY_SLEEP = 0,
	KAPI_ATOMIC = 1,
};

/* Zeroed memory of `size` bytes, or NULL.  Aligned for any fundamental type. */
void *kapi_alloc(size_t size, enum kapi_context ctx);
/* NULL is allowed.  Any context. */
void kapi_free(void *p);

/* One zeroed page of our own: `page` is the kernel's handle, `addr` where the
 * CPU sees it, `frame` what a grant names (guest frame number). */
struct kapi_page {
	void *page;
	void *addr;
	uint64_t frame;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_page) == 24);

/* 0 or -ENOMEM. */
int kapi_page_alloc(struct kapi_page *out, enum kapi_context ctx);
/* Takes a reference on a page, ours or lent to us with a request; the page's memory is
 * reused when the last one is dropped.  Returns what to release.  NULL: the kernel does not
 * count references of such a page (where it allocates small objects), and its memory is
 * reused when its user frees it.  Any context. */
void *kapi_page_hold(void *page);
/* NULL is allowed.  Any context. */
void kapi_page_release(void *page);

KAPI_END
#endif
