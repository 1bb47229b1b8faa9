# SPDX-License-Identifier: GPL-2.0-only
"""What guests live through, with the kernels' own pair: the disk's data and the NIC's connection are there afterwards,
and the bed's handle, channel and log follow."""

import contextlib
import re
import time

import pytest

from bed import devices, moves, nics, traffic
from bed.layout import BedError

pytestmark = pytest.mark.long

HVM = pytest.param("hvm", marks=pytest.mark.parallel)
EACH = pytest.mark.parametrize("mover", ["pvh", "pv", HVM], indirect=True, scope="module")
BY_TOOLSTACK = pytest.mark.parametrize("mover", ["pvh", "pv"], indirect=True, scope="module")
NAME = "mover"
DISKS, NICS = ("xvde", "xvdf"), (0, 1)
CPUS, MEMORY = 2, 320
LIMITS = {"max_grant_frames": 48, "max_maptrack_frames": 512}
MIB = 1 << 20
SUM = "dd if=/dev/xvdf bs=64k count=32 iflag=direct status=none | sha256sum"
# A round takes no second; the last one begins after the guest was told that it has moved.
VERIFY = ("fio --name=verify --filename=/dev/xvde --rw=randwrite --bs=4k --size=1m --iodepth=8 --ioengine=libaio "
          "--direct=1 --verify=crc32c")
ROUNDS = f"""
rm -f /tmp/moved /tmp/rounds /tmp/failed /tmp/ended
setsid bash -c 'while :; do
    test -e /tmp/moved; moved=$?
    {VERIFY} >/tmp/fio.out 2>&1 || {{ cp /tmp/fio.out /tmp/failed; break; }}
    echo >>/tmp/rounds
    [ $moved = 1 ] || break
done; touch /tmp/ended' </dev/null >/dev/null 2>&1 &
for n in $(seq 200); do [ -s /tmp/rounds ] && exit; sleep 0.1; done; cat /tmp/fio.out >&2; exit 1"""
LAST_ROUND = """
touch /tmp/moved
for n in $(seq 200); do [ -e /tmp/ended ] && break; sleep 0.1; done
[ -e /tmp/ended ] || { echo "fio hangs" >&2; exit 1; }
[ ! -e /tmp/failed ] || { cat /tmp/failed >&2; exit 1; }"""


@pytest.fixture(scope="module")
def mover(request, bed):
    """A guest with two CPUs, two disks and two NICs from its creation, served by the kernel's own backends."""
    dom0 = bed.dom0
    with contextlib.ExitStack() as undo:
        for back in ("xen-blkback", "xen-netback"):
            if not dom0.loaded(back):
                undo.callback(dom0.unload, *dom0.load(back))
        guest = bed.create_guest(
            NAME, kind=request.param, vcpus=CPUS, memory=MEMORY, nics=[nics.nic(devid) for devid in NICS],
            disks=[devices.disk(target, vdev) for target, vdev in zip(dom0.ramdisks(), DISKS)], **LIMITS)
        undo.callback(bed.guests.pop, NAME, None)
        undo.callback(dom0.run, f"xl destroy {NAME}", check=False, timeout=30)
        traffic.serve(dom0)
        bring_up(guest)
        yield guest


def bring_up(guest):
    if not guest.loaded("xen-netfront"):
        guest.load("xen-netfront")
    nics.configure(guest, nics.await_connected(guest, 0))


def await_devices(guest):
    for vdev in DISKS:
        devices.await_states(guest, vdev, ("4", "4"))
    for devid in NICS:
        nics.await_states(guest, devid, ("4", "4"))


def await_on_console(guest, words):
    deadline = guest.dom0.now() + 10 * guest.dom0.factor
    while words not in guest.console_text():
        assert guest.dom0.now() < deadline, f"{guest.console} has no {words!r}"
        time.sleep(0.2)


def boot_of(guest):
    return guest.run("cat /proc/sys/kernel/random/boot_id").out


def check_network(guest):
    # One echo may be lost to what the move cut short; two are a link that is down.
    guest.run(f"ping -c 1 -W 5 {nics.DOM0_IP4} || ping -c 1 -W 5 {nics.DOM0_IP4}")
    traffic.tcp(guest, nics.DOM0_IP4, "both", MIB)


