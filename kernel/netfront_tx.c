// SPDX-License-Identifier: GPL-2.0-only
/* Packets to the engine: an skb becomes one descriptor, in pieces of single pages. */
#include <linux/etherdevice.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <xen/page.h>

#include "netfront.h"

static_assert(PAGE_SIZE == KAPI_PAGE_SIZE);
static_assert(DIV_ROUND_UP(KAPI_NET_MAX_PACKET, KAPI_PAGE_SIZE) <= KAPI_NET_MAX_SLOTS);

/* An skb whose bytes went into pages of our own.  Its cookie is marked. */
struct repacked {
	struct sk_buff *skb;
	unsigned int nr_pages;
	struct page *pages[];
};
#define REPACKED 1ul

static void repacked_free(struct repacked *r)
{
	/* By reference count: the grant layer holds what the backend does not let go. */
	while (r->nr_pages)
		put_page(r->pages[--r->nr_pages]);
	kfree(r);
}

/* The skb of a cookie, and nothing else of it any more. */
static struct sk_buff *open_cookie(void *cookie)
{
	struct repacked *r;
	struct sk_buff *skb;

	if (!((unsigned long)cookie & REPACKED))
		return cookie;
	r = (struct repacked *)((unsigned long)cookie & ~REPACKED);
	skb = r->skb;
	repacked_free(r);
	return skb;
}

/* Contiguous memory, perhaps of many pages.  False: more pieces than allowed. */
static bool add_run(struct kapi_net_packet *to, unsigned int most, struct page *page,
		    unsigned int offset, unsigned int length)
{
	page += offset >> PAGE_SHIFT;
	offset = offset_in_page(offset);
	for (; length; ++page) {
		struct kapi_net_piece *piece = &to->pieces[to->nr_pieces];

		if (to->nr_pieces == most)
			return false;
		piece->page = page;
		piece->addr = page_address(page);
		piece->frame = xen_page_to_gfn(page);
		piece->offset = offset;
		piece->length = min_t(unsigned int, length, PAGE_SIZE - offset);
		length -= piece->length;
		offset = 0;
		++to->nr_pieces;
	}
	return true;
}

/* The skb's own memory.  False: it does not have a shape that backends take. */
static bool add_skb(struct kapi_net_packet *to, unsigned int most, const struct sk_buff *skb)
{
	int i;

	if (skb_has_frag_list(skb))
		return false;
	if (!add_run(to, most, virt_to_page(skb->data), offset_in_page(skb->data),
		     skb_headlen(skb)))
		return false;
	for (i = 0; i < skb_shinfo(skb)->nr_frags; ++i) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		if (!add_run(to, most, skb_frag_page(frag), skb_frag_off(frag),
			     skb_frag_size(frag)))
			return false;
	}
	/* Linux's backend drops what does not have this much in its first slot. */
	return to->pieces[0].length >= ETH_HLEN;
}

/* Into fresh pages, as few as can be.  The skb stays, for its socket's sake. */
static bool add_copy(struct kapi_net_packet *to, unsigned int most, struct sk_buff *skb)
{
	unsigned int count = DIV_ROUND_UP(skb->len, PAGE_SIZE);
	struct repacked *r;
	unsigned int done = 0;

	if (count > most)
		return false;
	r = kmalloc(struct_size(r, pages, count), GFP_ATOMIC | __GFP_NOWARN);
	if (!r)
		return false;
	r->skb = skb;
	r->nr_pages = 0;
	to->nr_pieces = 0;
	while (done < skb->len) {
		unsigned int length = min_t(unsigned int, skb->len - done, PAGE_SIZE);
		struct page *page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);

		if (!page)
			goto fail;
		r->pages[r->nr_pages++] = page;
		if (skb_copy_bits(skb, done, page_address(page), length))
			goto fail;
		/* All of it is granted (XSA-403). */
		memset(page_address(page) + length, 0, PAGE_SIZE - length);
		add_run(to, most, page, 0, length);
		done += length;
	}
	to->cookie = (void *)((unsigned long)r | REPACKED);
	return true;

fail:
	repacked_free(r);
	return false;
}

/* False: not what this connection carries.  Features may have changed with the
 * backend after the packet was made for them. */
static bool set_meta(struct kapi_net_meta *to, uint32_t features, struct sk_buff *skb)
{
	uint32_t blank = 0;

	if (skb->len < ETH_HLEN || skb->len > KAPI_NET_MAX_PACKET)
		return false;
	*to = (struct kapi_net_meta){ .length = skb->len };
	if (skb_is_gso(skb)) {
		unsigned int type = skb_shinfo(skb)->gso_type;

		if ((type & SKB_GSO_TCPV4) && (features & KAPI_NET_GSO4))
			to->gso = KAPI_NET_GSO_TCPV4;
		else if ((type & SKB_GSO_TCPV6) && (features & KAPI_NET_GSO6))
			to->gso = KAPI_NET_GSO_TCPV6;
		else
			return false;
		to->gso_size = skb_shinfo(skb)->gso_size;
	}
	if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		to->csum = KAPI_NET_CSUM_VALID;
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return true;
	if (skb->protocol == htons(ETH_P_IP))
		blank = KAPI_NET_CSUM4;
	else if (skb->protocol == htons(ETH_P_IPV6))
		blank = KAPI_NET_CSUM6;
	if (features & blank)
		to->csum = KAPI_NET_CSUM_BLANK;
	else if (to->gso != KAPI_NET_GSO_NONE || skb_checksum_help(skb))
		return false;
	return true;
}

