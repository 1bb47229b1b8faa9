// SPDX-License-Identifier: GPL-2.0-only
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <kapi/time.h>
#include <probed/kernel.h>

#include "kapi_module.h"

#ifndef XENPV_WQ_PERCPU
#define WQ_PERCPU 0 /* a matter of course */
#endif

struct kapi_delayed {
	struct delayed_work work;
	struct workqueue_struct *queue;
	void (*run)(void *ctx);
	void *ctx;
};

/*
 * Of our own and with a rescuer: what a disk does later may be what memory reclaim
 * waits for.
 */
static struct workqueue_struct *later;
/* Without one: the rescuer is a single thread, and what waits for a disk would keep it. */
static struct workqueue_struct *slow;

int xenpv_time_init(void)
{
	later = alloc_workqueue("xenpv", WQ_MEM_RECLAIM | WQ_PERCPU, 0);
	slow = alloc_workqueue("xenpv_slow", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (later && slow)
		return 0;
	xenpv_time_exit();
	return -ENOMEM;
}

void xenpv_time_exit(void)
{
	if (slow)
		destroy_workqueue(slow);
	if (later)
		destroy_workqueue(later);
}

uint64_t kapi_now_ns(void)
{
	return ktime_get_ns();
}
EXPORT_SYMBOL_GPL(kapi_now_ns);

void kapi_sleep_ms(unsigned int ms)
{
	msleep(ms);
}
EXPORT_SYMBOL_GPL(kapi_sleep_ms);

static void run_delayed(struct work_struct *work)
{
	struct kapi_delayed *delayed =
		container_of(to_delayed_work(work), struct kapi_delayed, work);

	delayed->run(delayed->ctx);
}

/* To lockdep works that one place makes are of a kind, as locks are (lock.c): one of them
 * may wait for the end of another kind's. */
static struct kapi_delayed *create(struct workqueue_struct *queue, void (*run)(void *ctx),
				   void *ctx, void *caller)
{
	struct kapi_delayed *delayed = kzalloc(sizeof(*delayed), GFP_NOIO);

	if (!delayed)
		return NULL;
	INIT_DELAYED_WORK(&delayed->work, run_delayed);
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&delayed->work.work.lockdep_map, "xenpv work", caller, 0);
#endif
	delayed->queue = queue;
	delayed->run = run;
	delayed->ctx = ctx;
	return delayed;
}

struct kapi_delayed *kapi_delayed_create(void (*run)(void *ctx), void *ctx)
{
	return create(later, run, ctx, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(kapi_delayed_create);

struct kapi_delayed *kapi_delayed_create_slow(void (*run)(void *ctx), void *ctx)
{
	return create(slow, run, ctx, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(kapi_delayed_create_slow);

void kapi_delayed_schedule(struct kapi_delayed *delayed, unsigned int ms)
{
	queue_delayed_work(delayed->queue, &delayed->work, msecs_to_jiffies(ms));
}
EXPORT_SYMBOL_GPL(kapi_delayed_schedule);

void kapi_delayed_move(struct kapi_delayed *delayed, unsigned int ms)
{
	mod_delayed_work(delayed->queue, &delayed->work, msecs_to_jiffies(ms));
}
EXPORT_SYMBOL_GPL(kapi_delayed_move);

void kapi_delayed_destroy(struct kapi_delayed *delayed)
{
	/* Also keeps the work from queueing itself again while we wait. */
	cancel_delayed_work_sync(&delayed->work);
	kfree(delayed);
}
EXPORT_SYMBOL_GPL(kapi_delayed_destroy);
