/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border of xenpv_netfront: the adapter (kernel/netfront*.c: net_device, NAPI,
 * ethtool, xenbus_driver) above, the engine (xen-front/net) below.
 */
#ifndef XENPV_KAPI_NETFRONT_H
#define XENPV_KAPI_NETFRONT_H
#include <kapi/mem.h>
#include <kapi/net.h>

KAPI_BEGIN

struct kapi_xenbus;
struct xenpv_netfront; /* the engine's device */
struct kapi_netfront; /* the adapter's device */

/* A packet to send.  At most KAPI_NET_MAX_SLOTS pieces, the first one not empty. */
struct kapi_net_packet {
	void *cookie; /* handed back when it is sent */
	struct kapi_net_meta meta;
	uint32_t nr_pieces;
	uint32_t pad;
	struct kapi_net_piece pieces[KAPI_NET_MAX_SLOTS];
};
KAPI_STATIC_ASSERT(offsetof(struct kapi_net_packet, pieces) == 32);

/* A piece of a packet that arrived. */
struct kapi_net_received_piece {
	void *page;
	void *addr; /* of the page */
	uint32_t offset; /* bytes */
	uint32_t length; /* bytes */
	/* 1: the page is the adapter's now.  0: lent until the call returns, all of it
	 * must be copied. */
	uint32_t given;
	uint32_t pad;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_net_received_piece) == 32);

struct kapi_net_received {
	struct kapi_net_meta meta;
	uint32_t nr_pieces;
	uint32_t pad;
	struct kapi_net_received_piece pieces[KAPI_NET_MAX_SLOTS];
};
KAPI_STATIC_ASSERT(offsetof(struct kapi_net_received, pieces) == 24);

struct kapi_netfront_info {
	uint8_t mac[6];
	uint8_t carrier; /* 1: the link is up */
	uint8_t pad;
	uint32_t features; /* KAPI_NET_*: what may be sent */
	uint32_t mtu; /* bytes; the toolstack's, or 1500 */
	uint32_t max_mtu; /* bytes: what the ring can carry */
	uint32_t speed; /* Mbit/s, 0: unknown */
	uint32_t queues;
	uint32_t max_queues; /* what the backend would serve */
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_netfront_info) == 32);

/* What statistics show of a queue.  Read without locks: each is exact, together
 * they are not a snapshot. */
struct kapi_netfront_queue_stats {
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t tx_slots;
	uint64_t tx_errors; /* answered with an error by the backend */
	uint64_t tx_pushes;
	uint64_t tx_copied; /* packets that went through pages of our own */
	uint64_t tx_stalls; /* how often the backend had stopped answering */
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rx_slots;
	uint64_t rx_errors; /* the backend failed to copy, or odd packets dropped */
	uint64_t rx_pushes;
	uint64_t rx_recycled; /* buffers posted again without a new grant */
	uint64_t rx_no_page; /* refills that found no page or no reference */
	uint64_t notifications_sent;
	uint64_t notifications_suppressed;
	uint64_t events_received;
	uint64_t events_spurious;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_netfront_queue_stats) == 18 * 8);

/* --- the engine, called by the adapter ---------------------------------- */

/* Process context, serialised by the adapter, like all up to the queues. */
int xenpv_netfront_create(struct kapi_xenbus *bus, struct kapi_netfront *net,
			  struct xenpv_netfront **out);
void xenpv_netfront_backend_changed(struct xenpv_netfront *front, int state);
/* The queues are paused for good: packets not yet sent are handed back, buffers
 * and grants end. */
void xenpv_netfront_destroy(struct xenpv_netfront *front);
/* The guest was suspended and woke up, perhaps elsewhere. */
void xenpv_netfront_resume(struct xenpv_netfront *front);
/* Reconnects with as many queues, 1 to max_queues; 0 or -errno. */
int xenpv_netfront_set_queues(struct xenpv_netfront *front, uint32_t queues);
/* Whether packets may arrive whose checksum is to be filled in, or that are to be
 * segmented: so at first.  Reconnects if that changes. */
