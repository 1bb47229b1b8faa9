// SPDX-License-Identifier: GPL-2.0-only
/* The interface "vif<domid>.<handle>": what it receives is what the guest sends. */
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include "held.h"
#include "netback.h"

#define OFFLOADS (NETIF_F_SG | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | NETIF_F_TSO | NETIF_F_TSO6)

#define MAX_MTU (KAPI_NET_MAX_PACKET - ETH_HLEN)

/* --- to the guest --------------------------------------------------------- */

/*
 * Under the queue's tx lock.  What the engine said of stopping may be old when it gets
 * here: the queue's thread may have made room since.  So the thread counts first and wakes
 * then; we stop first and look at the count then.
 */
static void stop_queue(struct xenpv_vif_queue *queue, struct netdev_queue *txq, int wakes_before)
{
	netif_tx_stop_queue(txq);
	/* Pairs with the one in kapi_netback_wake. */
	smp_mb();
	if (atomic_read(&queue->wakes) != wakes_before)
		netif_tx_wake_queue(txq);
}

/* The skb is the engine's, or freed. */
static void hand_over(struct kapi_netback *net, struct xenpv_netback *back, u32 index,
		      struct sk_buff *skb, bool more)
{
	struct xenpv_vif_queue *queue = &net->queue[index];
	struct kapi_net_meta meta;
	int wakes, rc;

	skb_tx_timestamp(skb);
	/* A guest that takes its time must not hold up a socket, nor connection tracking. */
	skb_orphan(skb);
	nf_reset_ct(skb);
	xenpv_skb_meta(skb, &meta);
	if (xenpv_netback_hashing(back)) {
		struct kapi_net_flow flow;

		xenpv_skb_flow(skb, &flow);
		xenpv_netback_hash(back, &flow, &meta);
	}
	wakes = atomic_read(&queue->wakes);
	xenpv_held_queued(skb);
	rc = xenpv_netback_transmit(back, index, skb, skb->data, &meta, more);
	if (rc > 0)
		stop_queue(queue, netdev_get_tx_queue(net->dev, index), wakes);
	if (rc >= 0)
		return;
	xenpv_held_unqueued(skb);
	if (rc == -ENOENT)
		dev_consume_skb_any(skb);
	else
		dev_kfree_skb_any(skb);
}

/* The queue a guest that set up hashing wants the packet on; not asked while there is only
 * one. */
static u16 select_queue(struct net_device *dev, struct sk_buff *skb, struct net_device *sb_dev)
{
	struct kapi_netback *net = netdev_priv(dev);
	struct xenpv_netback *back;
	int queue = -ENOENT;

	/* Packet sockets that go past the queueing discipline come without it. */
	rcu_read_lock();
	back = rcu_dereference(net->back);
	if (back && xenpv_netback_hashing(back)) {
		struct kapi_net_flow flow;

		xenpv_skb_flow(skb, &flow);
		queue = xenpv_netback_steer(back, &flow);
	}
	rcu_read_unlock();
	/* The guest may have come back with fewer since. */
	if (queue >= 0 && queue < READ_ONCE(dev->real_num_tx_queues))
		return queue;
	return netdev_pick_tx(dev, skb, sb_dev);
}

static netdev_tx_t start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	u32 index = skb_get_queue_mapping(skb);
	struct kapi_netback *net = netdev_priv(dev);
	struct xenpv_vif_queue *queue = &net->queue[index];
	/* Connected before its creation has returned, the engine is not known yet. */
	struct xenpv_netback *back = rcu_dereference_bh(net->back);
	bool more = netdev_xmit_more() && !netif_xmit_stopped(netdev_get_tx_queue(dev, index));

	/* Pairs with the release in kapi_netback_connected. */
	if (!smp_load_acquire(&net->connected) || !back || index >= net->queues)
		goto refuse;
	if (!xenpv_skb_prepare(skb)) {
		/* It may have been announced. */
		if (!more)
			xenpv_netback_commit(back, index);
		goto refuse;
	}
	hand_over(net, back, index, skb, more);
	return NETDEV_TX_OK;

refuse:
	WRITE_ONCE(queue->tx_dropped, queue->tx_dropped + 1);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

void kapi_netback_wake(struct kapi_netback *net, uint32_t queue)
{
	atomic_inc(&net->queue[queue].wakes);
	/* Pairs with the one in stop_queue. */
	smp_mb__after_atomic();
	/* What this raises runs here and now, not when ksoftirqd finds time. */
	local_bh_disable();
	netif_tx_wake_queue(netdev_get_tx_queue(net->dev, queue));
	local_bh_enable();
}

/* --- the guest comes and goes --------------------------------------------- */

static netdev_features_t accepted(uint32_t features)
{
	netdev_features_t out = 0;

	if (features & KAPI_NET_SG)
		out |= NETIF_F_SG;
	if (features & KAPI_NET_CSUM4)
		out |= NETIF_F_IP_CSUM;
	if (features & KAPI_NET_CSUM6)
		out |= NETIF_F_IPV6_CSUM;
	if (features & KAPI_NET_GSO4)
		out |= NETIF_F_TSO;
	if (features & KAPI_NET_GSO6)
		out |= NETIF_F_TSO6;
	return out;
}

