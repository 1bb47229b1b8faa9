// SPDX-License-Identifier: GPL-2.0-only
/* Packets as the system has them (sk_buff) and as the engine sees them (layouts). */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/mm.h>
#include <linux/tcp.h>
#include <net/tcp.h>
#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "held.h"
#include "net_hash.h"
#include "netback.h"

static_assert(PAGE_SIZE == KAPI_PAGE_SIZE);

/* Packets up to here, standard frames among them, take 2 KiB with all that belongs to
 * them, which do not cross a page: one piece. */
#define MAX_LINEAR (SKB_WITH_OVERHEAD(2048) - NET_SKB_PAD - NET_IP_ALIGN)
/* Of larger ones: all the headers that hardware looks at must be in the linear part,
 * however the guest cut the packet (XSA-423). */
static_assert(KAPI_NET_HEADERS + MAX_SKB_FRAGS * PAGE_SIZE >= KAPI_NET_MAX_PACKET);
static_assert(MAX_SKB_FRAGS >= KAPI_NET_MAX_ATTACHED);

/* --- pieces ---------------------------------------------------------------- */

/*
 * The grant by which a page shows another domain's frame, or NULL.  The mark alone does not
 * say so: filesystems use the same bit.  In a PV domain the table of frames does; in another
 * one who mapped the page must be known (`ours`).
 */
static const struct xen_page_foreign *grant_of(struct page *page, bool ours)
{
	const struct xen_page_foreign *grant = xen_page_foreign(page);

#ifdef CONFIG_XEN_PV
	if (grant && xen_pv_domain()) {
		unsigned long mfn = __pfn_to_mfn(page_to_pfn(page));

		return mfn != INVALID_P2M_ENTRY && (mfn & FOREIGN_FRAME_BIT) ? grant : NULL;
	}
#endif
	return ours ? grant : NULL;
}

static void add_piece(struct kapi_net_layout *out, struct page *page, u32 offset, u32 length,
		      bool ours)
{
	const struct xen_page_foreign *grant = grant_of(page, ours);
	struct kapi_net_memory *piece = &out->pieces[out->nr_pieces++];

	*piece = (struct kapi_net_memory){ .offset = offset, .length = length };
	/* Xen does not copy another domain's frame as if it were our own. */
	if (grant) {
		piece->granted = 1;
		piece->domid = grant->domid;
		piece->ref = grant->gref;
		return;
	}
	/* Not the frame that it showed a moment ago: pairs with the one where it is replaced. */
	smp_rmb();
	piece->frame = xen_page_to_gfn(page);
}

/* Each page by itself: in a PV domain, neighbours here are not neighbours in Xen. */
static void add_pieces(struct kapi_net_layout *out, struct page *page, u32 offset, u32 length,
		       bool ours)
{
	page += offset >> PAGE_SHIFT;
	for (offset = offset_in_page(offset); length != 0; ++page, offset = 0) {
		u32 part = min_t(u32, length, PAGE_SIZE - offset);

		add_piece(out, page, offset, part, ours);
		length -= part;
	}
}

static void add_linear(struct kapi_net_layout *out, const struct sk_buff *skb)
{
	add_pieces(out, virt_to_page(skb->data), offset_in_page(skb->data), skb_headlen(skb),
		   false);
}

static u32 count_pieces(const struct sk_buff *skb)
{
	u32 count = PFN_UP(offset_in_page(skb->data) + skb_headlen(skb));
	int i;

	for (i = 0; i < skb_shinfo(skb)->nr_frags; ++i) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		count += PFN_UP(offset_in_page(skb_frag_off(frag)) + skb_frag_size(frag));
	}
	return count;
}

/* --- to the guest ---------------------------------------------------------- */

/* A page of another domain, it may be, for which there is nothing but a copy: in a
 * translated domain network storage sends such a guest's.  The mark has other meanings
 * for pages of files; a copy too many does not hurt. */
