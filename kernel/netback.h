/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the network backend's adapter share. */
#ifndef XENPV_KERNEL_NETBACK_H
#define XENPV_KERNEL_NETBACK_H
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>

#include <kapi/netback.h>

#include "unregister.h"
#include "xenbus.h"

/* One side of it per context, so that they do not share cache lines. */
struct xenpv_vif_queue {
	/* To the guest: under the queue's tx lock. */
	unsigned long tx_dropped; /* before the engine saw them */
	atomic_t wakes; /* how often there was room again: any context, and seldom */

	/* From the guest: the queue's thread. */
	struct list_head received ____cacheline_aligned_in_smp; /* until flushed */
	unsigned long rx_dropped;
} ____cacheline_aligned_in_smp;

/* The private part of the net_device. */
struct kapi_netback {
	struct net_device *dev;
	struct xenbus_device *bus;
	struct xenpv_netback __rcu *back; /* the engine; NULL before and after */
	struct xenbus_watch watches[3]; /* hotplug-status, rate, request-multicast-control */
	struct xenpv_unregister unregister;

	/* What the guest takes, and how many queues it has: under RTNL, and steady while
	 * connected. */
	netdev_features_t accepted;
	uint32_t queues;
	bool connected; /* read under a queue's tx lock */

	struct xenpv_vif_queue queue[KAPI_NET_MAX_QUEUES];
};

/* netback_vif.c: the net_device, registered and without an engine. */
struct kapi_netback *xenpv_vif_create(struct xenbus_device *bus, unsigned int handle);
/* After the engine is destroyed.  Frees net. */
void xenpv_vif_destroy(struct kapi_netback *net);

/* netback_skb.c.  Makes a packet one that the guest can be given, however long it takes
 * to fetch it.  BH context.  False: it cannot. */
bool xenpv_skb_prepare(struct sk_buff *skb);
void xenpv_skb_meta(const struct sk_buff *skb, struct kapi_net_meta *out);

/* netback_flow.c.  Any context. */
void xenpv_skb_flow(const struct sk_buff *skb, struct kapi_net_flow *out);

/* For a thread that serves a guest: no I/O, which may be this guest's to serve, and no
 * endless search: a packet may be lost. */
#define GFP_PACKET (GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY)
/* An skb with `linear` bytes to be written, and where they are.  NULL: no memory. */
struct sk_buff *xenpv_skb_alloc(struct kapi_netback *net, u32 linear,
				struct kapi_net_layout *layout);

/* netback_held.c.  Of an skb that is dropped before anything was attached. */
void xenpv_skb_forget_holder(struct sk_buff *skb);

/* netback_ethtool.c */
extern const struct ethtool_ops xenpv_vif_ethtool_ops;

#endif
