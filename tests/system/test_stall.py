# SPDX-License-Identifier: GPL-2.0-only
"""Storage of dom0 that stops answering, as a lost path of a SAN or a full thin pool does: only its disk may wait."""

import contextlib

import pytest

from bed import devices
from test_block import (OUR_BACK, OUR_FRONT, VDEV, VERIFY, await_true, back_node, clean_fio, end_of_load, load,
                        start_load)


@pytest.fixture
def stalling(bed, ramdisks):
    """A device on the first ramdisk that `dmsetup suspend stalling` stops; whatever happens, it goes on at the end."""
    with contextlib.ExitStack() as undo:
        bed.dom0.run(f"modprobe dm-mod && echo 0 $(blockdev --getsz {ramdisks[0]}) linear {ramdisks[0]} 0 | "
                     "dmsetup create stalling && udevadm settle")
        undo.callback(bed.dom0.run, "dmsetup remove --retry stalling", timeout=30)
        undo.callback(bed.dom0.run, "dmsetup resume stalling")
        yield "/dev/mapper/stalling"


def holders(dom0):
    return dom0.run("dmsetup info -c --noheadings -o open stalling").out.strip()


def test_detach_while_storage_stalls(leakless, stalling, ramdisks):
    guest, dom0 = leakless, leakless.dom0
    modules, undo = load(guest, OUR_FRONT, OUR_BACK)
    guest.attach(devices.disk(stalling, VDEV))
    dev = devices.await_connected(guest, VDEV)
    node, stalled = back_node(guest), devices.backend(guest, VDEV)
    start_load(guest, dev)
    dom0.run("dmsetup suspend --noflush --nolockfs stalling")
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(dom0.run, "dmsetup resume stalling")
        dom0.run(f"rm -f /tmp/detached; (xl block-detach {guest.domid} {devices.device_id(VDEV)}; "
                 "echo $? >/tmp/detached) >/tmp/detach.log 2>&1 &")
        await_true(dom0, f"[ $(xenstore-read {stalled}/online) = 0 ]")

        guest.attach(devices.disk(ramdisks[1], "xvdf"))
        other = devices.await_connected(guest, "xvdf")
        clean_fio(guest.run(VERIFY.format(dev=other), timeout=60))
        guest.detach("xvdf")

        # Else the storage did not stall, and all this showed nothing.
        assert holders(dom0) == "1"
    assert end_of_load(guest) != 0, "fio ended well on a disk that went away"
    await_true(dom0, f"test ! -e /sys/bus/xen-backend/devices/{node}", timeout=20)
    await_true(dom0, "test -e /tmp/detached", timeout=30)
    # xl waits ten seconds and then says that it does not know how it went; asked again, it tidies up.
    if devices.backend(guest, VDEV):
        guest.detach(VDEV)
    assert holders(dom0) == "0"
    guest.unload(*modules)
    dom0.unload(*undo)
