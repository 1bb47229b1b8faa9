# SPDX-License-Identifier: GPL-2.0-only
"""A disk is taken away while somebody in the guest has it open: errors for the holder, no hang, nothing kept."""

import pytest

from bed import devices
from bed.pair import served
from test_block import OUR_BACK, OUR_FRONT, VDEV, VERIFY, await_true, clean_fio, front_node, load

DRIVER = f"/sys/bus/xen/drivers/{OUR_FRONT}"


# Holds the disk open and does what it is told through a pipe: 'read' and 'write' a block, past the page cache and
# without opening again. It tells how many bytes it got, and the status of the write.
HOLDER = """rm -f /tmp/ask /tmp/told; mkfifo /tmp/ask
(exec 8<>/tmp/ask 9<>{dev}; echo $BASHPID >/tmp/holder
 while read -u 8 word; do
     case $word in
     read) told=$(dd bs=4k count=1 iflag=direct <&9 | wc -c) ;;
     write) dd if=/dev/zero bs=4k count=1 oflag=direct >&9; told=$? ;;
     esac
     echo $told >/tmp/told
 done) >/dev/null 2>&1 &"""


@pytest.fixture
def held(leakless, ramdisks):
    """A guest with a disk of our pair that a process has open and uses; the modules go at the end."""
    guest = leakless
    modules, undo = load(guest, OUR_FRONT, OUR_BACK)
    guest.attach(devices.disk(ramdisks[0], VDEV))
    guest.run(HOLDER.format(dev=devices.await_connected(guest, VDEV)))
    assert holder(guest, "read") == "4096" and holder(guest, "write") == "0"
    yield guest
    let_go(guest)
    if devices.backend(guest, VDEV):
        guest.detach(VDEV)
    guest.unload(*modules)
    guest.dom0.unload(*undo)


def holder(guest, word):
    guest.run(f"rm -f /tmp/told; echo {word} >/tmp/ask")
    await_true(guest, "test -s /tmp/told", timeout=15)
    return guest.run("cat /tmp/told").out.strip()


def has_lost_it(guest):
    """Reads come to an end at once, as of any disk without capacity, and writes fail."""
    return holder(guest, "read") == "0" and holder(guest, "write") != "0"


def let_go(guest):
    """The holder closes the disk, if it has not yet."""
    guest.run("! test -e /tmp/holder || { kill $(cat /tmp/holder) && rm /tmp/holder; }")


def write_and_compare(guest, ramdisk, text):
    guest.run(f"printf '%-512s' '{text}' | dd of=/dev/{VDEV} bs=512 oflag=direct status=none")
    assert guest.dom0.run(f"dd if={ramdisk} bs=512 count=1 iflag=direct status=none").out.strip() == text


def test_detach_of_an_open_disk(held):
    held.detach(VDEV)
    await_true(held, f"test ! -e /sys/block/{VDEV}")
    assert has_lost_it(held)
    let_go(held)


def test_disk_comes_back_while_the_old_one_is_open(held, ramdisks):
    held.detach(VDEV)
    held.attach(devices.disk(ramdisks[0], VDEV))
    devices.await_connected(held, VDEV)
    write_and_compare(held, ramdisks[0], "the new one")
    assert has_lost_it(held), "the old disk became the new one"
    let_go(held)
    write_and_compare(held, ramdisks[0], "after the close")


def test_unbind_of_an_open_disk(held, ramdisks):
    node = front_node(held)
    held.run(f"echo {node} >{DRIVER}/unbind", timeout=30)
    assert has_lost_it(held)
    held.run(f"echo {node} >{DRIVER}/bind", timeout=30)
    devices.await_connected(held, VDEV)
    write_and_compare(held, ramdisks[0], "bound again")
    assert has_lost_it(held)
    let_go(held)
    clean_fio(held.run(VERIFY.format(dev=f"/dev/{VDEV}"), timeout=60))


def test_detach_of_a_mounted_file_system(leakless, ramdisks):
    guest = leakless
    guest.run("modprobe ext4 && mkdir -p /tmp/m")
    with served(guest, OUR_FRONT, OUR_BACK, ramdisks[1], "xvdf") as other:
        guest.attach(devices.disk(ramdisks[0], VDEV))
        dev = devices.await_connected(guest, VDEV)
        guest.run(f"mkfs.ext4 -q -F {dev} 64m && mount -t ext4 {dev} /tmp/m", timeout=60)
        guest.run("dd if=/dev/urandom of=/tmp/m/kept bs=64k count=8 status=none && sync")
        wanted = guest.run("sha256sum </tmp/m/kept").out
        guest.run("dd if=/dev/urandom of=/tmp/m/dirty bs=64k count=8 status=none")
        guest.detach(VDEV)
        assert guest.run("dd if=/dev/zero of=/tmp/m/new bs=4k count=64 conv=fsync", timeout=30, check=False).rc == 1
        assert guest.run("umount /tmp/m", timeout=30, check=False).rc == 0
        clean_fio(guest.run(VERIFY.format(dev=other), timeout=60))
        # What was synced is on the disk for whoever mounts it next.
        guest.attach(devices.disk(ramdisks[0], VDEV))
        devices.await_connected(guest, VDEV)
        guest.run(f"mount -t ext4 {dev} /tmp/m", timeout=30)
        assert guest.run("sha256sum </tmp/m/kept").out == wanted
        guest.run(f"umount /tmp/m && fsck.ext4 -fn {dev}", timeout=30)
        guest.detach(VDEV)
