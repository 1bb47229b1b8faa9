/* SPDX-License-Identifier: GPL-2.0-only */
/* Read-only text files under /sys/kernel/debug/xenpv/, root only. */
#ifndef XENPV_KAPI_DEBUGFS_H
#define XENPV_KAPI_DEBUGFS_H
#include <kapi/types.h>

KAPI_BEGIN

struct kapi_text; /* where a show function prints */
struct kapi_file;

__attribute__((format(printf, 2, 3))) void kapi_print(struct kapi_text *out, const char *fmt, ...);

/* Makes xenpv/DIR/NAME; show runs in process context for each reader. NULL when
 * the kernel has no debugfs: drivers work without it. */
struct kapi_file *kapi_file_create(const char *dir, const char *name,
				   void (*show)(void *ctx, struct kapi_text *out), void *ctx);
/* Waits for readers inside show.  NULL is allowed. */
void kapi_file_remove(struct kapi_file *file);

KAPI_END
#endif
