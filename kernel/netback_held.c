// SPDX-License-Identifier: GPL-2.0-only
/* Packets from the guest of which only the headers are copied (held.h). */
#include <linux/mm.h>
#include <linux/srcu.h>

#include "held.h"
#include "netback.h"

/* Until pages are attached the holder is where the system would look for it, but no flag
 * says that it is there. */

void *kapi_netback_alloc_held(struct kapi_netback *net, uint32_t queue,
			      struct kapi_net_layout *layout, const struct kapi_net_holder *holder,
			      void **held)
{
	struct sk_buff *skb;

	*held = xenpv_held_alloc(holder, GFP_PACKET);
	if (!*held)
		return NULL;
	skb = xenpv_skb_alloc(net, KAPI_NET_HEADERS, layout);
	if (skb)
		skb_shinfo(skb)->destructor_arg = *held;
	else
		xenpv_held_free(*held);
	return skb;
}

void xenpv_skb_forget_holder(struct sk_buff *skb)
{
	if (!skb_zcopy(skb) && skb_shinfo(skb)->destructor_arg)
		xenpv_held_free(skb_shinfo(skb)->destructor_arg);
}

void kapi_netback_attach(struct kapi_netback *net, uint32_t queue, void *cookie, void *page,
			 uint32_t offset, uint32_t length)
{
	struct sk_buff *skb = cookie;

	if (skb_shinfo(skb)->nr_frags == 0)
		xenpv_held_give(skb_shinfo(skb)->destructor_arg, skb);
	/* The skb drops it, and the mapping stays. */
	get_page(page);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, offset, length, PAGE_SIZE);
}

DEFINE_STATIC_SRCU(naming);

int kapi_netback_naming_begin(void)
{
	return srcu_read_lock(&naming);
}

void kapi_netback_naming_end(int token)
{
	srcu_read_unlock(&naming, token);
}

void kapi_netback_naming_wait(void)
{
	synchronize_srcu(&naming);
}

bool kapi_netback_leave(void *held)
{
	return xenpv_held_leave(held);
}

bool kapi_netback_only_queued(void *held)
{
	return xenpv_held_only_queued(held);
}

void kapi_netback_forget(void *held)
{
	xenpv_held_free(held);
}

void kapi_netback_inherit(void *held, const struct kapi_map_op *ops, uint32_t count)
{
	xenpv_held_inherit(held, ops, count);
}
