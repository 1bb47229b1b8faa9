/* SPDX-License-Identifier: GPL-2.0-only */
/* Time, and work that is done later. */
#ifndef XENPV_KAPI_TIME_H
#define XENPV_KAPI_TIME_H
#include <kapi/types.h>

KAPI_BEGIN

/* Monotonic, nanoseconds.  Any context. */
uint64_t kapi_now_ns(void);
/* Process context. */
void kapi_sleep_ms(unsigned int ms);

/* Work run once in process context, some time after it was asked for.  Asking
 * again while it waits changes nothing. */
struct kapi_delayed;
struct kapi_delayed *kapi_delayed_create(void (*run)(void *ctx), void *ctx);
/* Work that may wait long, for a disk or another domain: it keeps no other from
 * running, and memory reclaim must not need it. */
struct kapi_delayed *kapi_delayed_create_slow(void (*run)(void *ctx), void *ctx);
/* Any context. */
void kapi_delayed_schedule(struct kapi_delayed *work, unsigned int ms);
/* The same, but when it waits already it waits so long from now. */
void kapi_delayed_move(struct kapi_delayed *work, unsigned int ms);
/* Returns when it neither waits nor runs; it may schedule itself no more.
 * Process context. */
void kapi_delayed_destroy(struct kapi_delayed *work);

KAPI_END
#endif
