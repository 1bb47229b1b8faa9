# SPDX-License-Identifier: GPL-2.0-only
"""Does the bed itself work? Each instrument is also shown to notice what it is there for."""

import hashlib
import os
import threading

import pytest

from bed import counters, standing
from bed.layout import BedError
from bed.pair import served

HVM = pytest.param("hvm", marks=pytest.mark.parallel)
BOTH = pytest.mark.parametrize("guest", ["pvh", HVM], indirect=True)
EACH = pytest.mark.parametrize("guest", ["pvh", "pv", "smp", HVM], indirect=True)
WRITE = ("fio --name=verify --filename={dev} --rw=randwrite --bsrange=4k-128k --size=32m --iodepth=16 "
         "--ioengine=libaio --direct=1 --verify=crc32c --output-format=json")


def test_dom0_controls_xen(bed):
    assert "control_d" in bed.dom0.run("cat /proc/xen/capabilities").out
    assert bed.dom0.run("uname -r").out.strip() == bed.kver
    info = bed.dom0.run("xl info").out
    assert "xen_version            : 4.17" in info
    assert "hvm" in info, "this Xen cannot run HVM guests"


@EACH
def test_guest_starts_without_drivers(bed, guest):
    assert guest.run("uname -r").out.strip() == bed.kver
    assert guest.run("cat /sys/hypervisor/guest_type").out.strip() == standing.KINDS[guest.name].upper()
    for driver in ("xen-blkfront", "xen-netfront", "ata_piix"):
        assert not guest.loaded(driver)


def test_commands_report_status_output_and_time(bed, pvh):
    for domain in (bed.dom0, pvh):
        result = domain.run("echo out; echo err >&2; exit 3", check=False)
        assert (result.rc, result.out, result.err, result.late) == (3, "out\n", "err\n", False)
        assert domain.run("sleep 60", timeout=0.5, check=False).late
        assert domain.run("seq 1 40000").out == "".join(f"{n}\n" for n in range(1, 40001))


def test_channel_survives_kernel_messages_and_parallel_commands(pvh):
    pvh.run("(for n in $(seq 300); do echo bed: noise $n >/dev/kmsg; done) >/dev/null 2>&1 &")
    sums = {}

    def fetch(seed):
        sums[seed] = pvh.run(f"seq {seed} {seed + 20000}", check=False).out

    threads = [threading.Thread(target=fetch, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(3):
        assert sums[seed] == "".join(f"{n}\n" for n in range(seed, seed + 20001))


def test_files_arrive_whole(bed, pvh, tmp_path):
    data = os.urandom(100_000)
    (tmp_path / "data").write_bytes(data)
    for domain in (bed.dom0, pvh):
        domain.put(tmp_path / "data", "/tmp/data")
        assert domain.run("sha256sum </tmp/data").out.split()[0] == hashlib.sha256(data).hexdigest()


@BOTH
@pytest.mark.parametrize("back", ["xen-blkback", "qdisk"])
def test_kernels_own_pair_keeps_data_and_leaks_nothing(guest, back, ramdisks):
    before = guest.counts()
    with served(guest, "xen-blkfront", back, ramdisks[0]) as dev:
        job = guest.run(WRITE.format(dev=dev), timeout=60).json()["jobs"][0]
        assert job["error"] == 0 and job["read"]["io_bytes"] == job["write"]["io_bytes"] == 32 << 20
        during = guest.counts()
        assert during.granted > before.granted and during.evtchn > before.evtchn
        print(f"{guest.name} {back}: {during} against {before}")
    counters.await_baseline(guest, before)


def test_verification_notices_damage(pvh, ramdisks):
    with served(pvh, target=ramdisks[0]) as dev:
        pvh.run(WRITE.format(dev=dev), timeout=60)
        pvh.run("sync; echo 3 >/proc/sys/vm/drop_caches")
        pvh.dom0.run(f"dd if=/dev/urandom of={ramdisks[0]} bs=4k count=1 seek=100 oflag=direct")
        again = pvh.run(WRITE.format(dev=dev) + " --verify_only", timeout=60, check=False)
        assert again.rc != 0


def test_counters_notice_what_is_kept(pvh, ramdisks):
    before = pvh.counts()
    with served(pvh, target=ramdisks[0]):
        with pytest.raises(BedError, match="leaks"):
            counters.await_baseline(pvh, before, timeout=0.1)


@pytest.mark.parallel
def test_emulated_disk_holds_what_dom0_wrote(hvm, ramdisks):
    hvm.dom0.run(f"dd if=/dev/urandom of={ramdisks[-1]} bs=1M count=4 oflag=direct status=none")
    wanted = hvm.dom0.run(f"head -c 4M {ramdisks[-1]} | sha256sum").out
    modules = ["ata_piix", "sd_mod"]
    for module in modules:
        hvm.load(module)
    hvm.run("for n in $(seq 100); do test -b /dev/sda && exit 0; sleep 0.1; done; exit 1")
    assert hvm.run("head -c 4M /dev/sda | sha256sum", timeout=60).out == wanted
    hvm.unload(*reversed(modules))


@pytest.mark.allow_log("BUG: said by the test")
def test_watch_notices_a_fault(bed, pvh):
    mark = bed.watch.mark()
    pvh.run("echo BUG: said by the test >/dev/kmsg; sleep 0.5")
    assert [f.log for f in bed.watch.findings(mark)] == ["guest-pvh.log"]
    assert not bed.watch.findings(mark, allow=["said by the test"])


@pytest.mark.allow_log("Kernel panic|Call Trace")
def test_guest_that_does_not_boot_is_reported_with_its_console(bed):
    with pytest.raises(BedError, match="Kernel panic"):
        bed.create_guest("lost", cmdline="rdinit=/missing root=/dev/missing")
    assert bed.dom0.run("xl domid lost", check=False).rc != 0


def test_guest_that_vanishes_while_it_boots_is_not_waited_for(bed):
    bed.dom0.run("(for n in $(seq 300); do grep -q Linux /host/xen/console/guest-gone.log && break; sleep 0.1; done\n"
                 "xl destroy gone) >/dev/null 2>&1 &")
    began = bed.dom0.now()
    with pytest.raises(BedError, match="died at boot"):
        bed.create_guest("gone")
    assert bed.dom0.now() - began < 30 * bed.dom0.factor
