// SPDX-License-Identifier: GPL-2.0-only
/* What ethtool shows of a vif. */
#include <linux/ethtool.h>
#include <linux/string.h>

#include "netback.h"

#define DRIVER_NAME "xenpv_netback"

/* The interface's "rx" is the guest's "tx": rows say whose direction they mean. */
struct row {
	const char *name;
	size_t offset;
};

#define ROW(text, field)                                               \
	{                                                              \
		text, offsetof(struct kapi_netback_queue_stats, field) \
	}

static const struct row rows[] = {
	ROW("from_guest_packets", tx_packets),
	ROW("from_guest_bytes", tx_bytes),
	ROW("from_guest_slots", tx_slots),
	ROW("from_guest_errors", tx_errors),
	ROW("from_guest_pushes", tx_pushes),
	ROW("to_guest_packets", rx_packets),
	ROW("to_guest_bytes", rx_bytes),
	ROW("to_guest_slots", rx_slots),
	ROW("to_guest_errors", rx_errors),
	ROW("to_guest_dropped", rx_dropped),
	ROW("to_guest_pushes", rx_pushes),
	ROW("to_guest_direct", rx_direct),
	ROW("passes", passes),
	ROW("wakeups", wakeups),
	ROW("naps", naps),
	ROW("copy_hypercalls", copy_hypercalls),
	ROW("copy_operations", copy_operations),
	ROW("from_guest_copied_bytes", tx_copied_bytes),
	ROW("from_guest_mapped", tx_mapped),
	ROW("from_guest_map_in_vain", tx_mapped_in_vain),
	ROW("from_guest_held", tx_held),
	ROW("from_guest_replaced", tx_replaced),
	ROW("from_guest_parked", tx_parked),
	ROW("map_hypercalls", map_hypercalls),
	ROW("map_operations", map_operations),
	ROW("unmap_hypercalls", unmap_hypercalls),
	ROW("unmap_operations", unmap_operations),
	ROW("notifications_sent", notifications_sent),
	ROW("notifications_suppressed", notifications_suppressed),
	ROW("events_received", events_received),
	ROW("events_spurious", events_spurious),
};
static_assert(ARRAY_SIZE(rows) * sizeof(u64) == sizeof(struct kapi_netback_queue_stats));

/* The adapter's own, after those: packets that never met the engine, or left it. */
static const char *const own_rows[] = { "from_guest_refused", "to_guest_refused" };

#define ROWS_PER_QUEUE (ARRAY_SIZE(rows) + ARRAY_SIZE(own_rows))

/* All of these are called under RTNL: the number of queues is steady. */

static int get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? dev->real_num_tx_queues * ROWS_PER_QUEUE : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 set, u8 *out)
{
	u32 queue, i;

	if (set != ETH_SS_STATS)
		return;
	for (queue = 0; queue < dev->real_num_tx_queues; ++queue) {
		for (i = 0; i < ARRAY_SIZE(rows); ++i)
			ethtool_sprintf(&out, "queue%u_%s", queue, rows[i].name);
		for (i = 0; i < ARRAY_SIZE(own_rows); ++i)
			ethtool_sprintf(&out, "queue%u_%s", queue, own_rows[i]);
	}
}

static void get_stats(struct net_device *dev, struct ethtool_stats *unused, u64 *out)
{
	struct kapi_netback *net = netdev_priv(dev);
	struct xenpv_netback *back;
	u32 queue, i;

	rcu_read_lock();
	back = rcu_dereference(net->back);
	for (queue = 0; queue < dev->real_num_tx_queues; ++queue) {
		struct kapi_netback_queue_stats stats = {};

		if (back)
			xenpv_netback_queue_stats(back, queue, &stats);
		for (i = 0; i < ARRAY_SIZE(rows); ++i)
			*out++ = *(u64 *)((char *)&stats + rows[i].offset);
		*out++ = READ_ONCE(net->queue[queue].rx_dropped);
		*out++ = READ_ONCE(net->queue[queue].tx_dropped);
	}
	rcu_read_unlock();
}

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, DRIVER_NAME, sizeof(info->driver));
	strscpy(info->bus_info, dev_name(dev->dev.parent), sizeof(info->bus_info));
}

const struct ethtool_ops xenpv_vif_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_stats,
};
