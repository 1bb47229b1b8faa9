// SPDX-License-Identifier: GPL-2.0-only
/* Packets from the engine, and the pages they come in. */
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#if __has_include(<net/page_pool/helpers.h>)
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif
#include <xen/page.h>

#include "net_hash.h"
#include "netfront.h"

/* Room for the headers, and the most that is looked through for their end. */
#define HEAD_MAX 256
/* The most that is copied into the linear part; one piece always is within it. */
#define LINEAR_MAX KAPI_PAGE_SIZE

/* With one piece in the linear part the others are fragments. */
static_assert(KAPI_NET_MAX_SLOTS <= MAX_SKB_FRAGS + 1);

void xenpv_net_pools_init(struct kapi_netfront *nf)
{
	unsigned int count = min_t(unsigned int, num_possible_cpus(), KAPI_NET_MAX_QUEUES);
	struct page_pool_params params = {
		.pool_size = XENPV_NET_RING,
		.nid = NUMA_NO_NODE,
	};
	unsigned int i;

	/* A queue without one takes plain pages. */
	for (i = 0; i < count; ++i) {
		struct page_pool *pool = page_pool_create(&params);

		nf->queues[i].pool = IS_ERR(pool) ? NULL : pool;
	}
}

void xenpv_net_pools_exit(struct kapi_netfront *nf)
{
	unsigned int i;

	for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i) {
		if (nf->queues[i].pool)
			page_pool_destroy(nf->queues[i].pool);
	}
}

int kapi_netfront_get_page(struct kapi_netfront *nf, uint32_t queue, bool clean,
			   struct kapi_page *out)
{
	struct xenpv_net_queue *q = &nf->queues[queue];
	/* The backend could read what it is to write to (XSA-403). */
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN | __GFP_ZERO;
	struct page *page = q->pool ? page_pool_alloc_pages(q->pool, gfp) : alloc_page(gfp);

	if (!page)
		return -ENOMEM;
	out->page = page;
	out->addr = page_address(page);
	out->frame = xen_page_to_gfn(page);
	/* One that was here before is no cleaner: IPsec and its like decrypt where the
	 * packet lies. */
	if (clean)
		clear_page(out->addr);
	return 0;
}

void kapi_netfront_put_page(struct kapi_netfront *nf, uint32_t queue, void *page)
{
	struct xenpv_net_queue *q = &nf->queues[queue];

	/* A page that the grant layer holds too leaves the pool, which looks. */
	if (q->pool)
		page_pool_put_full_page(q->pool, page, q->budget != 0);
	else
		put_page(page);
}

static const void *data_of(const struct kapi_net_received_piece *piece)
{
	return piece->addr + piece->offset;
}

/*
 * What goes into the linear part: the headers and no more of a page that is ours, so
 * that GRO can pass its payload on; all that is small enough of what is lent.
 */
static unsigned int linear_part(const struct net_device *dev,
				const struct kapi_net_received *packet)
{
	const struct kapi_net_received_piece *piece = packet->pieces;
	unsigned int sum = 0;

	if (packet->nr_pieces > MAX_SKB_FRAGS)
		return piece->length;
	if (piece->given)
		return eth_get_headlen(dev, data_of(piece),
				       min_t(uint32_t, piece->length, HEAD_MAX));
	for (; piece < packet->pieces + packet->nr_pieces; ++piece) {
		if (piece->given || sum + piece->length > LINEAR_MAX)
			break;
		sum += piece->length;
	}
	return sum;
}

/* Lent bytes that come after a fragment: into the page of the last copy, or one more. */
static bool copy_as_fragment(struct sk_buff *skb, const void *from, unsigned int length,
			     struct page **copies)
{
	int nr = skb_shinfo(skb)->nr_frags;
	skb_frag_t *last = nr ? &skb_shinfo(skb)->frags[nr - 1] : NULL;
	unsigned int end = last ? skb_frag_off(last) + skb_frag_size(last) : 0;

	if (last && skb_frag_page(last) == *copies && end + length <= PAGE_SIZE) {
		memcpy(page_address(*copies) + end, from, length);
		skb_frag_size_add(last, length);
		skb->len += length;
		skb->data_len += length;
		return true;
	}
	if (nr == MAX_SKB_FRAGS)
		return false;
	*copies = dev_alloc_page();
	if (!*copies)
		return false;
	memcpy(page_address(*copies), from, length);
	skb_add_rx_frag(skb, nr, *copies, 0, length, PAGE_SIZE);
	return true;
}

/* True: the piece is the skb's, or was copied and is done with. */
static bool add_piece(struct xenpv_net_queue *q, struct sk_buff *skb,
		      const struct kapi_net_received_piece *piece, unsigned int *linear,
		      struct page **copies)
{
	unsigned int head = min_t(uint32_t, piece->length, *linear);
	unsigned int rest = piece->length - head;
	int nr = skb_shinfo(skb)->nr_frags;

