/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border of xenpv_netback: the adapter (kernel/netback*.c: net_device "vifD.N",
 * xenbus_driver, watches) above, the engine (xen-back/net) below.  Directions are the
 * guest's: "tx" is what the guest sends.
 */
#ifndef XENPV_KAPI_NETBACK_H
#define XENPV_KAPI_NETBACK_H
#include <kapi/grant.h>
#include <kapi/net.h>

KAPI_BEGIN

struct kapi_xenbus;
struct xenpv_netback; /* the engine's device */
struct kapi_netback; /* the adapter's device */

/* Memory that a packet is copied out of or into: of this domain, or another's that is
 * mapped here. */
struct kapi_net_memory {
	uint64_t frame; /* when `granted` is 0 */
	uint32_t offset; /* bytes */
	uint32_t length; /* bytes; offset + length <= KAPI_PAGE_SIZE */
	uint32_t ref; /* when `granted` is 1: what `domid` granted it with */
	uint16_t domid;
	uint16_t granted;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_net_memory) == 24);

struct kapi_net_layout {
	struct kapi_net_meta meta;
	uint32_t nr_pieces;
	uint32_t pad;
	struct kapi_net_memory pieces[KAPI_NET_MAX_PIECES];
};
KAPI_STATIC_ASSERT(offsetof(struct kapi_net_layout, pieces) == 24);

/* Whose a packet is, as its outermost IP header and the TCP header behind it say. */
struct kapi_net_flow {
	uint8_t source[16]; /* as on the wire; the first 4 of IPv4 */
	uint8_t destination[16];
	uint8_t source_port[2];
	uint8_t destination_port[2];
	uint8_t version; /* of IP: 4, 6, or 0: neither, and nothing else is said */
	uint8_t tcp; /* 1: the ports are there */
	uint8_t pad[2];
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_net_flow) == 40);

struct kapi_netback_info {
	uint32_t features; /* KAPI_NET_*: what the guest takes */
	uint32_t queues;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_netback_info) == 8);

struct kapi_netback_queue_stats {
	uint64_t tx_packets; /* from the guest */
	uint64_t tx_bytes;
	uint64_t tx_slots;
	uint64_t tx_errors; /* odd packets: dropped and answered */
	uint64_t tx_pushes;
	uint64_t rx_packets; /* to the guest */
	uint64_t rx_bytes;
	uint64_t rx_slots;
	uint64_t rx_errors; /* a copy failed */
	uint64_t rx_dropped; /* the queue was full or the guest gone */
	uint64_t rx_pushes;
	uint64_t rx_direct; /* copied in the sender's context */
	uint64_t passes;
	uint64_t wakeups;
	uint64_t naps;
	uint64_t copy_hypercalls;
	uint64_t copy_operations;
	uint64_t tx_copied_bytes; /* out of the guest's frames; the rest of tx_bytes was mapped */
	uint64_t tx_mapped; /* packets */
	uint64_t tx_mapped_in_vain; /* of them: the stack copied them after all */
	uint64_t tx_held; /* of them: the stack has them now */
	uint64_t tx_replaced; /* pages: copied because they were held for too long */
	uint64_t tx_parked; /* pages: held for too long, and could not be replaced */
	uint64_t map_hypercalls;
	uint64_t map_operations;
	uint64_t unmap_hypercalls;
	uint64_t unmap_operations;
	uint64_t notifications_sent;
	uint64_t notifications_suppressed;
	uint64_t events_received;
	uint64_t events_spurious;
};
KAPI_STATIC_ASSERT(sizeof(struct kapi_netback_queue_stats) == 31 * 8);

/* --- the engine, called by the adapter ---------------------------------- */

/* All in process context, serialised by the adapter for one device, up to transmit. */
int xenpv_netback_create(struct kapi_xenbus *bus, struct kapi_netback *net,
			 struct xenpv_netback **out);
/* A watched key of the backend's directory changed: "hotplug-status" or "rate". */
void xenpv_netback_own_changed(struct xenpv_netback *back);
/* "request-multicast-control" of the frontend's directory changed. */
void xenpv_netback_frontend_asked(struct xenpv_netback *back);
void xenpv_netback_frontend_changed(struct xenpv_netback *back, int state);
void xenpv_netback_destroy(struct xenpv_netback *back);

/* Whether the guest asked for hashes: without that the next two are not worth their
 * flow.  Any context, any time between create and destroy. */
bool xenpv_netback_hashing(struct xenpv_netback *back);
/* The queue the guest wants the flow on, below its number of queues; -ENOENT: it does
 * not say.  Context as above. */
int xenpv_netback_steer(struct xenpv_netback *back, const struct kapi_net_flow *flow);
/* Sets `hash` and `hash_of` as the guest wants them of this flow.  Context as above. */
void xenpv_netback_hash(struct xenpv_netback *back, const struct kapi_net_flow *flow,
			struct kapi_net_meta *meta);

/* Takes a packet for the guest; kapi_netback_done follows, perhaps before this
 * returns.  BH context, one caller per queue at a time.  0: accepted.  1: accepted, and
 * stop the queue until kapi_netback_wake.  -errno: not accepted, and counted in
 * rx_dropped, but for -ENOENT: to a group the guest does not listen to.  `destination`:
 * the Ethernet address.  `more`: unless this returns 1, transmit or xenpv_netback_commit follows
 * at once; a transmit that is refused and says no `more` ends the burst as well. */
