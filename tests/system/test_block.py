# SPDX-License-Identifier: GPL-2.0-only
"""The block pair on real Xen: every front with every back, data first, then what administrators do to disks."""

import pytest

from bed import devices
from bed.pair import served

OUR_FRONT, OUR_BACK = "xenpv_blkfront", "xenpv_blkback"
PAIRS = [
    (OUR_FRONT, OUR_BACK),
    (OUR_FRONT, "xen-blkback"),
    ("xen-blkfront", OUR_BACK),
    ("xen-blkfront", "xen-blkback"),
    (OUR_FRONT, "qdisk"),
]
EACH_PAIR = pytest.mark.parametrize("front,back", PAIRS, ids=[f"{f}:{b}" for f, b in PAIRS])
OURS = pytest.mark.parametrize("front,back", PAIRS[:1], ids=["ours"])
VDEV = "xvde"
VERIFY = ("fio --name=verify --filename={dev} --rw=randrw --bsrange=512-256k --blockalign=512 --size=24m --iodepth=16 "
          "--ioengine=libaio --direct=1 --verify=crc32c --randseed=7 --output-format=json")
BACKGROUND = ("fio --name=load --filename={dev} --rw=randrw --bs=4k --iodepth=16 --ioengine=libaio --direct=1 "
              "--time_based --runtime=600 --output-format=json >/tmp/load.json 2>/tmp/load.err; echo $? >/tmp/load.rc")


def clean_fio(result):
    job = result.json()["jobs"][0]
    assert job["error"] == 0 and job["read"]["total_ios"] > 0 and job["write"]["total_ios"] > 0
    return job


def await_true(domain, condition, timeout=10):
    tries = timeout * 10 * getattr(domain, "dom0", domain).factor
    domain.run(f"for n in $(seq {tries}); do {condition} && exit 0; sleep 0.1; done; exit 1", timeout=timeout + 5)


def start_load(guest, dev):
    done = f"awk '{{ print $1 + $5 }}' /sys/block/{dev.removeprefix('/dev/')}/stat"
    guest.run(f"rm -f /tmp/load.*; was=$({done}); ({BACKGROUND.format(dev=dev)}) >/dev/null 2>&1 &\n"
              f"for n in $(seq {100 * guest.dom0.factor}); do "
              f"[ $(($({done}) - was)) -gt 500 ] && break; sleep 0.1; done\n"
              f"[ $(($({done}) - was)) -gt 500 ] && test ! -e /tmp/load.rc && pidof fio")


def end_of_load(guest, timeout=30):
    """fio's exit status once it has ended by itself; the test fails when it hangs."""
    await_true(guest, "test -e /tmp/load.rc", timeout)
    return int(guest.run("cat /tmp/load.rc").out)


def stop_load(guest):
    guest.run("killall -INT fio")
    return end_of_load(guest)


def front_node(guest):
    return f"vbd-{devices.device_id(VDEV)}"


def back_node(guest):
    return f"vbd-{guest.domid}-{devices.device_id(VDEV)}"


def sysfs_stat(guest, name):
    return int(guest.dom0.run(f"cat /sys/bus/xen-backend/devices/{back_node(guest)}/statistics/{name}").out)


def load_backend(dom0, back):
    """What to unload again; nothing when somebody at the terminal had it loaded."""
    return [] if dom0.loaded(back) else dom0.load(back)


def load(guest, front, back):
    """Both drivers, for tests that reload one of them: (the guest's modules, dom0's modules) to unload."""
    undo = load_backend(guest.dom0, back)
    return guest.load(front), undo


@EACH_PAIR
def test_random_io_keeps_data(leakless, ramdisks, front, back):
    with served(leakless, front, back, ramdisks[0], VDEV) as dev:
        clean_fio(leakless.run(VERIFY.format(dev=dev), timeout=60))


@EACH_PAIR
def test_file_system_survives(leakless, ramdisks, front, back):
    guest = leakless
    with served(guest, front, back, ramdisks[0], VDEV) as dev:
        guest.run("modprobe ext4 && mkdir -p /tmp/m")
        guest.run(f"mkfs.ext4 -q -F {dev} 64m && mount -t ext4 {dev} /tmp/m", timeout=60)
        guest.run("mkdir /tmp/m/tree && cp -r /bin /etc /tmp/m/tree/ && sync", timeout=60)
        summed = "cd /tmp/m/tree && find . -type f | sort | xargs sha256sum | sha256sum"
        wanted = guest.run(summed, timeout=60).out
        guest.run(f"umount /tmp/m && fsck.ext4 -fn {dev} && mount -t ext4 {dev} /tmp/m", timeout=60)
        guest.run("echo 3 >/proc/sys/vm/drop_caches")
        assert guest.run(summed, timeout=60).out == wanted
        guest.run("umount /tmp/m")


