/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other domains' pages that the network stack has as part of an skb.  The skb may outlive
 * the driver that mapped them, so what follows it is part of xenpv_kapi.ko, which stays.
 */
#ifndef XENPV_KERNEL_HELD_H
#define XENPV_KERNEL_HELD_H
#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/skbuff.h>

#include <kapi/netback.h>

struct xenpv_held {
	struct ubuf_info ubuf;
	struct kapi_net_holder owner;
	bool copied;
	atomic_t state;
	atomic_t queued; /* skbs of it that wait for a guest */
	atomic_t holders; /* once it was left: the skb, and the heir until it knows the pages */
	struct llist_node node;
	uint32_t nr_pages;
	struct kapi_map_op pages[KAPI_NET_MAX_ATTACHED];
};

/* NULL: no memory.  To be freed by the caller until it is given to an skb, and when it was
 * told of the release. */
struct xenpv_held *xenpv_held_alloc(const struct kapi_net_holder *owner, gfp_t gfp);
void xenpv_held_free(struct xenpv_held *held);
/* The frags of the skb, which has no other owner for them, are the holder's. */
void xenpv_held_give(struct xenpv_held *held, struct sk_buff *skb);
/* The frags of the skb are pages that were mapped so. */
bool xenpv_held_has(struct sk_buff *skb);
/* The skb, if it is one of ours, is about to wait for a guest, and nothing is done to it
 * from then on but copying by Xen; or it is about to be freed. */
void xenpv_held_queued(struct sk_buff *skb);
void xenpv_held_unqueued(struct sk_buff *skb);
/* As kapi_netback_leave, kapi_netback_only_queued and kapi_netback_inherit. */
bool xenpv_held_leave(struct xenpv_held *held);
bool xenpv_held_only_queued(struct xenpv_held *held);
void xenpv_held_inherit(struct xenpv_held *held, const struct kapi_map_op *ops, uint32_t count);

#endif
