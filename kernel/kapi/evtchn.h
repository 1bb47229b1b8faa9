/* SPDX-License-Identifier: GPL-2.0-only */
/* Event-channel primitives.  The event layer (evtchn/) is the only caller. */
#ifndef XENPV_KAPI_EVTCHN_H
#define XENPV_KAPI_EVTCHN_H
#include <kapi/types.h>

KAPI_BEGIN

struct kapi_xenbus;
struct kapi_evtchn; /* a bound channel */

/* Runs in interrupt context, perhaps before the call that binds it returns: *out is
 * set by then.  The channel stays masked until kapi_evtchn_eoi. */
typedef void (*kapi_evtchn_handler)(void *ctx);

/* Frontend: allocates an unbound channel for the device's peer and binds it.
 * Backend: binds to the channel the peer allocated.  `cpu` is where interrupts
 * should arrive, negative for no wish.  Process context. */
int kapi_evtchn_alloc(struct kapi_xenbus *bus, const char *name, int cpu,
		      kapi_evtchn_handler handler, void *ctx, struct kapi_evtchn **out,
		      uint32_t *port);
int kapi_evtchn_bind(struct kapi_xenbus *bus, uint32_t remote_port, const char *name, int cpu,
		     kapi_evtchn_handler handler, void *ctx, struct kapi_evtchn **out);
/* Waits for a running handler, closes the channel.  Process context. */
void kapi_evtchn_unbind(struct kapi_evtchn *channel);
/* One hypercall.  Any context. */
void kapi_evtchn_notify(struct kapi_evtchn *channel);
/* Late end of interrupt: the channel may fire again.  Any context. */
void kapi_evtchn_eoi(struct kapi_evtchn *channel, bool spurious);

/* CPUs that can be given to a queue. */
uint32_t kapi_cpu_count(void);

KAPI_END
#endif
