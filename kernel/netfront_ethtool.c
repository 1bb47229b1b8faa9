// SPDX-License-Identifier: GPL-2.0-only
/* What administrators see of an interface and its queues. */
#include <linux/ethtool.h>
#include <linux/netdevice.h>

#include "netfront.h"

#define MAX_RX_USECS 10000

struct row {
	const char *name; /* with the queue's number */
	size_t offset;
};

static const struct row engine_rows[] = {
	{ "tx_queue_%u_packets", offsetof(struct kapi_netfront_queue_stats, tx_packets) },
	{ "tx_queue_%u_bytes", offsetof(struct kapi_netfront_queue_stats, tx_bytes) },
	{ "tx_queue_%u_slots", offsetof(struct kapi_netfront_queue_stats, tx_slots) },
	{ "tx_queue_%u_errors", offsetof(struct kapi_netfront_queue_stats, tx_errors) },
	{ "tx_queue_%u_pushes", offsetof(struct kapi_netfront_queue_stats, tx_pushes) },
	{ "tx_queue_%u_copied", offsetof(struct kapi_netfront_queue_stats, tx_copied) },
	{ "tx_queue_%u_stalls", offsetof(struct kapi_netfront_queue_stats, tx_stalls) },
	{ "rx_queue_%u_packets", offsetof(struct kapi_netfront_queue_stats, rx_packets) },
	{ "rx_queue_%u_bytes", offsetof(struct kapi_netfront_queue_stats, rx_bytes) },
	{ "rx_queue_%u_slots", offsetof(struct kapi_netfront_queue_stats, rx_slots) },
	{ "rx_queue_%u_errors", offsetof(struct kapi_netfront_queue_stats, rx_errors) },
	{ "rx_queue_%u_pushes", offsetof(struct kapi_netfront_queue_stats, rx_pushes) },
	{ "rx_queue_%u_recycled", offsetof(struct kapi_netfront_queue_stats, rx_recycled) },
	{ "rx_queue_%u_no_page", offsetof(struct kapi_netfront_queue_stats, rx_no_page) },
	{ "queue_%u_notifications_sent",
	  offsetof(struct kapi_netfront_queue_stats, notifications_sent) },
	{ "queue_%u_notifications_suppressed",
	  offsetof(struct kapi_netfront_queue_stats, notifications_suppressed) },
	{ "queue_%u_events_received", offsetof(struct kapi_netfront_queue_stats, events_received) },
	{ "queue_%u_events_spurious", offsetof(struct kapi_netfront_queue_stats, events_spurious) },
};
static_assert(ARRAY_SIZE(engine_rows) * sizeof(uint64_t) ==
	      sizeof(struct kapi_netfront_queue_stats));

static const struct row adapter_rows[] = {
	{ "tx_queue_%u_dropped", offsetof(struct xenpv_net_counts, tx_dropped) },
	{ "tx_queue_%u_repacked", offsetof(struct xenpv_net_counts, tx_repacked) },
	{ "tx_queue_%u_waits", offsetof(struct xenpv_net_counts, tx_waits) },
	{ "rx_queue_%u_dropped", offsetof(struct xenpv_net_counts, rx_dropped) },
	{ "rx_queue_%u_odd", offsetof(struct xenpv_net_counts, rx_odd) },
	{ "rx_queue_%u_gso_fixed", offsetof(struct xenpv_net_counts, rx_fixed) },
};
static_assert(ARRAY_SIZE(adapter_rows) * sizeof(unsigned long) == sizeof(struct xenpv_net_counts));

#define ROWS (ARRAY_SIZE(engine_rows) + ARRAY_SIZE(adapter_rows))

void xenpv_net_stats(struct net_device *dev, struct rtnl_link_stats64 *to)
{
	struct kapi_netfront *nf = netfront_of(dev);
	unsigned int i;

	/* All that ever were: a reconnect may leave fewer, and totals do not go back. */
	for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i) {
		const struct xenpv_net_counts *c = &nf->queues[i].counts;
		struct kapi_netfront_queue_stats s;

		xenpv_netfront_queue_stats(nf->front, i, &s);
		to->tx_packets += s.tx_packets;
		to->tx_bytes += s.tx_bytes;
		to->tx_errors += s.tx_errors;
		to->tx_dropped += READ_ONCE(c->tx_dropped);
		to->rx_packets += s.rx_packets;
		to->rx_bytes += s.rx_bytes;
		to->rx_errors += s.rx_errors + READ_ONCE(c->rx_odd);
		to->rx_dropped += READ_ONCE(c->rx_dropped);
	}
}

static int get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? ROWS * dev->real_num_tx_queues : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, uint32_t set, uint8_t *to)
{
	unsigned int queue, i;

	if (set != ETH_SS_STATS)
		return;
	for (queue = 0; queue < dev->real_num_tx_queues; ++queue) {
		for (i = 0; i < ARRAY_SIZE(engine_rows); ++i)
			ethtool_sprintf(&to, engine_rows[i].name, queue);
		for (i = 0; i < ARRAY_SIZE(adapter_rows); ++i)
			ethtool_sprintf(&to, adapter_rows[i].name, queue);
	}
}

