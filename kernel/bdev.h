/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XENPV_KERNEL_BDEV_H
#define XENPV_KERNEL_BDEV_H

int xenpv_bdev_init(void);
void xenpv_bdev_exit(void);

#endif
