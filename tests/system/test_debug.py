# SPDX-License-Identifier: GPL-2.0-only
"""The pairs on a kernel that checks itself, in dom0 and in the guest. What it finds it says on a console, which fails
any test; leaks are asked for here. The pairs' other tests run there too: pytest --kernel debug."""

import pytest

from bed import counters, smoke

pytestmark = [pytest.mark.dom0(kernel="debug"), pytest.mark.long]

KMEMLEAK = "/sys/kernel/debug/kmemleak"
OURS = {"blk": ("xenpv_blkfront", "xenpv_blkback"), "net": ("xenpv_netfront", "xenpv_netback")}
IN_TREE = {"blk": ("xen-blkfront", "xen-blkback"), "net": ("xen-netfront", "xen-netback")}
PAIRS = pytest.mark.parametrize("pair", [OURS, IN_TREE], ids=["ours", "intree"])


@pytest.fixture
def guest(pvh):
    """It and dom0 are on that kernel; what is found to leak afterwards was not there before."""
    for domain in (pvh, pvh.dom0):
        assert domain.run("uname -r").out.strip().endswith("-xenpv-debug")
        domain.write(KMEMLEAK, "clear")
    before = pvh.counts()
    yield pvh
    counters.await_baseline(pvh, before)
    for domain in (pvh, pvh.dom0):
        assert leaks(domain) == "", f"in {domain.name}"


def leaks(domain):
    """What no pointer is found to. Twice: what has only just been let go of is still in a register or a queue."""
    for _ in range(2):
        domain.run(f"sleep 6; echo scan >{KMEMLEAK}", timeout=120)
    return domain.run(f"cat {KMEMLEAK}", timeout=60).out


@PAIRS
def test_disk(guest, ramdisks, pair):
    smoke.check_disk(guest, *pair["blk"], ramdisks[0])


@PAIRS
def test_network(guest, pair):
    smoke.check_network(guest, *pair["net"])