static void get_ethtool_stats(struct net_device *dev, struct ethtool_stats *unused, u64 *to)
{
	struct kapi_netfront *nf = netfront_of(dev);
	unsigned int queue, i;

	for (queue = 0; queue < dev->real_num_tx_queues; ++queue) {
		const void *counts = &nf->queues[queue].counts;
		struct kapi_netfront_queue_stats s;

		xenpv_netfront_queue_stats(nf->front, queue, &s);
		for (i = 0; i < ARRAY_SIZE(engine_rows); ++i)
			*to++ = *(uint64_t *)((void *)&s + engine_rows[i].offset);
		for (i = 0; i < ARRAY_SIZE(adapter_rows); ++i)
			*to++ = READ_ONCE(*(unsigned long *)(counts + adapter_rows[i].offset));
	}
}

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *to)
{
	strscpy(to->driver, "xenpv_netfront", sizeof(to->driver));
	strscpy(to->bus_info, dev_name(dev->dev.parent), sizeof(to->bus_info));
}

static int get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *to)
{
	uint32_t speed = netfront_of(dev)->info.speed;

	ethtool_link_ksettings_zero_link_mode(to, supported);
	ethtool_link_ksettings_zero_link_mode(to, advertising);
	to->base.speed = speed ? speed : SPEED_UNKNOWN;
	to->base.duplex = DUPLEX_FULL;
	to->base.port = PORT_OTHER;
	to->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

static void get_ringparam(struct net_device *dev, struct ethtool_ringparam *to,
			  struct kernel_ethtool_ringparam *more, struct netlink_ext_ack *extack)
{
	to->rx_max_pending = XENPV_NET_RING;
	to->tx_max_pending = XENPV_NET_RING;
	to->rx_pending = XENPV_NET_RING;
	to->tx_pending = XENPV_NET_RING;
}

static void get_channels(struct net_device *dev, struct ethtool_channels *to)
{
	const struct kapi_netfront_info *info = &netfront_of(dev)->info;

	to->max_combined = info->max_queues;
	to->combined_count = info->queues;
}

/*
 * The core has compared the numbers with get_channels.  To have another one both ends
 * begin anew, in which the engine comes back to us for the RTNL lock that our caller
 * holds: so it happens soon, not now.
 */
static int set_channels(struct net_device *dev, struct ethtool_channels *wish)
{
	struct kapi_netfront *nf = netfront_of(dev);

	WRITE_ONCE(nf->wanted_queues, wish->combined_count);
	schedule_work(&nf->wishes_work);
	return 0;
}

/*
 * How many responses the backend may gather before it sends an event; a response is a ring
 * slot, so a packet of more than a page counts as more than one frame.
 *
 * tx-frames: 0 is half of what is out; events are asked for at the last of them at the
 * latest, so nothing waits for a timer.  rx-frames: 1 is none to wait for; more needs
 * rx-usecs, after which what has come is fetched without an event.
 */
static int get_coalesce(struct net_device *dev, struct ethtool_coalesce *to,
			struct kernel_ethtool_coalesce *more, struct netlink_ext_ack *extack)
{
	const struct kapi_netfront *nf = netfront_of(dev);

	to->tx_max_coalesced_frames = nf->tx_frames;
	to->rx_max_coalesced_frames = nf->rx_frames;
	to->rx_coalesce_usecs = nf->rx_usecs;
	return 0;
}

/* The core has refused what supported_coalesce_params does not name. */
static int set_coalesce(struct net_device *dev, struct ethtool_coalesce *wish,
			struct kernel_ethtool_coalesce *more, struct netlink_ext_ack *extack)
{
	struct kapi_netfront *nf = netfront_of(dev);
	unsigned int rx_frames = max(wish->rx_max_coalesced_frames, 1u);
	unsigned int rx_usecs = wish->rx_coalesce_usecs;
	unsigned int i;

	/* The backend needs buffers while we wait. */
	if (wish->tx_max_coalesced_frames > XENPV_NET_RING || rx_frames > XENPV_NET_RING / 2) {
		NL_SET_ERR_MSG(extack, "tx-frames is 256 at most, rx-frames 128");
		return -EINVAL;
	}
	if (rx_usecs > MAX_RX_USECS || (rx_frames > 1) != !!rx_usecs) {
		NL_SET_ERR_MSG(extack,
			       "rx-frames over 1 and rx-usecs, 10000 at most, need each other");
		return -EINVAL;
	}
	WRITE_ONCE(nf->tx_frames, wish->tx_max_coalesced_frames);
	WRITE_ONCE(nf->rx_frames, rx_frames);
	/* Far events and no timer would leave packets lying: there is a time while there is a
	 * distance, and a poll between the two is followed by another. */
	if (rx_usecs)
		WRITE_ONCE(nf->rx_usecs, rx_usecs);
	xenpv_netfront_set_event_distance(nf->front, nf->tx_frames, nf->rx_frames);
	WRITE_ONCE(nf->rx_usecs, rx_usecs);
	mutex_lock(&nf->run_lock);
	for (i = 0; i < nf->polling; ++i)
		kapi_netfront_schedule(nf, i);
	mutex_unlock(&nf->run_lock);
	return 0;
}

const struct ethtool_ops xenpv_net_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_RX_USECS | ETHTOOL_COALESCE_MAX_FRAMES,
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = get_link_ksettings,
	.get_ringparam = get_ringparam,
	.get_coalesce = get_coalesce,
	.set_coalesce = set_coalesce,
	.get_channels = get_channels,
	.set_channels = set_channels,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
	.get_ts_info = ethtool_op_get_ts_info,
};
