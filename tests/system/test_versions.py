# SPDX-License-Identifier: GPL-2.0-only
"""Our pair with its ends on kernels of different series: built for each, loaded, and data checked both ways.

Linux 7 is only built for: its guests stop at boot, or end in a triple fault, too often under the emulator used here,
with the in-tree drivers alone. `xenbed guest create NAME --kernel 7` makes one.
"""

import pytest

from bed import counters, smoke


def check_kernels(guest, front, back):
    """That the test is of what it says: a guest or a dom0 on another kernel would pass it too."""
    assert guest.run("uname -r").out.startswith(f"{front}.")
    assert guest.dom0.run("uname -r").out.startswith(f"{back}.")


def check(guest, ramdisk):
    """The guest holds afterwards what it held before; the consoles are looked at by the fixtures."""
    before = guest.counts()
    smoke.check_disk(guest, "xenpv_blkfront", "xenpv_blkback", ramdisk)
    smoke.check_network(guest, "xenpv_netfront", "xenpv_netback")
    counters.await_baseline(guest, before)


def test_front_6_12_back_6_1(bed, ramdisks):
    guest = bed.create_guest("six12", kernel="6.12")
    check_kernels(guest, "6.12", "6.1")
    check(guest, ramdisks[0])
    guest.destroy()


# One boot of a dom0 on 6.12 serves all that follow.

@pytest.mark.dom0(kernel="6.12")
def test_front_6_1_back_6_12(pvh, ramdisks):
    check_kernels(pvh, "6.1", "6.12")
    check(pvh, ramdisks[0])


@pytest.mark.dom0(kernel="6.12")
def test_front_6_12_back_6_12(bed, ramdisks):
    guest = bed.create_guest("six12", kernel="6.12")
    check_kernels(guest, "6.12", "6.12")
    check(guest, ramdisks[0])
    guest.destroy()
