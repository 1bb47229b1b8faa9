# SPDX-License-Identifier: GPL-2.0-only
"""The test bed: real Xen with a dom0 and guests inside QEMU, for pytest and for developers.

Reading order: layout (where things are), image and tools (what is booted), accel and machine (booting it),
channel, dom0 and guest (running commands inside), devices and nics (disks and NICs), pair (one of them with
chosen drivers), driver_domain (a guest in dom0's place), traffic and counters (what tests look at), watch (what
must not appear in any log), cli (the same for a person at a terminal).
"""
