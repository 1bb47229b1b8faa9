/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet's hash as the stack has it; for both ends. */
#ifndef XENPV_KERNEL_NET_HASH_H
#define XENPV_KERNEL_NET_HASH_H
#include <linux/skbuff.h>

#include <kapi/net.h>

/* What the other end says of a packet that came.  It spreads packets, and decides nothing
 * else. */
static inline void xenpv_set_hash(struct sk_buff *skb, const struct kapi_net_meta *meta)
{
	bool ports =
		meta->hash_of == KAPI_NET_HASH_IPV4_TCP || meta->hash_of == KAPI_NET_HASH_IPV6_TCP;

	if (meta->hash_of != KAPI_NET_HASH_NONE)
		skb_set_hash(skb, meta->hash, ports ? PKT_HASH_TYPE_L4 : PKT_HASH_TYPE_L3);
}

#endif
