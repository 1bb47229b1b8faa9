/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kapi: the C ABI between the kernel side (C, kernel headers) and the engines
 * (C++, no kernel header).  The kernel implements it in kernel/, a process in
 * userspace/sim.  C11 and C++20 read these headers; only fixed-width types and
 * opaque handles cross.  Errors are negative Linux errno values.
 */
#ifndef XENPV_KAPI_TYPES_H
#define XENPV_KAPI_TYPES_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
#define KAPI_BEGIN extern "C" {
#define KAPI_END }
#define KAPI_STATIC_ASSERT(cond) static_assert(cond, #cond)
#else
#define KAPI_BEGIN
#define KAPI_END
#define KAPI_STATIC_ASSERT(cond) _Static_assert(cond, #cond)
#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif
#endif

/* A grant covers one Xen page whatever the guest's own page size is. */
#define KAPI_PAGE_SIZE 4096u

#endif