@OURS
def test_read_only_disk(leakless, ramdisks, front, back):
    guest = leakless
    guest.dom0.run(f"dd if=/dev/urandom of={ramdisks[0]} bs=64k count=1 oflag=direct status=none")
    wanted = guest.dom0.run(f"head -c 64k {ramdisks[0]} | sha256sum").out
    modules = load(guest, front, back)
    guest.attach(devices.disk(ramdisks[0], VDEV, writable=False))
    dev = devices.await_connected(guest, VDEV)
    assert guest.run(f"cat /sys/block/{VDEV}/ro").out.strip() == "1"
    assert guest.run(f"head -c 64k {dev} | sha256sum").out == wanted
    assert guest.run(f"dd if=/dev/zero of={dev} bs=4k count=1 oflag=direct", check=False).rc != 0
    assert guest.dom0.run(f"head -c 64k {ramdisks[0]} | sha256sum").out == wanted
    guest.detach(VDEV)
    guest.unload(*modules[0])
    guest.dom0.unload(*modules[1])


@pytest.fixture
def loop(bed):
    """(device, function that changes its size in MiB) of a loop device with 4096-byte sectors."""
    bed.dom0.run("truncate -s 64M /dev/shm/disk")
    path = bed.dom0.run("losetup -b 4096 -f --show /dev/shm/disk").out.strip()

    def resize(mib):
        bed.dom0.run(f"truncate -s {mib}M /dev/shm/disk && losetup -c {path}")

    yield path, resize
    bed.dom0.run(f"losetup -d {path}; rm /dev/shm/disk")


@EACH_PAIR
def test_flush_reaches_the_backend(leakless, loop, front, back):
    """On a loop device: a ramdisk has no cache, and the in-tree backend then offers no flush."""
    guest = leakless
    with served(guest, front, back, loop[0], VDEV) as dev:
        assert guest.run(f"cat /sys/block/{VDEV}/queue/write_cache").out.strip() == "write back"
        before = sysfs_stat(guest, "f_req") if back != "qdisk" else None
        guest.run(f"dd if=/dev/zero of={dev} bs=4k count=4 conv=fsync status=none")
        if before is not None:
            assert sysfs_stat(guest, "f_req") > before


@pytest.mark.parametrize("front,back", [PAIRS[0], PAIRS[1], PAIRS[2]], ids=["ours", "intree-back", "intree-front"])
def test_large_sectors_and_live_resize(leakless, loop, front, back):
    guest = leakless
    path, resize = loop
    with served(guest, front, back, path, VDEV) as dev:
        assert guest.run(f"blockdev --getss {dev}").out.strip() == "4096"
        job = VERIFY.format(dev=dev).replace("512", "4096")
        clean_fio(guest.run(job, timeout=60))
        resize(96)
        if back == OUR_BACK:
            # Nothing polls an idle disk: the udev rule writes the key again when a volume changes.
            node = devices.backend(guest, VDEV)
            number = guest.dom0.xenstore(f"{node}/physical-device")
            guest.dom0.run(f"xenstore-write {node}/physical-device {number}")
        await_true(guest, f"[ $(cat /sys/block/{VDEV}/size) = {96 * 2048} ]")
        guest.run(f"dd if=/dev/zero of={dev} bs=4k seek={90 * 256} count=1 oflag=direct status=none")


@OURS
def test_detach_under_load_fails_io_and_nothing_else(leakless, ramdisks, front, back):
    guest = leakless
    with served(guest, front, back, ramdisks[1], "xvdf") as other:
        guest.attach(devices.disk(ramdisks[0], VDEV))
        dev = devices.await_connected(guest, VDEV)
        start_load(guest, dev)
        guest.detach(VDEV)
        assert end_of_load(guest) != 0, "fio ended well on a disk that went away"
        clean_fio(guest.run(VERIFY.format(dev=other), timeout=60))


def rebind(domain, bus, driver, node, modules):
    """Driver off the device, modules out and in again, driver back on the device."""
    domain.run(f"echo {node} >/sys/bus/{bus}/drivers/{driver}/unbind", timeout=30)
    domain.unload(*modules)
    return domain.load(driver)


@OURS
@pytest.mark.parametrize("loaded", [False, True], ids=["idle", "load"])
def test_frontend_reload_reconnects(leakless, ramdisks, front, back, loaded):
    guest = leakless
    modules, undo = load(guest, front, back)
    guest.attach(devices.disk(ramdisks[0], VDEV))
    dev = devices.await_connected(guest, VDEV)
    guest.run("dd if=/dev/urandom of=/tmp/data bs=64k count=1 status=none")
    guest.run(f"dd if=/tmp/data of={dev} oflag=direct bs=64k status=none")
    if loaded:
        start_load(guest, dev)
    modules = rebind(guest, "xen", front, front_node(guest), modules)
    if loaded:
        assert end_of_load(guest) != 0
    dev = devices.await_connected(guest, VDEV)
    if not loaded:
        guest.run(f"head -c 64k {dev} | cmp - /tmp/data")
    clean_fio(guest.run(VERIFY.format(dev=dev), timeout=60))
    guest.detach(VDEV)
    guest.unload(*modules)
    guest.dom0.unload(*undo)


