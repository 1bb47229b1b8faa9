// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/events.h>
#include <xen/xenbus.h>

#include <kapi/evtchn.h>

#include "xenbus.h"

struct kapi_evtchn {
	int irq;
	kapi_evtchn_handler handler;
	void *ctx;
	char name[48]; /* /proc/interrupts shows it while the channel lives */
};

static irqreturn_t fired(int irq, void *data)
{
	struct kapi_evtchn *channel = data;

	/* The first event may come before the bind call has told us the number, and
	 * the handler may end or send one. */
	WRITE_ONCE(channel->irq, irq);
	channel->handler(channel->ctx);
	return IRQ_HANDLED;
}

static struct kapi_evtchn *create(const char *name, kapi_evtchn_handler handler, void *ctx)
{
	struct kapi_evtchn *channel = kzalloc(sizeof(*channel), GFP_NOIO);

	if (channel) {
		channel->handler = handler;
		channel->ctx = ctx;
		strscpy(channel->name, name, sizeof(channel->name));
	}
	return channel;
}

/* Ends what alloc and bind have in common: `irq` is what the kernel's bind said. */
static int bound(struct kapi_evtchn *channel, int irq, int wish, struct kapi_evtchn **out)
{
	int cpu;

	if (irq < 0) {
		*out = NULL;
		kfree(channel);
		return irq;
	}
	WRITE_ONCE(channel->irq, irq);
	/* Queues are numbered over the CPUs that are there, which may have gaps.  An
	 * interrupt that cannot be steered still arrives: nothing to do on failure. */
	for_each_online_cpu(cpu) {
		if (wish-- == 0) {
			irq_set_affinity_and_hint(irq, cpumask_of(cpu));
			break;
		}
	}
	return 0;
}

int kapi_evtchn_alloc(struct kapi_xenbus *bus, const char *name, int cpu,
		      kapi_evtchn_handler handler, void *ctx, struct kapi_evtchn **out,
		      uint32_t *port)
{
	struct kapi_evtchn *channel = create(name, handler, ctx);
	evtchn_port_t got;
	int rc;

	if (!channel)
		return -ENOMEM;
	rc = xenbus_alloc_evtchn(xenbus_of(bus), &got);
	if (rc) {
		kfree(channel);
		return rc;
	}
	*port = got;
	*out = channel; /* before the handler can run */
	/*
	 * When this fails the port is not closed here.  Mostly the kernel has done it,
	 * and by now the number may be somebody else's channel; only without a free
	 * interrupt it has not, and then the port stays until the domain ends.  The two
	 * return the same.  One port too many costs less than one closed under its user.
	 */
	rc = bind_evtchn_to_irqhandler_lateeoi(got, fired, 0, channel->name, channel);
	return bound(channel, rc, cpu, out);
}
EXPORT_SYMBOL_GPL(kapi_evtchn_alloc);

int kapi_evtchn_bind(struct kapi_xenbus *bus, uint32_t remote_port, const char *name, int cpu,
		     kapi_evtchn_handler handler, void *ctx, struct kapi_evtchn **out)
{
	struct kapi_evtchn *channel = create(name, handler, ctx);
	int rc;

	if (!channel)
		return -ENOMEM;
	*out = channel; /* before the handler can run */
	rc = bind_interdomain_evtchn_to_irqhandler_lateeoi(xenbus_of(bus), remote_port, fired, 0,
							   channel->name, channel);
	return bound(channel, rc, cpu, out);
}
EXPORT_SYMBOL_GPL(kapi_evtchn_bind);

void kapi_evtchn_unbind(struct kapi_evtchn *channel)
{
	/* free_irq complains of a hint that is still there. */
	irq_update_affinity_hint(channel->irq, NULL);
	unbind_from_irqhandler(channel->irq, channel);
	kfree(channel);
}
EXPORT_SYMBOL_GPL(kapi_evtchn_unbind);

void kapi_evtchn_notify(struct kapi_evtchn *channel)
{
	notify_remote_via_irq(READ_ONCE(channel->irq));
}
EXPORT_SYMBOL_GPL(kapi_evtchn_notify);

void kapi_evtchn_eoi(struct kapi_evtchn *channel, bool spurious)
{
	xen_irq_lateeoi(READ_ONCE(channel->irq), spurious ? XEN_EOI_FLAG_SPURIOUS : 0);
}
EXPORT_SYMBOL_GPL(kapi_evtchn_eoi);

uint32_t kapi_cpu_count(void)
{
	return num_online_cpus();
}
EXPORT_SYMBOL_GPL(kapi_cpu_count);
