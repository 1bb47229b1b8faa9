/* SPDX-License-Identifier: GPL-2.0-only */
/* libstdc++ asks which C library there is: none. */
#pragma once
#define __GLIBC_PREREQ(maj, min) 0
