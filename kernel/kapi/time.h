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
/* Any context. */
void kapi_delayed_schedule(struct kapi_delayed *work, unsigned int ms);
/* Returns when it neither waits nor runs; it may schedule itself no more.
 * Process context. */
void kapi_delayed_destroy(struct kapi_delayed *work);

KAPI_END
#endif
