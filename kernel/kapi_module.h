/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of the parts of xenpv_kapi.ko that have one. */
#ifndef XENPV_KAPI_MODULE_H
#define XENPV_KAPI_MODULE_H

void xenpv_mem_exit(void);
int xenpv_time_init(void);
void xenpv_time_exit(void);
int xenpv_grant_init_refs(void);
int xenpv_grant_scratch_init(void);
void xenpv_grant_scratch_exit(void);
void xenpv_held_exit(void);
void xenpv_debugfs_init(void);
void xenpv_debugfs_exit(void);

#endif