int xenpv_netback_transmit(struct xenpv_netback *back, uint32_t queue, void *cookie,
			   const uint8_t *destination, const struct kapi_net_meta *meta, bool more);
/* Nothing follows after all, though the last transmit may have said `more`.  Context as
 * there. */
void xenpv_netback_commit(struct xenpv_netback *back, uint32_t queue);
/* Any time between create and destroy; any context; any queue below
 * KAPI_NET_MAX_QUEUES.  Totals since create, whichever connections they were in. */
void xenpv_netback_queue_stats(struct xenpv_netback *back, uint32_t queue,
			       struct kapi_netback_queue_stats *stats);

/* --- the adapter, called by the engine ---------------------------------- */

/* As kapi_blkback_unregister. */
void kapi_netback_unregister(struct kapi_xenbus *bus);

/* How many queues frontends are to be offered, at least 1: what the administrator
 * wants, else one for each CPU.  Any context. */
uint32_t kapi_netback_max_queues(void);

/* The guest's rings are served: features and queues are set, the carrier is on, packets
 * may come.  Process context, not from a queue's thread. */
int kapi_netback_connected(struct kapi_netback *net, const struct kapi_netback_info *info);
/* Carrier off.  Returns when no xenpv_netback_transmit runs, and none will follow. */
void kapi_netback_disconnected(struct kapi_netback *net);

/* Where the pieces of a packet to the guest lie; its meta without the hash.  BH or process
 * context. */
void kapi_netback_describe(struct kapi_netback *net, void *cookie, struct kapi_net_layout *out);
/* The packet is the guest's, or lost.  BH or process context. */
void kapi_netback_done(struct kapi_netback *net, uint32_t queue, void *cookie, bool ok);
/* There is room on `queue` again.  May come before the transmit that stopped the queue
 * has returned.  BH or process context with no lock held: it may transmit. */
void kapi_netback_wake(struct kapi_netback *net, uint32_t queue);

/* Memory for a packet of layout->meta.length bytes from the guest: its cookie, and
 * where all the bytes go, in order; the headers' part is contiguous.  NULL: no memory.
 * Process context, like the rest: a queue's thread. */
void *kapi_netback_alloc(struct kapi_netback *net, uint32_t queue, struct kapi_net_layout *layout);

/* --- packets whose pages are the guest's */

/* What is copied of any packet that is mapped: the headers that hardware or the stack
 * looks at (XSA-423). */
#define KAPI_NET_HEADERS 256u
/* Pieces that can be attached to one packet. */
#define KAPI_NET_MAX_ATTACHED 17u

struct kapi_net_holder {
	/* The packet is gone, or has copies of the pages.  They are free when
	 * kapi_foreign_busy says so: mostly a moment later, but parts of the system take
	 * the pages out of a packet and keep them for as long as they like.  `copied`:
	 * because the system copied them.  Any context, once. */
	void (*released)(void *ctx, bool copied);
	void *ctx;
};
/* As kapi_netback_alloc, but with memory for the first KAPI_NET_HEADERS bytes only; the
 * rest is attached before it is delivered.  *held: for kapi_netback_leave. */
void *kapi_netback_alloc_held(struct kapi_netback *net, uint32_t queue,
			      struct kapi_net_layout *layout, const struct kapi_net_holder *holder,
			      void **held);
/* The next bytes of the packet: part of a page that is mapped until `released`, which is
 * called from now on, by kapi_netback_discard too. */
void kapi_netback_attach(struct kapi_netback *net, uint32_t queue, void *cookie, void *page,
			 uint32_t offset, uint32_t length);
/* Between the two the grants of packets that kapi_netback_describe named are not given back
 * to their guests, so nothing else is copied by their names.  Any context; begin's result
 * is end's. */
int kapi_netback_naming_begin(void);
void kapi_netback_naming_end(int token);
/* Waits for all that began before.  May sleep. */
void kapi_netback_naming_wait(void);
/* Gives up waiting for `released`.  True: it will not be called, and the pages go to
 * kapi_netback_inherit.  False: it is being called.  Before `released` returned; any
 * context. */
bool kapi_netback_leave(void *held);
/* Of a packet that was left: all who have it are queues to guests, where nothing but Xen's
 * copies reads its pages, and nothing else will.  Any context. */
bool kapi_netback_only_queued(void *held);
/* After `released`: what it was about is over. */
void kapi_netback_forget(void *held);
/* Instead, with pages that are still busy; or of a packet that was left.  They go back when
 * nobody has them any more, those that were not replaced by kapi_grant_replace (status not
 * 0) by being unmapped.  Process context. */
void kapi_netback_inherit(void *held, const struct kapi_map_op *ops, uint32_t count);

/* --- either kind */

/* The packet is complete: hands it to the stack with the next kapi_netback_flush. */
void kapi_netback_deliver(struct kapi_netback *net, uint32_t queue, void *cookie,
			  const struct kapi_net_meta *meta);
void kapi_netback_discard(struct kapi_netback *net, uint32_t queue, void *cookie);
/* With no lock held: what the stack does with the packets may be to transmit, to this
 * guest or another. */
void kapi_netback_flush(struct kapi_netback *net, uint32_t queue);

KAPI_END
#endif
