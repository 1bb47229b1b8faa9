# SPDX-License-Identifier: GPL-2.0-only
"""A disk whose guest moves, or whose device somebody else has or had: beside the kernel's own pair."""

import contextlib

import pytest

from bed import devices, moves
from bed.pair import served
from test_block import OUR_BACK, OUR_FRONT, VDEV, await_true, back_node, load, load_backend
from test_queues import offering
from test_stall import stalling  # noqa: F401  a fixture

PAIRS = [(OUR_FRONT, OUR_BACK), ("xen-blkfront", "xen-blkback")]
EACH_PAIR = pytest.mark.parametrize("front,back", PAIRS, ids=["ours", "intree"])

# Not bound to CPUs, one of which is offline for a while.
VERIFY = ("fio --name=verify --filename={dev} --rw=randrw --bsrange=512-128k --blockalign=512 --size=1m "
          "--offset_increment=16m --numjobs=2 --iodepth=16 --ioengine=libaio --direct=1 --verify=crc32c")
# Rounds until it is told that the guest has moved, and one after that.
ROUNDS = """rm -f /tmp/moved /tmp/rounds /tmp/status
setsid sh -c 'while [ ! -e /tmp/moved ] && {verify} >/tmp/fio.out 2>&1; do echo >>/tmp/rounds; done
    {verify} >/tmp/fio.out 2>&1; echo $? >/tmp/status' </dev/null >/dev/null 2>&1 &
for n in $(seq 200); do [ -s /tmp/rounds ] && exit; sleep 0.1; done; cat /tmp/fio.out >&2; exit 1"""
LAST_ROUND = """touch /tmp/moved; for n in $(seq 300); do [ -s /tmp/status ] && break; sleep 0.1; done
[ "$(cat /tmp/status)" = 0 ] || { cat /tmp/fio.out >&2; exit 1; }"""


@pytest.mark.parametrize("front,back,agreed", [
    (OUR_FRONT, OUR_BACK, ("1", "2")), ("xen-blkfront", "xen-blkback", (None, "2")),
], ids=["ours", "intree"])
def test_restored_with_other_queues(smp, ramdisks, front, back, agreed):
    """To a backend that offers fewer, then to one that offers as many again while a CPU is offline; under load."""
    def restore(offered, wanted):
        moves.save(smp)
        smp.dom0.run(f"echo {offered} >/sys/module/{back.replace('-', '_')}/parameters/max_queues")
        moves.restore(smp)
        devices.await_states(smp, VDEV, ("4", "4"))
        assert smp.dom0.xenstore(f"{devices.frontend(smp, VDEV)}/multi-queue-num-queues") == wanted

    with offering(smp.dom0, back, 2), served(smp, front, back, ramdisks[0], VDEV, by="xl") as dev:
        assert smp.dom0.xenstore(f"{devices.frontend(smp, VDEV)}/multi-queue-num-queues") == "2"
        smp.run(ROUNDS.format(verify=VERIFY.format(dev=dev)), timeout=30)
        restore(1, agreed[0])
        moves.set_cpus(smp, 1, inside=True)
        restore(2, agreed[1])
        moves.set_cpus(smp, 2, inside=True)
        smp.run(LAST_ROUND, timeout=60)


@EACH_PAIR
def test_migration(pvh, ramdisks, front, back):
    """To the same host, twice: for a while both ends have the device."""
    with served(pvh, front, back, ramdisks[0], VDEV, by="xl") as dev:
        pvh.run(ROUNDS.format(verify=VERIFY.format(dev=dev)), timeout=30)
        for _ in range(2):
            moves.migrate(pvh)
            devices.await_states(pvh, VDEV, ("4", "4"))
        pvh.run(LAST_ROUND, timeout=60)
    # The next test has a new one: what a kernel tells of itself in xenstore at its start is not there after a move.
    pvh.destroy()


def log_of(dom0, words):
    return f"dmesg | grep -q '{words}'"


@contextlib.contextmanager
def held(dom0, device):
    """Somebody in dom0 has claimed the device, as a mount does."""
    dom0.run(f"mkfs.ext4 -q {device} 8m && mkdir -p /run/held && mount {device} /run/held")
    try:
        yield
    finally:
        dom0.run("! mountpoint -q /run/held || umount /run/held")


def test_device_in_use_is_waited_for(leakless, ramdisks):
    """The kernel's own backend would let the guest write to what dom0 has mounted."""
    guest, dom0 = leakless, leakless.dom0
    modules, undo = load(guest, OUR_FRONT, OUR_BACK)
    with held(dom0, ramdisks[0]):
        guest.attach(devices.disk(ramdisks[0], VDEV))
        await_true(dom0, log_of(dom0, f"{back_node(guest)}: the device is in use here"))
        devices.await_states(guest, VDEV, ("3", "2"))
        shown = dom0.run(f"cat /sys/kernel/debug/xenpv/{back_node(guest)}/blkback").out
        assert "waits_for device_in_use\n" in shown
    devices.await_connected(guest, VDEV)
    await_true(dom0, log_of(dom0, f"{back_node(guest)}: the device is free after"))
    # The other way about: what a guest writes to is kept from dom0.
    assert dom0.run(f"mkdir -p /run/held; mount {ramdisks[0]} /run/held", check=False).rc != 0
    guest.detach(VDEV)
    guest.unload(*modules)
    dom0.unload(*undo)


@EACH_PAIR
def test_device_that_several_read(leakless, ramdisks, front, back):
    guest, both = leakless, (VDEV, "xvdf")
    modules, undo = load(guest, front, back)
    with held(guest.dom0, ramdisks[0]):
        for vdev in both:
            guest.attach(devices.disk(ramdisks[0], vdev, writable=False))
        sums = {guest.run(f"head -c 64k {devices.await_connected(guest, vdev)} | sha256sum").out for vdev in both}
        assert sums == {guest.dom0.run(f"head -c 64k {ramdisks[0]} | sha256sum").out}
        for vdev in both:
            guest.detach(vdev)
    guest.unload(*modules)
    guest.dom0.unload(*undo)


WRITE = "head -c 4096 /dev/zero | tr '\\0' {letter} | dd of=/dev/" + VDEV + " bs=4k oflag=direct"


@EACH_PAIR
def test_successor_of_a_destroyed_guest(bed, stalling, front, back):  # noqa: F811
    """Destroyed with a write out while its storage stands still, and created again at once: it has its disk, and the
    old guest's write does not land after its own."""
    dom0 = bed.dom0
    undo = load_backend(dom0, back)
    guest = bed.create_guest("doomed")
    guest.load(front)
    guest.attach(devices.disk(stalling, VDEV))
    devices.await_connected(guest, VDEV)
    dom0.run("dmsetup suspend --noflush --nolockfs stalling")
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(dom0.run, "dmsetup resume stalling")
        guest.run(f"({WRITE.format(letter='o')}) >/dev/null 2>&1 </dev/null &")
        await_true(guest, f"[ $(awk '{{ print $9 }}' /sys/block/{VDEV}/stat) = 1 ]")
        moves.recreate(guest)
        guest.load(front)
        guest.attach(devices.disk(stalling, VDEV))
        if back == OUR_BACK:
            await_true(dom0, log_of(dom0, f"{back_node(guest)}: writes of another guest to this device are out"))
    devices.await_connected(guest, VDEV)
    guest.run(WRITE.format(letter="n"))
    assert dom0.run(f"head -c 4096 {stalling} | tr -d n | wc -c").out.strip() == "0"
    guest.destroy()
    await_true(dom0, f"test ! -e /sys/bus/xen-backend/devices/{back_node(guest)}")
    dom0.unload(*undo)