	/* Not even nothing may be put behind a fragment. */
	if (head)
		skb_put_data(skb, data_of(piece), head);
	*linear -= head;
	if (!rest) {
		if (piece->given)
			kapi_netfront_put_page(q->nf, q->index, piece->page);
		return true;
	}
	*linear = 0;
	if (!piece->given)
		return copy_as_fragment(skb, data_of(piece) + head, rest, copies);
	if (nr == MAX_SKB_FRAGS)
		return false;
	skb_add_rx_frag(skb, nr, piece->page, piece->offset + head, rest, PAGE_SIZE);
	return true;
}

/* NULL: no memory.  Either way the pieces are taken care of. */
static struct sk_buff *build(struct xenpv_net_queue *q, const struct kapi_net_received *packet)
{
	unsigned int linear = linear_part(q->napi.dev, packet);
	struct sk_buff *skb = napi_alloc_skb(&q->napi, max_t(unsigned int, linear, HEAD_MAX));
	struct page *copies = NULL;
	uint32_t i;

	/* Whether or not a page of it is among the fragments: GRO joins no others. */
	if (skb && q->pool)
		skb_mark_for_recycle(skb);
	for (i = 0; i < packet->nr_pieces; ++i) {
		const struct kapi_net_received_piece *piece = &packet->pieces[i];

		if (skb && add_piece(q, skb, piece, &linear, &copies))
			continue;
		if (piece->given)
			kapi_netfront_put_page(q->nf, q->index, piece->page);
		kfree_skb(skb);
		skb = NULL;
	}
	return skb;
}

/* The transport header is known and is there. */
static bool set_gso(struct sk_buff *skb, const struct kapi_net_meta *meta)
{
	bool v4 = meta->gso == KAPI_NET_GSO_TCPV4;
	unsigned int headers;

	if (skb->protocol != (v4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6)) ||
	    skb->csum_offset != offsetof(struct tcphdr, check) || !meta->gso_size)
		return false;
	headers = skb_transport_offset(skb) + tcp_hdrlen(skb);
	if (tcp_hdrlen(skb) < sizeof(struct tcphdr) || headers > skb->len)
		return false;
	/* A single segment needs no segmentation. */
	if (skb->len - headers <= meta->gso_size)
		return true;
	/* Dodgy: the stack is to look at the headers, and to count the segments. */
	skb_shinfo(skb)->gso_size = meta->gso_size;
	skb_shinfo(skb)->gso_type = (v4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6) | SKB_GSO_DODGY;
	skb_shinfo(skb)->gso_segs = 0;
	return true;
}

/* What the backend said of the packet, as far as its headers bear it out.  NULL: they
 * do not, and it is gone. */
static struct sk_buff *finish(struct xenpv_net_queue *q, struct sk_buff *skb,
			      const struct kapi_net_meta *meta)
{
	bool blank = meta->csum == KAPI_NET_CSUM_BLANK;

	/* The header may be scattered over pieces of a byte. */
	if (!pskb_may_pull(skb, ETH_HLEN))
		goto odd;
	skb_record_rx_queue(skb, q->index);
	skb->protocol = eth_type_trans(skb, q->napi.dev);
	skb_reset_network_header(skb);
	if (!blank && meta->gso == KAPI_NET_GSO_NONE) {
		if (meta->csum == KAPI_NET_CSUM_VALID && (q->napi.dev->features & NETIF_F_RXCSUM))
			skb->ip_summed = CHECKSUM_UNNECESSARY;
		return skb;
	}
	/* As the stack would do next; what follows wants to see IP. */
	if (eth_type_vlan(skb->protocol)) {
		skb = skb_vlan_untag(skb);
		if (!skb)
			goto gone;
	}
	/* What is to be segmented has a blank checksum; where the backend did not say so
	 * the field's frontends see to it, and so do we. */
	if (!blank)
		xenpv_net_count(q->counts.rx_fixed);
	if (skb_checksum_setup(skb, !blank))
		goto odd;
	if (meta->gso == KAPI_NET_GSO_NONE || set_gso(skb, meta))
		return skb;
odd:
	kfree_skb(skb);
gone:
	xenpv_net_count(q->counts.rx_odd);
	return NULL;
}

void kapi_netfront_receive(struct kapi_netfront *nf, uint32_t queue,
			   const struct kapi_net_received *packet)
{
	struct xenpv_net_queue *q = &nf->queues[queue];
	struct sk_buff *skb = build(q, packet);

	if (!skb) {
		xenpv_net_count(q->counts.rx_dropped);
		return;
	}
	skb = finish(q, skb, &packet->meta);
	if (!skb)
		return;
	xenpv_set_hash(skb, &packet->meta);
	napi_gro_receive(&q->napi, skb);
}
