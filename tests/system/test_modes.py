# SPDX-License-Identifier: GPL-2.0-only
"""A disk and a NIC in the modes that the other tests' guests, which are PVH, do not have.

What differs between the modes is how memory is named and how events arrive: the frames of a PV guest are the
machine's, in no order, and its events interrupt it without any hardware.
"""

import pytest

from bed import counters, smoke

GUEST_TYPES = {"pv": "PV", "hvm": "HVM"}  # as the guest's kernel calls them
OURS = ("xenpv", "xenpv")
CASES = [("pv", OURS), ("pv", ("xenpv", "xen")), ("pv", ("xen", "xenpv")), ("hvm", OURS)]
NAMES = {"xenpv": "xenpv_{}", "xen": "xen-{}"}
EACH = pytest.mark.parametrize("guest, ends", [
    pytest.param(kind, ends, id=f"{kind}-{ends[0]}:{ends[1]}", marks=[pytest.mark.parallel] * (kind == "hvm"))
    for kind, ends in CASES], indirect=["guest"])


def drivers(ends, device):
    """The modules' names, for device 'blk' or 'net'."""
    return [NAMES[whose].format(device + end) for whose, end in zip(ends, ("front", "back"))]


@pytest.fixture
def leakless(guest):
    """The guest is of the kind it is said to be; and holds at the end what it held before."""
    assert guest.run("cat /sys/hypervisor/guest_type").out.strip() == GUEST_TYPES[guest.name]
    before = guest.counts()
    yield
    counters.await_baseline(guest, before)


@EACH
def test_disk(guest, ends, leakless, ramdisks):
    smoke.check_disk(guest, *drivers(ends, "blk"), ramdisks[0])


@EACH
def test_network(guest, ends, leakless):
    smoke.check_network(guest, *drivers(ends, "net"))