static bool describe(struct xenpv_net_queue *q, struct sk_buff *skb, struct kapi_net_packet *to)
{
	uint32_t features = q->nf->info.features;
	unsigned int most = features & KAPI_NET_SG ? KAPI_NET_MAX_SLOTS : 1;

	if (!set_meta(&to->meta, features, skb))
		return false;
	to->cookie = skb;
	to->pad = 0;
	to->nr_pieces = 0;
	if (add_skb(to, most, skb))
		return true;
	xenpv_net_count(q->counts.tx_repacked);
	return add_copy(to, most, skb);
}

/*
 * Stopped first, then asked again: room that came before the stop is used, and room
 * that comes after wakes a stopped queue (wake in netfront_queue.c).
 */
static void stop_if_full(struct xenpv_net_queue *q, struct netdev_queue *txq)
{
	if (xenpv_netfront_has_room(q->nf->front, q->index))
		return;
	netif_tx_stop_queue(txq);
	smp_mb();
	if (xenpv_netfront_has_room(q->nf->front, q->index))
		netif_tx_start_queue(txq);
}

/* As xenpv_netfront_transmit. */
static int hand_over(struct xenpv_net_queue *q, struct netdev_queue *txq,
		     const struct kapi_net_packet *packet)
{
	unsigned int length = packet->meta.length;
	int rc;

	/*
	 * Before the engine has it: a backend may answer at once, also what it was not
	 * told of, and the limits do not survive an answer too many.
	 */
	__netdev_tx_sent_queue(txq, length, netdev_xmit_more());
	rc = xenpv_netfront_transmit(q->nf->front, q->index, packet);
	if (rc >= 0) {
		++q->tx_taken;
		return rc;
	}
	/* Only poll may take it back. */
	atomic_add(length, &q->unsent_bytes);
	napi_schedule(&q->napi);
	if ((unsigned long)packet->cookie & REPACKED)
		open_cookie(packet->cookie);
	return rc;
}

netdev_tx_t xenpv_net_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct kapi_netfront *nf = netfront_of(dev);
	unsigned int index = skb_get_queue_mapping(skb);
	struct xenpv_net_queue *q = &nf->queues[index];
	struct netdev_queue *txq = netdev_get_tx_queue(dev, index);
	netdev_tx_t verdict = NETDEV_TX_OK;
	struct kapi_net_packet packet;
	bool last = !netdev_xmit_more();
	int rc = -EINVAL;

	if (unlikely(READ_ONCE(nf->paused))) {
		netif_tx_stop_queue(txq);
		return NETDEV_TX_BUSY;
	}
	/* Another domain's frames are not ours to grant. */
	if (likely(!skb_orphan_frags(skb, GFP_ATOMIC) && describe(q, skb, &packet))) {
		skb_tx_timestamp(skb);
		/* The backend may keep it for as long as it likes. */
		nf_reset_ct(skb);
		rc = hand_over(q, txq, &packet);
	}
	switch (rc) {
	/* The skb may be gone. */
	case 0:
		break;
	case 1:
		stop_if_full(q, txq);
		break;
	case -EBUSY:
		stop_if_full(q, txq);
		verdict = NETDEV_TX_BUSY;
		break;
	case -EAGAIN:
		xenpv_net_count(q->counts.tx_waits);
		xenpv_net_wait(q, txq);
		verdict = NETDEV_TX_BUSY;
		break;
	default:
		xenpv_net_count(q->counts.tx_dropped);
		dev_kfree_skb_any(skb);
		break;
	}
	/* What cannot go on must not keep what went before it from the backend. */
	if (last || rc < 0 || netif_tx_queue_stopped(txq))
		xenpv_netfront_commit(nf->front, index);
	return verdict;
}

void kapi_netfront_sent(struct kapi_netfront *nf, uint32_t queue, void *cookie, bool ok)
{
	struct xenpv_net_queue *q = &nf->queues[queue];
	struct sk_buff *skb = open_cookie(cookie);

	++q->sent_packets;
	q->sent_bytes += skb->len;
	WRITE_ONCE(q->tx_ended, q->tx_ended + 1);
	if (ok)
		napi_consume_skb(skb, q->budget);
	else
		dev_kfree_skb_any(skb);
}
