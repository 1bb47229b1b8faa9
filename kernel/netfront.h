/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the network frontend's adapter share. */
#ifndef XENPV_KERNEL_NETFRONT_H
#define XENPV_KERNEL_NETFRONT_H
#include <linux/cache.h>
#include <linux/ethtool.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include <kapi/netfront.h>

#include "xenbus.h"

#define XENPV_NET_RING 256 /* slots of each ring: one page */

struct page_pool;

/* What only the adapter knows.  Each has one writer at a time and many readers. */
struct xenpv_net_counts {
	unsigned long tx_dropped; /* could not be sent at all */
	unsigned long tx_repacked; /* had the wrong shape and went through fresh pages */
	unsigned long tx_waits; /* found no grant references or memory */
	unsigned long rx_dropped; /* no memory */
	unsigned long rx_odd; /* headers that do not fit what the backend said of them */
	unsigned long rx_fixed; /* segmentation without a blank checksum */
};

#define xenpv_net_count(member) WRITE_ONCE((member), (member) + 1)

struct xenpv_net_queue {
	struct kapi_netfront *nf;
	uint32_t index;
	/* All pages of the queue are of it; NULL: they are plain ones.  From probe on. */
	struct page_pool *pool;

	/* Written by poll. */
	struct napi_struct napi ____cacheline_aligned_in_smp;
	int budget; /* of the poll that runs; 0: not NAPI's */
	unsigned int sent_packets; /* not yet told to the byte queue limits */
	unsigned int sent_bytes;
	struct hrtimer rx_timer; /* when rx_frames do not come */
	unsigned long tx_ended;

	/* Written under the transmit lock. */
	unsigned long tx_taken ____cacheline_aligned_in_smp;
	atomic_t unsent_bytes; /* told to the limits as queued, then refused */
	/* Up: ends a wait for references.  Down: collects what was still in the ring. */
	struct timer_list timer;
	bool waiting;
	unsigned int collects; /* how often it still may */

	struct xenpv_net_counts counts;
};

struct kapi_netfront {
	struct xenbus_device *bus;
	struct xenpv_netfront *front; /* the engine */

	/*
	 * Serialises calls that the engine wants serialised.  Never taken under the RTNL
	 * lock: within those calls the engine has us make and change the net_device.
	 */
	struct mutex life_lock;
	/* Against remove: no net_device is made any more. */
	struct mutex ready_lock;
	bool removing;

	struct net_device *dev; /* NULL: not yet; published with release */
	struct kapi_netfront_info info; /* changes under RTNL and while paused */

	/* Guards what runs: the four below.  Taken under the RTNL lock, not the reverse. */
	struct mutex run_lock;
	bool paused; /* by the engine; transmit looks at it without the lock */
	bool up; /* by the administrator */
	bool carrier;
	unsigned int polling; /* queues whose NAPI is enabled */

	/* Written by ethtool.  Between events, for what arrives: so many slots at most, and so
	 * long. */
	unsigned int tx_frames;
	unsigned int rx_frames;
	unsigned int rx_usecs;

	struct delayed_work announce_work;
	/* Of the administrator, for the work that reconnects. */
	struct work_struct wishes_work;
	uint32_t wanted_queues; /* 0: none said */
	bool no_rx_csum;

	struct xenpv_net_queue queues[KAPI_NET_MAX_QUEUES];
};

static inline struct kapi_netfront *netfront_of(const struct net_device *dev)
{
	return *(struct kapi_netfront **)netdev_priv(dev);
}

/* netfront_dev.c */
/* Takes the interface from the system; the engine is there still. */
void xenpv_net_unregister(struct kapi_netfront *nf);
/* Without an engine any more. */
void xenpv_net_free(struct kapi_netfront *nf);

/* netfront_queue.c */
void xenpv_net_queues_init(struct kapi_netfront *nf);
int xenpv_net_poll(struct napi_struct *napi, int budget);
int xenpv_net_open(struct net_device *dev);
int xenpv_net_stop(struct net_device *dev);
/* References or memory were short: the queue is stopped, and started after a while. */
void xenpv_net_wait(struct xenpv_net_queue *q, struct netdev_queue *txq);

/* netfront_tx.c */
netdev_tx_t xenpv_net_xmit(struct sk_buff *skb, struct net_device *dev);

/* netfront_rx.c */
void xenpv_net_pools_init(struct kapi_netfront *nf);
void xenpv_net_pools_exit(struct kapi_netfront *nf);

/* netfront_ethtool.c */
extern const struct ethtool_ops xenpv_net_ethtool_ops;
void xenpv_net_stats(struct net_device *dev, struct rtnl_link_stats64 *to);

#endif
