// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "xenpv: " fmt

#include <linux/bug.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/printk.h>

#include <kapi/log.h>

void kapi_log(enum kapi_level level, const char *who, const char *fmt, ...)
{
	struct va_format text;
	va_list args;

	va_start(args, fmt);
	text.fmt = fmt;
	text.va = &args;
	switch (level) {
	case KAPI_ERROR:
		pr_err("%s: %pV\n", who, &text);
		break;
	case KAPI_WARN:
		pr_warn("%s: %pV\n", who, &text);
		break;
	case KAPI_INFO:
		pr_info("%s: %pV\n", who, &text);
		break;
	case KAPI_DEBUG:
		pr_debug("%s: %pV\n", who, &text);
		break;
	}
	va_end(args);
}
EXPORT_SYMBOL_GPL(kapi_log);

size_t kapi_vformat(char *buf, size_t size, const char *fmt, __builtin_va_list args)
{
	return vscnprintf(buf, size, fmt, args);
}
EXPORT_SYMBOL_GPL(kapi_vformat);

size_t kapi_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = vscnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}
EXPORT_SYMBOL_GPL(kapi_format);

void kapi_bug(const char *what)
{
	pr_emerg("%s\n", what);
	BUG();
}
EXPORT_SYMBOL_GPL(kapi_bug);
