# SPDX-License-Identifier: GPL-2.0-only
"""Our backends in a PVH dom0: what it maps of its guests are addresses without memory, as in a driver domain, and here
the guests' devices come from the machine's own."""

import pytest

from bed import counters, smoke

pytestmark = [pytest.mark.dom0(kind="pvh"), pytest.mark.takes(6)]


@pytest.fixture
def guest(pvh):
    """Its dom0 is of the kind that it is said to be; and it holds afterwards what it held before."""
    assert pvh.dom0.run("cat /sys/hypervisor/guest_type").out.strip() == "PVH"
    before = pvh.counts()
    yield pvh
    counters.await_baseline(pvh, before)


def test_disk(guest, ramdisks):
    smoke.check_disk(guest, "xenpv_blkfront", "xenpv_blkback", ramdisks[0])


def test_network(guest):
    smoke.check_network(guest, "xenpv_netfront", "xenpv_netback")
