/* SPDX-License-Identifier: GPL-2.0-only */
/* What both net adapters and both net engines say of a packet. */
#ifndef XENPV_KAPI_NET_H
#define XENPV_KAPI_NET_H
#include <kapi/types.h>

KAPI_BEGIN

/* Slots a packet may take, its extra infos not counted (io/netif.h,
 * XEN_NETIF_NR_SLOTS_MIN: what every backend accepts). */
#define KAPI_NET_MAX_SLOTS 18u
#define KAPI_NET_MAX_QUEUES 8u
#define KAPI_NET_MAX_PACKET 65535u /* bytes, Ethernet header included */

enum kapi_net_csum {
	KAPI_NET_CSUM_NONE = 0, /* nothing known */
	KAPI_NET_CSUM_VALID = 1, /* checked, or never on a wire */
	KAPI_NET_CSUM_BLANK = 2, /* to be filled in by whoever puts it on a wire */
};

enum kapi_net_gso {
	KAPI_NET_GSO_NONE = 0,
	KAPI_NET_GSO_TCPV4 = 1,
	KAPI_NET_GSO_TCPV6 = 2,
};

/* What a packet's hash is of (io/netif.h, "Hash types"). */
enum kapi_net_hash {
	KAPI_NET_HASH_NONE = 0,
	KAPI_NET_HASH_IPV4 = 1,
	KAPI_NET_HASH_IPV4_TCP = 2,
	KAPI_NET_HASH_IPV6 = 3,
	KAPI_NET_HASH_IPV6_TCP = 4,
};

struct kapi_net_meta {
	uint32_t length; /* bytes, the whole packet */
	uint16_t gso_size; /* bytes of payload per segment; 0 without gso */
	uint8_t gso; /* enum kapi_net_gso */
	uint8_t csum; /* enum kapi_net_csum */
	uint32_t hash; /* 0 without one */
	uint32_t hash_of; /* enum kapi_net_hash */
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_net_meta) == 16);

/* Part of one page: offset + length <= KAPI_PAGE_SIZE. */
struct kapi_net_piece {
	void *page;
	void *addr; /* of the page, not of the offset */
	uint64_t frame;
	uint32_t offset; /* bytes */
	uint32_t length; /* bytes */
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_net_piece) == 32);

/* Pieces of a packet in kernel memory: a linear part may begin and end within a
 * page and still touch one page more than its length says. */
#define KAPI_NET_MAX_PIECES 40u

/* What is switched on towards a peer: bits of `features`. */
#define KAPI_NET_SG 1u /* packets of more than one slot */
#define KAPI_NET_CSUM4 2u /* blank TCP and UDP checksums over IPv4 */
#define KAPI_NET_CSUM6 4u /* the same over IPv6 */
#define KAPI_NET_GSO4 8u
#define KAPI_NET_GSO6 16u

KAPI_END
#endif