static int set_terms(struct net_device *dev, const struct kapi_netback_info *info)
{
	struct kapi_netback *net = netdev_priv(dev);
	int rc = netif_set_real_num_queues(dev, info->queues, info->queues);

	if (rc)
		return rc;
	net->queues = info->queues;
	net->accepted = accepted(info->features);
	netdev_update_features(dev);
	/* Before the guest came nobody knew: what the toolstack chose may be too much. */
	dev->max_mtu = info->features & KAPI_NET_SG ? MAX_MTU : ETH_DATA_LEN;
	if (dev->mtu > dev->max_mtu)
		rc = dev_set_mtu(dev, dev->max_mtu);
	return rc;
}

int kapi_netback_connected(struct kapi_netback *net, const struct kapi_netback_info *info)
{
	int rc;

	rtnl_lock();
	rc = set_terms(net->dev, info);
	if (!rc) {
		smp_store_release(&net->connected, true);
		netif_tx_wake_all_queues(net->dev);
		netif_carrier_on(net->dev);
	}
	rtnl_unlock();
	return rc;
}

void kapi_netback_disconnected(struct kapi_netback *net)
{
	WRITE_ONCE(net->connected, false);
	netif_carrier_off(net->dev);
	/* Takes every queue's tx lock once: whoever had it has left start_xmit, whoever
	 * takes it now sees the flag. */
	netif_tx_disable(net->dev);
}

static netdev_features_t fix_features(struct net_device *dev, netdev_features_t features)
{
	struct kapi_netback *net = netdev_priv(dev);

	return features & (net->accepted | ~OFFLOADS);
}

/* --- what the system sees ------------------------------------------------- */

static void get_stats64(struct net_device *dev, struct rtnl_link_stats64 *out)
{
	struct kapi_netback *net = netdev_priv(dev);
	struct xenpv_netback *back;
	u32 i;

	rcu_read_lock();
	back = rcu_dereference(net->back);
	for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i) {
		struct kapi_netback_queue_stats stats = {};

		if (back)
			xenpv_netback_queue_stats(back, i, &stats);
		out->rx_packets += stats.tx_packets;
		out->rx_bytes += stats.tx_bytes;
		out->rx_errors += stats.tx_errors;
		out->rx_dropped += READ_ONCE(net->queue[i].rx_dropped);
		out->tx_packets += stats.rx_packets;
		out->tx_bytes += stats.rx_bytes;
		out->tx_errors += stats.rx_errors;
		out->tx_dropped += stats.rx_dropped + READ_ONCE(net->queue[i].tx_dropped);
	}
	rcu_read_unlock();
}

static const struct net_device_ops vif_ops = {
	.ndo_start_xmit = start_xmit,
	.ndo_select_queue = select_queue,
	.ndo_get_stats64 = get_stats64,
	.ndo_fix_features = fix_features,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void set_up(struct net_device *dev)
{
	/* Not the guest's, which is at the other end of the wire; and the highest there is:
	 * a bridge takes the lowest of its ports for its own. */
	static const u8 address[ETH_ALEN] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };

	ether_setup(dev);
	/* Packets are kept, and changed. */
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->netdev_ops = &vif_ops;
	dev->ethtool_ops = &xenpv_vif_ethtool_ops;
	dev->hw_features = OFFLOADS;
	dev->features = OFFLOADS;
	/* Behind a tag, guests find no checksum to fill in. */
	dev->vlan_features = NETIF_F_SG;
	dev->tx_queue_len = 64;
	dev->max_mtu = MAX_MTU;
	eth_hw_addr_set(dev, address);
	/* Ethernet header included, in 16 bits on the ring. */
	netif_set_tso_max_size(dev, KAPI_NET_MAX_PACKET);
	netif_carrier_off(dev);
}

/* --- life ------------------------------------------------------------------ */

struct kapi_netback *xenpv_vif_create(struct xenbus_device *bus, unsigned int handle)
{
	struct net_device *dev;
	struct kapi_netback *net;
	char name[IFNAMSIZ];
	int rc;
	u32 i;

	/* Scripts look for it by this name, so that it must be neither cut nor changed. */
	if (snprintf(name, sizeof(name), "vif%u.%u", bus->otherend_id, handle) >= sizeof(name))
		return ERR_PTR(-ENAMETOOLONG);
	dev = alloc_netdev_mqs(sizeof(*net), name, NET_NAME_PREDICTABLE, set_up,
			       KAPI_NET_MAX_QUEUES, KAPI_NET_MAX_QUEUES);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	SET_NETDEV_DEV(dev, &bus->dev);
	net = netdev_priv(dev);
	net->dev = dev;
	net->bus = bus;
	net->accepted = OFFLOADS;
	for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i)
		INIT_LIST_HEAD(&net->queue[i].received);
	rc = register_netdev(dev);
	if (rc) {
		free_netdev(dev);
		return ERR_PTR(rc);
	}
	return net;
}

void xenpv_vif_destroy(struct kapi_netback *net)
{
	struct sk_buff *skb, *next;
	u32 i;

	unregister_netdev(net->dev);
	/* Threads that ended before their flush. */
	for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i)
		list_for_each_entry_safe(skb, next, &net->queue[i].received, list)
		{
			skb_list_del_init(skb);
			kfree_skb(skb);
		}
	free_netdev(net->dev);
}
