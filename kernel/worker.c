// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <kapi/worker.h>

struct kapi_worker {
	struct task_struct *task;
	int woken;
	bool stopping; /* asked to; kthread_stop would wait */
	void (*run)(void *ctx, struct kapi_worker *self);
	void *ctx;
};

/*
 * Sleeps until woken or asked to stop.  TASK_IDLE: an idle queue is no load, and
 * no hung task.
 */
static void sleep_until_woken(struct kapi_worker *worker)
{
	for (;;) {
		/* The state before the look at the flag: full fence inside, pairs with
		 * the one in wake_up_process after the flag is set. */
		set_current_state(TASK_IDLE);
		if (xchg(&worker->woken, 0) || READ_ONCE(worker->stopping))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/* kthread_stop needs the task to be there still. */
static void wait_for_the_end(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int serve(void *data)
{
	struct kapi_worker *worker = data;

	worker->run(worker->ctx, worker);
	wait_for_the_end();
	return 0;
}

struct kapi_worker *kapi_worker_start(const char *name,
				      void (*run)(void *ctx, struct kapi_worker *self), void *ctx)
{
	struct kapi_worker *worker = kzalloc(sizeof(*worker), GFP_NOIO);

	if (!worker)
		return NULL;
	worker->run = run;
	worker->ctx = ctx;
	worker->task = kthread_create(serve, worker, "%s", name);
	if (IS_ERR(worker->task)) {
		kfree(worker);
		return NULL;
	}
	wake_up_process(worker->task);
	return worker;
}
EXPORT_SYMBOL_GPL(kapi_worker_start);

void kapi_worker_wake(struct kapi_worker *worker)
{
	/* Set already: whoever set it wakes the thread, or the thread is awake. */
	if (!xchg(&worker->woken, 1))
		wake_up_process(worker->task);
}
EXPORT_SYMBOL_GPL(kapi_worker_wake);

bool kapi_worker_wait(struct kapi_worker *worker)
{
	sleep_until_woken(worker);
	return !READ_ONCE(worker->stopping);
}
EXPORT_SYMBOL_GPL(kapi_worker_wait);

bool kapi_worker_yield(struct kapi_worker *worker)
{
	cond_resched();
	return !READ_ONCE(worker->stopping);
}
EXPORT_SYMBOL_GPL(kapi_worker_yield);

void kapi_worker_nap(struct kapi_worker *worker, uint64_t ns)
{
	ktime_t length = ns_to_ktime(ns);

	set_current_state(TASK_IDLE);
	if (!xchg(&worker->woken, 0) && !READ_ONCE(worker->stopping))
		schedule_hrtimeout_range(&length, ns / 8, HRTIMER_MODE_REL);
	__set_current_state(TASK_RUNNING);
}
EXPORT_SYMBOL_GPL(kapi_worker_nap);

void kapi_worker_ask_to_stop(struct kapi_worker *worker)
{
	/* Before the wake, whose full fence the thread's look at `woken` pairs with. */
	WRITE_ONCE(worker->stopping, true);
	kapi_worker_wake(worker);
}
EXPORT_SYMBOL_GPL(kapi_worker_ask_to_stop);

void kapi_worker_stop(struct kapi_worker *worker)
{
	kapi_worker_ask_to_stop(worker);
	kthread_stop(worker->task);
	kfree(worker);
}
EXPORT_SYMBOL_GPL(kapi_worker_stop);
