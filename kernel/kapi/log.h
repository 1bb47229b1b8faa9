/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages to the administrator, and the one way to stop on a broken invariant. */
#ifndef XENPV_KAPI_LOG_H
#define XENPV_KAPI_LOG_H
#include <kapi/types.h>

KAPI_BEGIN

enum kapi_level {
	KAPI_ERROR = 0,
	KAPI_WARN = 1,
	KAPI_INFO = 2,
	KAPI_DEBUG = 3,
};

/* One line, "xenpv: WHO: text".  Any context.  Not rate-limited: callers whose
 * message a peer can provoke go through xenpv::reporter. */
__attribute__((format(printf, 3, 4))) void kapi_log(enum kapi_level level, const char *who,
						    const char *fmt, ...);

/* Format like snprintf; return the length written, at most size - 1. */
__attribute__((format(printf, 3, 4))) size_t kapi_format(char *buf, size_t size, const char *fmt,
							 ...);
__attribute__((format(printf, 3, 0))) size_t kapi_vformat(char *buf, size_t size, const char *fmt,
							  __builtin_va_list args);

/* A pure virtual call, the only thing the C++ runtime asks of us.  Not declared
 * noreturn: objtool knows noreturn functions by name and not this one. */
void kapi_bug(const char *what);

KAPI_END
#endif
