// SPDX-License-Identifier: GPL-2.0-only
/* xenpv_evtchn.ko: exports of evtchn/, which is C++ with C linkage. */
#include <linux/module.h>

#include <evtchn/abi.h>

EXPORT_SYMBOL_GPL(xenpv_channel_open);
EXPORT_SYMBOL_GPL(xenpv_channel_close);
EXPORT_SYMBOL_GPL(xenpv_channel_notify);
EXPORT_SYMBOL_GPL(xenpv_channel_suppressed);
EXPORT_SYMBOL_GPL(xenpv_channel_end);
EXPORT_SYMBOL_GPL(xenpv_channel_read);

/* Nothing to set up, but without an exit a module cannot be unloaded. */
static int __init xenpv_evtchn_module_init(void)
{
	return 0;
}

static void __exit xenpv_evtchn_module_exit(void)
{
}

module_init(xenpv_evtchn_module_init);
module_exit(xenpv_evtchn_module_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(XENPV_VERSION);
MODULE_DESCRIPTION("xenpv: event channels");
