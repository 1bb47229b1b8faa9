// SPDX-License-Identifier: GPL-2.0-only
/* xenpv_grant.ko: exports of grant/, which is C++ with C linkage. */
#include <linux/module.h>

#include <grant/abi.h>

EXPORT_SYMBOL_GPL(xenpv_grant_account_create);
EXPORT_SYMBOL_GPL(xenpv_grant_account_destroy);
EXPORT_SYMBOL_GPL(xenpv_grant_account_usage);
EXPORT_SYMBOL_GPL(xenpv_ref_cache_attach);
EXPORT_SYMBOL_GPL(xenpv_ref_cache_detach);
EXPORT_SYMBOL_GPL(xenpv_ref_cache_refill);
EXPORT_SYMBOL_GPL(xenpv_ref_cache_drain);
EXPORT_SYMBOL_GPL(xenpv_grant_close);
EXPORT_SYMBOL_GPL(xenpv_grant_park);
EXPORT_SYMBOL_GPL(xenpv_grant_map);
EXPORT_SYMBOL_GPL(xenpv_grant_unmap);
EXPORT_SYMBOL_GPL(xenpv_grant_replace);
EXPORT_SYMBOL_GPL(xenpv_grant_copy);

static int __init xenpv_grant_module_init(void)
{
	return xenpv_grant_init();
}

static void __exit xenpv_grant_module_exit(void)
{
	xenpv_grant_exit();
}

module_init(xenpv_grant_module_init);
module_exit(xenpv_grant_module_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(XENPV_VERSION);
MODULE_DESCRIPTION("xenpv: grant tables");