static bool must_copy(const struct sk_buff *skb)
{
	int i;

	for (i = 0; i < skb_shinfo(skb)->nr_frags; ++i) {
		struct page *page = skb_frag_page(&skb_shinfo(skb)->frags[i]);

		if (!xen_pv_domain() && PageForeign(page))
			return true;
	}
	return false;
}

bool xenpv_skb_prepare(struct sk_buff *skb)
{
	if (skb->len < ETH_HLEN || skb->len > KAPI_NET_MAX_PACKET)
		return false;
	/* Another guest's by way of this driver: Xen copies them from there, and their guest
	 * does not wait for this one longer than it wants. */
	if (!xenpv_held_has(skb)) {
		/* Of a process that waits to have its memory back. */
		if (skb_orphan_frags_rx(skb, GFP_ATOMIC))
			return false;
		if (must_copy(skb) && skb_copy_ubufs(skb, GFP_ATOMIC))
			return false;
	}
	return count_pieces(skb) <= KAPI_NET_MAX_PIECES || !skb_linearize(skb);
}

void xenpv_skb_meta(const struct sk_buff *skb, struct kapi_net_meta *out)
{
	const struct skb_shared_info *info = skb_shinfo(skb);

	*out = (struct kapi_net_meta){ .length = skb->len };
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		out->csum = KAPI_NET_CSUM_BLANK;
	else if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		out->csum = KAPI_NET_CSUM_VALID;
	/* No other kind of gso than these is among the features. */
	if (info->gso_size != 0) {
		out->gso_size = info->gso_size;
		out->gso = info->gso_type & SKB_GSO_TCPV6 ? KAPI_NET_GSO_TCPV6 : KAPI_NET_GSO_TCPV4;
	}
}

void kapi_netback_describe(struct kapi_netback *net, void *cookie, struct kapi_net_layout *out)
{
	struct sk_buff *skb = cookie;
	bool ours = xenpv_held_has(skb);
	int i;

	xenpv_skb_meta(skb, &out->meta);
	out->nr_pieces = 0;
	add_linear(out, skb);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; ++i) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		add_pieces(out, skb_frag_page(frag), skb_frag_off(frag), skb_frag_size(frag), ours);
	}
}

void kapi_netback_done(struct kapi_netback *net, uint32_t queue, void *cookie, bool ok)
{
	xenpv_held_unqueued(cookie);
	if (ok)
		dev_consume_skb_any(cookie);
	else
		dev_kfree_skb_any(cookie);
}

/* --- from the guest -------------------------------------------------------- */

struct sk_buff *xenpv_skb_alloc(struct kapi_netback *net, u32 linear,
				struct kapi_net_layout *layout)
{
	struct sk_buff *skb = __netdev_alloc_skb_ip_align(net->dev, linear, GFP_PACKET);

	if (!skb)
		return NULL;
	skb_put(skb, linear);
	skb_shinfo(skb)->destructor_arg = NULL;
	layout->nr_pieces = 0;
	add_linear(layout, skb);
	return skb;
}

void *kapi_netback_alloc(struct kapi_netback *net, uint32_t queue, struct kapi_net_layout *layout)
{
	u32 length = layout->meta.length;
	struct sk_buff *skb;

	BUILD_BUG_ON(MAX_LINEAR < VLAN_ETH_FRAME_LEN);
	if (WARN_ON_ONCE(length > KAPI_NET_MAX_PACKET))
		return NULL;
	skb = xenpv_skb_alloc(net, length <= MAX_LINEAR ? length : KAPI_NET_HEADERS, layout);
	if (!skb)
		return NULL;
	while (skb->len < length) {
		u32 size = min_t(u32, length - skb->len, PAGE_SIZE);
		struct page *page = alloc_page(GFP_PACKET);

		if (!page) {
			kfree_skb(skb);
			return NULL;
		}
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, size, PAGE_SIZE);
		add_pieces(layout, page, 0, size, false);
	}
	return skb;
}

