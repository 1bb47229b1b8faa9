// SPDX-License-Identifier: GPL-2.0-only
/* xenpv_kapi.ko: what the engines may ask of the kernel. */
#include <linux/module.h>
#include <xen/page.h>
#include <xen/xen.h>

#include <kapi/types.h>

#include "kapi_module.h"
#include "runtime.h"
#include "unregister.h"

static_assert(KAPI_PAGE_SIZE == XEN_PAGE_SIZE);
/* A kapi page is one frame: kernels with larger pages need a split here. */
static_assert(KAPI_PAGE_SIZE == PAGE_SIZE);

EXPORT_SYMBOL_GPL(__cxa_pure_virtual);

static int __init xenpv_kapi_init(void)
{
	int rc;

	if (!xen_domain())
		return -ENODEV;
	rc = xenpv_time_init();
	if (rc)
		return rc;
	rc = xenpv_grant_init_refs();
	if (!rc)
		rc = xenpv_grant_scratch_init();
	if (rc) {
		xenpv_time_exit();
		return rc;
	}
	xenpv_debugfs_init();
	return 0;
}

static void __exit xenpv_kapi_exit(void)
{
	xenpv_unregister_exit();
	xenpv_held_exit();
	xenpv_debugfs_exit();
	xenpv_grant_scratch_exit();
	xenpv_time_exit();
	xenpv_mem_exit();
}

module_init(xenpv_kapi_init);
module_exit(xenpv_kapi_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(XENPV_VERSION);
MODULE_DESCRIPTION("xenpv: kernel services for the paravirtual drivers");
