/* SPDX-License-Identifier: GPL-2.0-only */
/* What xenpv_evtchn.ko exports; drivers use evtchn/channel.hpp. */
#ifndef XENPV_EVTCHN_ABI_H
#define XENPV_EVTCHN_ABI_H
#include <kapi/types.h>

KAPI_BEGIN

struct kapi_xenbus;
struct xenpv_channel;

/* Interrupt context.  Each call owes one xenpv_channel_end; until then the
 * channel is silent. */
typedef void (*xenpv_channel_handler)(void *ctx);

struct xenpv_channel_config {
	struct kapi_xenbus *bus;
	const char *name; /* of the queue, unique on the device: "q0" */
	uint32_t remote_port; /* the peer's channel, or 0: allocate one for it */
	uint32_t queue; /* this queue's number and how many there are: */
	uint32_t queues; /* where interrupts go */
	xenpv_channel_handler handler;
	void *ctx;
};

struct xenpv_channel_counters {
	uint64_t received; /* interrupts */
	uint64_t spurious; /* of those, ended without work found */
	uint64_t sent; /* notifications: one hypercall each */
	uint64_t suppressed; /* pushes that the peer did not want to hear of */
};

/* 0 or -errno.  *port: what the frontend publishes.  Process context. */
int xenpv_channel_open(const struct xenpv_channel_config *config, struct xenpv_channel **out, uint32_t *port);
/* Waits for a running handler.  Process context. */
void xenpv_channel_close(struct xenpv_channel *channel);

/* Below: any context. */
void xenpv_channel_notify(struct xenpv_channel *channel);
void xenpv_channel_suppressed(struct xenpv_channel *channel);
void xenpv_channel_end(struct xenpv_channel *channel, bool spurious);
void xenpv_channel_read(const struct xenpv_channel *channel, struct xenpv_channel_counters *counters);

KAPI_END
#endif
