// SPDX-License-Identifier: GPL-2.0-only
/* Whose a packet to the guest is: what the engine hashes. */
#include <linux/in.h>
#include <linux/skbuff.h>
#include <net/flow_dissector.h>

#include "netback.h"

void xenpv_skb_flow(const struct sk_buff *skb, struct kapi_net_flow *out)
{
	struct flow_keys keys;

	*out = (struct kapi_net_flow){};
	/* The guest looks at the outermost header, as hardware does, and so do we. */
	if (!skb_flow_dissect_flow_keys(skb, &keys, FLOW_DISSECTOR_F_STOP_AT_ENCAP))
		return;
	switch (keys.control.addr_type) {
	case FLOW_DISSECTOR_KEY_IPV4_ADDRS:
		out->version = 4;
		memcpy(out->source, &keys.addrs.v4addrs.src, 4);
		memcpy(out->destination, &keys.addrs.v4addrs.dst, 4);
		break;
	case FLOW_DISSECTOR_KEY_IPV6_ADDRS:
		out->version = 6;
		memcpy(out->source, &keys.addrs.v6addrs.src, 16);
		memcpy(out->destination, &keys.addrs.v6addrs.dst, 16);
		break;
	default:
		return;
	}
	/* Only a first fragment has ports, and all are to go one way. */
	if (keys.basic.ip_proto != IPPROTO_TCP || (keys.control.flags & FLOW_DIS_IS_FRAGMENT))
		return;
	out->tcp = 1;
	memcpy(out->source_port, &keys.ports.src, 2);
	memcpy(out->destination_port, &keys.ports.dst, 2);
}
