# SPDX-License-Identifier: GPL-2.0-only
"""Our pair with its ends on kernels of different series: built for each, loaded, and data checked both ways."""

import pytest

from bed import counters, smoke

pytestmark = [pytest.mark.long, pytest.mark.takes(7)]  # the slowest: a dom0 on Linux 7


def check(guest, ramdisk, front, back):
    """The guest holds afterwards what it held before; the consoles are looked at by the fixtures."""
    # That the test is of what it says: a guest or a dom0 on another kernel would pass it too.
    assert guest.run("uname -r").out.startswith(f"{front}.")
    assert guest.dom0.run("uname -r").out.startswith(f"{back}.")
    before = guest.counts()
    smoke.check_disk(guest, "xenpv_blkfront", "xenpv_blkback", ramdisk)
    smoke.check_network(guest, "xenpv_netfront", "xenpv_netback")
    counters.await_baseline(guest, before)


# Linux 7 in a PV guest: the emulator loses others of it too often to tell anything.
@pytest.mark.parametrize("series, kind", [("6.12", "pvh"), ("7", "pv")])
def test_newer_front(bed, ramdisks, series, kind):
    guest = bed.create_guest(f"on-{series}", kind=kind, kernel=series)
    check(guest, ramdisks[0], series, "6.1")
    guest.destroy()


@pytest.mark.dom0(kernel="6.12")
def test_back_6_12(pvh, ramdisks):
    check(pvh, ramdisks[0], "6.1", "6.12")


@pytest.mark.dom0(kernel="7")
def test_back_7(pvh, ramdisks):
    check(pvh, ramdisks[0], "6.1", "7")