@pytest.mark.parametrize("front", [OUR_FRONT, "xen-blkfront"])
def test_backend_reload_under_load_goes_unnoticed(leakless, ramdisks, front):
    guest = leakless
    modules, undo = load(guest, front, OUR_BACK)
    guest.attach(devices.disk(ramdisks[0], VDEV))
    dev = devices.await_connected(guest, VDEV)
    start_load(guest, dev)
    undo = rebind(guest.dom0, "xen-backend", OUR_BACK, back_node(guest), undo)
    shown = f"/sys/kernel/debug/xenpv/{back_node(guest)}/blkback"
    await_true(guest.dom0, f'[ "$(head -n 1 {shown})" = "state connected" ]')
    guest.dom0.run("sleep 2")  # of load on it
    assert stop_load(guest) in (0, 128), "the guest saw its backend's reload"
    clean_fio(guest.run(VERIFY.format(dev=dev), timeout=60))
    guest.detach(VDEV)
    guest.unload(*modules)
    guest.dom0.unload(*undo)


@OURS
def test_untrusted_backend_sees_only_bounced_pages(leakless, ramdisks, front, back):
    guest = leakless
    undo = load_backend(guest.dom0, back)
    guest.attach(devices.disk(ramdisks[0], VDEV))
    guest.dom0.run(f"xenstore-write {devices.frontend(guest, VDEV)}/trusted 0")
    modules = guest.load(front)
    dev = devices.await_connected(guest, VDEV)
    clean_fio(guest.run(VERIFY.format(dev=dev), timeout=60))
    shown = guest.run(f"cat /sys/kernel/debug/xenpv/{front_node(guest)}/blkfront").out
    values = dict(line.split() for line in shown.splitlines() if line.startswith("  "))
    assert int(values["copied_bytes"]) == int(values["bytes"]) > 0
    guest.detach(VDEV)
    guest.unload(*modules)
    guest.dom0.unload(*undo)


@OURS
def test_destroyed_guest_leaves_nothing_in_dom0(bed, ramdisks, front, back):
    guest = bed.create_guest("doomed")
    _, undo = load(guest, front, back)
    guest.attach(devices.disk(ramdisks[0], VDEV))
    start_load(guest, devices.await_connected(guest, VDEV))
    node = back_node(guest)
    guest.destroy()
    await_true(bed.dom0, f"test ! -e /sys/bus/xen-backend/devices/{node}")
    # mkfs opens exclusively: if anything still held the ramdisk, it would be refused.
    bed.dom0.run(f"mkfs.ext4 -q {ramdisks[0]} 8m")
    bed.dom0.unload(*undo)


@pytest.mark.parametrize("key,value,names", [
    ("sectors", "-1", "sectors: \"-1\" is not a number"),
    ("sector-size", "1000", "not powers of two"),
    ("info", "99999999999999999999999", "info: \"99999999999999999999999\" is not a number"),
], ids=["sectors", "sector-size", "info"])
def test_backend_that_publishes_nonsense_is_refused(leakless, ramdisks, key, value, names):
    """A backend by hand: this dom0 writes what a driver would, and one key wrong. Then a real one takes over."""
    guest = leakless
    good = {"sectors": "8192", "sector-size": "512", "info": "0"}
    modules = guest.load(OUR_FRONT)
    front = f"/local/domain/{guest.domid}/device/vbd/51808"
    back = f"/local/domain/0/backend/vbd/{guest.domid}/51808"
    guest.dom0.run(f"xenstore-write {front} '' {back} ''; "
                   f"xenstore-chmod {front} n{guest.domid} r0; xenstore-chmod {back} n0 r{guest.domid}")
    guest.dom0.run(f"xenstore-write {back}/frontend {front} {back}/frontend-id {guest.domid} {back}/state 2 "
                   f"{front}/backend {back} {front}/backend-id 0 {front}/virtual-device 51808 "
                   f"{front}/device-type disk {front}/state 1")
    await_true(guest.dom0, f"[ \"$(xenstore-read {front}/state)\" = 3 ]")
    for name, text in {**good, key: value}.items():
        guest.dom0.run(f"xenstore-write -- {back}/{name} {text}")
    guest.dom0.run(f"xenstore-write {back}/state 4")
    await_true(guest, "grep -q 'state broken' /sys/kernel/debug/xenpv/vbd-51808/blkfront")
    assert names in guest.run("dmesg | tail -n 20").out
    guest.dom0.run(f"xenstore-rm {front}; xenstore-rm {back}")
    await_true(guest, "test ! -e /sys/bus/xen/devices/vbd-51808")
    guest.unload(*modules)
    with served(guest, OUR_FRONT, OUR_BACK, ramdisks[0], VDEV) as dev:
        clean_fio(guest.run(VERIFY.format(dev=dev), timeout=60))