@contextlib.contextmanager
def in_use(guest):
    """The guest writes and verifies while it moves; afterwards all is as it was, and works."""
    guest.run("dd if=/dev/urandom of=/dev/xvdf bs=64k count=32 oflag=direct status=none")
    data, boot = guest.run(SUM).out, boot_of(guest)
    check_network(guest)
    guest.run(ROUNDS, timeout=30)
    yield
    assert boot_of(guest) == boot
    await_devices(guest)
    guest.run(LAST_ROUND, timeout=30)
    assert guest.run(SUM).out == data
    check_network(guest)
    words = f"bed: after {time.monotonic_ns()}"
    guest.run(f"echo {words} >/dev/kmsg")
    await_on_console(guest, words)


def table_limits(guest):
    """(frames of its grant table, of its maptrack) that Xen allows the guest."""
    said = guest.dom0.run(f"xl dmesg -c >/dev/null; xl debug-keys g; xl dmesg | grep -A 1 'remote d{guest.domid} '").out
    found = re.search(r"\((\d+) max\), \d+ maptrack frames \((\d+) max\)", said)
    return tuple(map(int, found.groups()))


@EACH
@pytest.mark.allow_log("gnttab_usage_print")  # the heading of what the test asks for
def test_settings_at_creation(mover):
    await_devices(mover)
    assert mover.run("ls /sys/block | grep xvd; cd /sys/bus/xen/drivers/vif && ls -d vif-*").out.split() == [
        *DISKS, *(f"vif-{devid}" for devid in NICS)]
    assert mover.run("nproc").out.strip() == str(CPUS)
    mib = int(mover.dom0.run(f"xl list {NAME} | awk 'NR == 2 {{ print $3 }}'").out)
    assert MEMORY - 2 <= mib <= MEMORY
    assert table_limits(mover) == tuple(LIMITS.values())


@EACH
@pytest.mark.allow_log(*moves.PRINTED_IN_PAUSE)
def test_pause(mover):
    with in_use(mover):
        moves.pause(mover)
        assert mover.dom0.run(f"xl list {NAME}").out.split()[-2][2] == "p"
        assert not mover.answers()
        moves.unpause(mover)


@BY_TOOLSTACK
def test_cpu_taken_away_and_given_back(mover):
    with in_use(mover):
        moves.set_cpus(mover, 1)
        assert mover.run("cat /sys/devices/system/cpu/online").out.strip() == "0"
        check_network(mover)
        moves.set_cpus(mover, CPUS)


@EACH
def test_cpu_taken_away_and_given_back_inside(mover):
    with in_use(mover):
        moves.set_cpus(mover, 1, inside=True)
        assert mover.run("cat /sys/devices/system/cpu/online").out.strip() == "0"
        check_network(mover)
        moves.set_cpus(mover, CPUS, inside=True)


@EACH
def test_checkpoint(mover):
    domid = mover.domid
    with in_use(mover):
        moves.checkpoint(mover)
        mover.dom0.run(f"test -s {moves.saved(mover)} && rm {moves.saved(mover)}")
        assert mover.dom0.run(f"xl domid {NAME}").out == f"{domid}\n"


@EACH
def test_save_and_restore(mover):
    domid = mover.domid
    with in_use(mover):
        moves.save(mover)
        assert mover.dom0.run(f"xl domid {NAME}", check=False).rc
        moves.restore(mover)
        assert mover.domid > domid


@EACH
def test_migration(mover):
    """Twice: the second one begins where the first one has led to."""
    domid = mover.domid
    with in_use(mover):
        moves.migrate(mover)
        moves.migrate(mover)
        assert mover.domid > domid + 1
        names = mover.dom0.run("xl list | awk 'NR > 2 { print $1 }'").out.split()
        assert names.count(NAME) == 1 and not [name for name in names if "--" in name]


@EACH
def test_destroyed_and_created_again(mover):
    domid, boot = mover.domid, boot_of(mover)
    moves.recreate(mover)
    bring_up(mover)
    assert mover.domid > domid and boot_of(mover) != boot
    await_devices(mover)
    mover.run(VERIFY, timeout=30)
    check_network(mover)


def test_a_guest_that_is_not_saved_cannot_be_restored(pvh):
    with pytest.raises(BedError, match="is not saved"):
        moves.restore(pvh)