/* A large packet for someone else to cut.  skb_checksum_setup has found its headers, and
 * has them in the linear part.  False: it is not what it says. */
static bool set_gso(struct sk_buff *skb, const struct kapi_net_meta *meta)
{
	bool v4 = meta->gso == KAPI_NET_GSO_TCPV4;
	u32 headers;

	if (skb->protocol != htons(v4 ? ETH_P_IP : ETH_P_IPV6) ||
	    skb->csum_offset != offsetof(struct tcphdr, check))
		return false;
	/* No TCP sends so little per segment; a guest would, to have us send 65000. */
	if (meta->gso_size < TCP_MIN_SND_MSS)
		return false;
	headers = skb_transport_offset(skb) + tcp_hdrlen(skb);
	if (tcp_hdrlen(skb) < sizeof(struct tcphdr) || headers > skb->len)
		return false;
	/* One segment: nothing to cut. */
	if (skb->len - headers <= meta->gso_size)
		return true;
	skb_shinfo(skb)->gso_size = meta->gso_size;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(skb->len - headers, meta->gso_size);
	/* Dodgy: the stack looks again at what hardware would take at its word. */
	skb_shinfo(skb)->gso_type = (v4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6) | SKB_GSO_DODGY;
	return true;
}

/* What the guest says of a packet, checked against the packet.  False: not true. */
static bool accept(struct sk_buff *skb, struct net_device *dev, const struct kapi_net_meta *meta)
{
	bool blank = meta->csum == KAPI_NET_CSUM_BLANK;

	if (skb->len < ETH_HLEN)
		return false;
	skb->protocol = eth_type_trans(skb, dev);
	skb_reset_network_header(skb);
	if (blank || meta->gso != KAPI_NET_GSO_NONE) {
		/* The pseudo header's sum is in the packet, as for hardware, unless the guest
		 * does not know that large packets have only that.  Where it is there it is
		 * better than ours, which would take padding for payload. */
		if (skb_checksum_setup(skb, !blank))
			return false;
		/* With an IP header shorter than one is, it found something in there. */
		if (skb_transport_offset(skb) < (int)sizeof(struct iphdr))
			return false;
	} else if (meta->csum == KAPI_NET_CSUM_VALID) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	}
	if (meta->gso != KAPI_NET_GSO_NONE)
		return set_gso(skb, meta);
	skb_probe_transport_header(skb);
	return true;
}

static void drop(struct xenpv_vif_queue *queue, struct sk_buff *skb)
{
	WRITE_ONCE(queue->rx_dropped, queue->rx_dropped + 1);
	kfree_skb(skb);
}

void kapi_netback_deliver(struct kapi_netback *net, uint32_t queue, void *cookie,
			  const struct kapi_net_meta *meta)
{
	struct sk_buff *skb = cookie;

	if (!accept(skb, net->dev, meta)) {
		drop(&net->queue[queue], skb);
		return;
	}
	skb_record_rx_queue(skb, queue);
	xenpv_set_hash(skb, meta);
	list_add_tail(&skb->list, &net->queue[queue].received);
}

void kapi_netback_discard(struct kapi_netback *net, uint32_t queue, void *cookie)
{
	xenpv_skb_forget_holder(cookie);
	kfree_skb(cookie);
}

void kapi_netback_flush(struct kapi_netback *net, uint32_t queue)
{
	struct sk_buff *skb, *next;
	LIST_HEAD(received);

	list_splice_init(&net->queue[queue].received, &received);
	if (list_empty(&received))
		return;
	local_bh_disable();
	if (netif_running(net->dev)) {
		netif_receive_skb_list(&received);
	} else {
		list_for_each_entry_safe(skb, next, &received, list)
		{
			skb_list_del_init(skb);
			drop(&net->queue[queue], skb);
		}
	}
	local_bh_enable();
}
