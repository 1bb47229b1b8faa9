/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel thread that serves one queue: it sleeps until woken, and
 * wakes by itself only from a nap. */
#ifndef XENPV_KAPI_WORKER_H
#define XENPV_KAPI_WORKER_H
#include <kapi/types.h>

KAPI_BEGIN

struct kapi_worker;

/* Starts a thread called `name` that runs run(ctx, self); run must return once
 * kapi_worker_wait says false.  NULL when no thread can be had. */
struct kapi_worker *kapi_worker_start(const char *name,
				      void (*run)(void *ctx, struct kapi_worker *self), void *ctx);
/* Any context.  A wake before the wait is not lost. */
void kapi_worker_wake(struct kapi_worker *worker);
/* Called by the thread: sleeps until woken.  False: asked to stop. */
bool kapi_worker_wait(struct kapi_worker *worker);
/* Called by the thread in every round of work: a peer that always has more must
 * not keep others from the CPU, nor the thread from stopping.  False: asked to stop. */
bool kapi_worker_yield(struct kapi_worker *worker);
/* Called by the thread: sleeps until woken, asked to stop, or `ns` have passed. */
void kapi_worker_nap(struct kapi_worker *worker, uint64_t ns);
/* Asks the thread to stop, and does not wait.  Any context, before kapi_worker_stop. */
void kapi_worker_ask_to_stop(struct kapi_worker *worker);
/* Asks the thread to stop, waits for it and frees it.  Process context. */
void kapi_worker_stop(struct kapi_worker *worker);

KAPI_END
#endif
