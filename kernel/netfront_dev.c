// SPDX-License-Identifier: GPL-2.0-only
/* The frontend's net_device: made when the engine is connected for the first time,
 * refreshed each time it is again. */
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "netfront.h"

/* All that a backend may ever offer; what one does offer decides fix_features. */
#define OFFLOADS                                                                         \
	(NETIF_F_SG | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | NETIF_F_TSO | NETIF_F_TSO6 | \
	 NETIF_F_RXCSUM)

static netdev_features_t fix_features(struct net_device *dev, netdev_features_t features)
{
	uint32_t can = netfront_of(dev)->info.features;

	if (!(can & KAPI_NET_SG))
		features &= ~NETIF_F_SG;
	if (!(can & KAPI_NET_CSUM4))
		features &= ~NETIF_F_IP_CSUM;
	if (!(can & KAPI_NET_CSUM6))
		features &= ~NETIF_F_IPV6_CSUM;
	/* What is to be segmented takes many slots. */
	if (!(can & KAPI_NET_GSO4) || !(features & NETIF_F_SG))
		features &= ~NETIF_F_TSO;
	if (!(can & KAPI_NET_GSO6) || !(features & NETIF_F_SG))
		features &= ~NETIF_F_TSO6;
	return features;
}

/*
 * `ethtool -K ... rx off`: the guest wants packets whose checksums are filled in, as when
 * it forwards them to what cannot do that.  Only the backend can see to it, and it asks
 * when it connects; so that happens anew, soon, as with another number of queues.
 */
static int set_features(struct net_device *dev, netdev_features_t features)
{
	struct kapi_netfront *nf = netfront_of(dev);

	if ((dev->features ^ features) & NETIF_F_RXCSUM) {
		WRITE_ONCE(nf->no_rx_csum, !(features & NETIF_F_RXCSUM));
		schedule_work(&nf->wishes_work);
	}
	return 0;
}

static const struct net_device_ops operations = {
	.ndo_open = xenpv_net_open,
	.ndo_stop = xenpv_net_stop,
	.ndo_start_xmit = xenpv_net_xmit,
	.ndo_get_stats64 = xenpv_net_stats,
	.ndo_fix_features = fix_features,
	.ndo_set_features = set_features,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void publish(struct kapi_netfront *nf, struct net_device *dev)
{
	mutex_lock(&nf->run_lock);
	/* Release: whoever sees it sees its NAPI. */
	smp_store_release(&nf->dev, dev);
	mutex_unlock(&nf->run_lock);
}

static int make(struct kapi_netfront *nf, const struct kapi_netfront_info *info)
{
	struct net_device *dev;
	uint32_t i;
	int rc;

	dev = alloc_etherdev_mqs(sizeof(nf), KAPI_NET_MAX_QUEUES, KAPI_NET_MAX_QUEUES);
	if (!dev)
		return -ENOMEM;
	*(struct kapi_netfront **)netdev_priv(dev) = nf;
	nf->info = *info;
	SET_NETDEV_DEV(dev, &nf->bus->dev);
	dev->netdev_ops = &operations;
	dev->ethtool_ops = &xenpv_net_ethtool_ops;
	eth_hw_addr_set(dev, info->mac);
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = info->max_mtu;
	dev->mtu = clamp_t(uint32_t, info->mtu, dev->min_mtu, dev->max_mtu);
	dev->hw_features = OFFLOADS;
	dev->features = OFFLOADS | NETIF_F_HIGHDMA;
	/* Backends look for IP right behind the Ethernet header: tagged packets go with
	 * their checksums filled in. */
	dev->vlan_features = NETIF_F_SG | NETIF_F_HIGHDMA;
	netif_set_tso_max_size(dev, KAPI_NET_MAX_PACKET);
	for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i)
		netif_napi_add(dev, &nf->queues[i].napi, xenpv_net_poll);
	netif_carrier_off(dev);
	rc = netif_set_real_num_queues(dev, info->queues, info->queues);
	if (rc) {
		free_netdev(dev);
		return rc;
	}
	/* First: as soon as it is registered somebody may open it. */
	publish(nf, dev);
	rc = register_netdev(dev);
	if (rc) {
		publish(nf, NULL);
		free_netdev(dev);
	}
	return rc;
}

/* The addresses and the MTU, as far as it still fits, are the administrator's. */
static int refresh(struct kapi_netfront *nf, const struct kapi_netfront_info *info)
{
	struct net_device *dev = nf->dev;
	int rc;

	rtnl_lock();
	nf->info = *info;
	dev->max_mtu = info->max_mtu;
	if (dev->mtu > dev->max_mtu) {
		netdev_warn(dev, "the backend carries an MTU of %u at most\n", info->max_mtu);
		dev_set_mtu(dev, dev->max_mtu);
	}
	rc = netif_set_real_num_queues(dev, info->queues, info->queues);
	netdev_update_features(dev);
	rtnl_unlock();
	return rc;
}

int kapi_netfront_ready(struct kapi_netfront *nf, const struct kapi_netfront_info *info)
{
	int rc;

	if (!info->queues || info->queues > KAPI_NET_MAX_QUEUES)
		return -EINVAL;
	mutex_lock(&nf->run_lock);
	nf->carrier = info->carrier;
	mutex_unlock(&nf->run_lock);
	mutex_lock(&nf->ready_lock);
	if (nf->removing)
		rc = -ENODEV;
	else
		rc = nf->dev ? refresh(nf, info) : make(nf, info);
	mutex_unlock(&nf->ready_lock);
	return rc;
}

void xenpv_net_unregister(struct kapi_netfront *nf)
{
	/* It takes the RTNL lock, and only an unpause would queue it again. */
	cancel_delayed_work_sync(&nf->announce_work);
	if (nf->dev)
		unregister_netdev(nf->dev);
}

void xenpv_net_free(struct kapi_netfront *nf)
{
	if (nf->dev)
		free_netdev(nf->dev);
	/* After NAPI.  A pool stays behind until the last skb with a page of it is gone. */
	xenpv_net_pools_exit(nf);
	kfree(nf);
}