void xenpv_netfront_set_rx_csum(struct xenpv_netfront *front, bool blank_welcome);
/* After how many responses (ring slots) the backend is to send an event, or when all have
 * come.  tx: 0, as at first, is about half of what is out.  rx: 1, as at first, is any.
 * With more the adapter sees to it that poll is called in time after one that delivered
 * something; after one that did not, any response is told of.  Any context. */
void xenpv_netfront_set_event_distance(struct xenpv_netfront *front, uint32_t tx, uint32_t rx);

/* Puts a packet on the ring; the backend sees it, and is told, with
 * xenpv_netfront_commit, once per burst.  BH context, one caller per queue at a time.
 * 0: accepted, kapi_netfront_sent will follow.  1: accepted, and there is no room for
 * more now.  -EBUSY: no room.  -EAGAIN: no grant
 * references or memory now.  -EIO: not connected. */
int xenpv_netfront_transmit(struct xenpv_netfront *front, uint32_t queue,
			    const struct kapi_net_packet *packet);
void xenpv_netfront_commit(struct xenpv_netfront *front, uint32_t queue);
/* Whether a packet of any shape finds room now.  BH context. */
bool xenpv_netfront_has_room(struct xenpv_netfront *front, uint32_t queue);

/* Reaps what was sent, delivers up to `budget` packets, refills: NAPI's poll, and with
 * a budget of 0 at other times too.  BH context, one caller per queue at a time.
 * Returns how many were delivered. */
uint32_t xenpv_netfront_poll(struct xenpv_netfront *front, uint32_t queue, uint32_t budget);
/* Poll found less than its budget: asks for events.  False: more is there already,
 * poll again. */
bool xenpv_netfront_rest(struct xenpv_netfront *front, uint32_t queue);
/* NAPI is complete: interrupts may come again.  Follows a rest that said true.  The next
 * poll may have begun by then, on another CPU. */
void xenpv_netfront_unmask(struct xenpv_netfront *front, uint32_t queue);

/* Any time between create and destroy, any context. */
void xenpv_netfront_queue_stats(struct xenpv_netfront *front, uint32_t queue,
				struct kapi_netfront_queue_stats *stats);

/* --- the adapter, called by the engine ---------------------------------- */

/* None of it under a kapi_spinlock, which holds interrupts off: the network stack
 * cannot have that. */

/* Connected, and the queues paused: make the net_device, or after a reconnect refresh
 * it.  Process context. */
int kapi_netfront_ready(struct kapi_netfront *net, const struct kapi_netfront_info *info);
/* Pause returns when neither transmit, commit nor poll runs, on any queue, and holds
 * them back until unpause, which has poll called on each queue, since events may have
 * come meanwhile, and announces the link.  Both may come twice in a row and before
 * kapi_netfront_ready.  Process context. */
void kapi_netfront_pause(struct kapi_netfront *net);
void kapi_netfront_unpause(struct kapi_netfront *net);
/* The link's state changed.  Process context. */
void kapi_netfront_link(struct kapi_netfront *net, bool carrier);
/* Whether packets wait in front of `queue`, full or at its limit of bytes, while the
 * interface is up.  Process context, while not paused. */
bool kapi_netfront_held_back(struct kapi_netfront *net, uint32_t queue);
/* Have poll called on `queue` soon.  Interrupt or process context. */
void kapi_netfront_schedule(struct kapi_netfront *net, uint32_t queue);
/* A packet's memory is the adapter's again; `ok`: the backend took it.  From poll, or
 * in process context while paused. */
void kapi_netfront_sent(struct kapi_netfront *net, uint32_t queue, void *cookie, bool ok);
/* A packet arrived.  From poll. */
void kapi_netfront_receive(struct kapi_netfront *net, uint32_t queue,
			   const struct kapi_net_received *packet);
/* A page to receive into, `clean`: without old content.  0 or -ENOMEM.  Atomic context. */
int kapi_netfront_get_page(struct kapi_netfront *net, uint32_t queue, bool clean,
			   struct kapi_page *out);
/* One that was not given away with a packet.  From poll, or while paused. */
void kapi_netfront_put_page(struct kapi_netfront *net, uint32_t queue, void *page);

KAPI_END
#endif
