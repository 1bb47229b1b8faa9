# SPDX-License-Identifier: GPL-2.0-only
"""xenpv bench in an HVM guest that has emulated and PV devices beside each other: short runs of some of its jobs.

What the figures are is not looked at, only that they are there, of the right devices, with what it cost.
"""

import json

import pytest

from bed import command
from bed.pair import emulated, networked, served

FRONT = {"disk": "xenpv_blkfront", "network": "xenpv_netfront"}
BACK = {"disk": "xenpv_blkback", "network": "xenpv_netback"}
pytestmark = pytest.mark.parallel
SHORT = "--runtime 1 --repeats 1 --warmup 0"


@pytest.fixture(scope="module")
def archive(bed, tmp_path_factory):
    """On a ramdisk, from which the guest gets it."""
    ramdisk = bed.dom0.ramdisks()[2]
    command.put_on_disk(bed.dom0, command.pack(tmp_path_factory.mktemp("xenpv")), ramdisk)
    return ramdisk


@pytest.fixture
def guest(hvm, archive):
    with served(hvm, FRONT["disk"], BACK["disk"], archive, "xvdy") as path:
        command.install_from_disk(hvm, path)
    return hvm


def bench(guest, *arguments):
    return guest.run(f"cd /tmp && xenpv bench {' '.join(arguments)}", timeout=60, check=False)


@pytest.fixture
def ide(guest):
    """The emulated disk, blank."""
    guest.dom0.run(f"blkdiscard -z {guest.dom0.ramdisks()[-1]}", timeout=30)
    for module in ("ata_piix", "sd_mod"):
        guest.load(module)
    guest.run("for n in $(seq 100); do test -b /dev/sda && exit 0; sleep 0.1; done; exit 1")
    yield "sda"
    for module in ("sd_mod", "ata_piix"):
        guest.unload(module)


@pytest.fixture
def pv_disk(guest, ramdisks):
    """Its path, over our pair; blank."""
    guest.dom0.run(f"blkdiscard -z {ramdisks[0]}", timeout=30)
    with served(guest, FRONT["disk"], BACK["disk"], ramdisks[0]) as path:
        yield path


def measured(guest, *arguments):
    """The results file of a bench that went well."""
    done = bench(guest, SHORT, "-o bench.json", *arguments)
    assert done.rc == 0, done.out + done.err
    found = json.loads(guest.run("cat /tmp/bench.json").out)
    assert (found["format"], found["version"]) == ("xenpv bench results", 2)
    return done, found


def test_disks_are_measured(guest, ide, pv_disk):
    done, found = measured(guest, f"--disk {ide} --disk {pv_disk} --job 'random write 4 KiB QD32' "
                                  "--job 'sequential read'")
    rows = {(row["workload"], row["device"]): row for row in found["rows"] if not row["metric"].startswith("latency")}
    assert set(rows) == {(workload, device) for device in ("emulated", "xenpv")
                         for workload in ("random write 4 KiB QD32", "sequential read 128 KiB QD8")}
    assert all(row["median"] > 0 and sum(row["histogram"]["share"]) == pytest.approx(1, abs=0.001)
               for row in rows.values())
    ours = rows["random write 4 KiB QD32", "xenpv"]["counters"]["per request"]
    assert 0 < ours["notifications front to back"] <= 2 and ours["interrupts of the guest"] > 0
    assert "ring pushes of the front" not in rows["sequential read 128 KiB QD8", "emulated"]["counters"]["per request"]
    assert "xenpv/emulated" in done.out
    where = found["environment"]
    assert where["mode"] == "PVHVM" and "xenpv_blkfront" in where["disk xvde"] and where["fio"].startswith("fio-")
    # Whom nobody has named is only read; what was written there is no blank disk any more.

    def content():
        return guest.run(f"head -c 64M {pv_disk} | sha256sum", timeout=60).out

    wrote = content()
    again = bench(guest, SHORT, "--only disk --job QD1 -o again.json")
    assert again.rc == 0 and "only reads are measured" in again.err, again.err
    named = bench(guest, SHORT, "--disk", pv_disk, "--job QD1 -o named.json")
    assert named.rc == 1 and "is not blank: it is not written to" in named.err, named.err
    assert content() == wrote


def test_nics_are_measured(guest, undisturbed):
    with networked(guest, FRONT["network"], BACK["network"], devid=4) as pv, emulated(guest) as e1000:
        guest.dom0.run("iperf3 -s -D -p 5333 --pidfile /run/bench-iperf3")
        try:
            done, found = measured(guest, "--only network --port 5333 --server", pv.dom0_ip4,
                                   "--job 'TCP 1 stream guest' --job 'UDP 64 B server'")
        finally:
            guest.dom0.run("kill $(tr -d '\\0' </run/bench-iperf3)")
        rows = {(row["workload"], row["device"]): row for row in found["rows"]}
        assert {device for _, device in rows} == {"emulated", "xenpv"} and len(rows) == 4
        assert all(row["median"] > 0 for row in rows.values())
        ours = rows["TCP 1 stream guest to server", "xenpv"]["counters"]["per packet"]
        assert ours["notifications front to back"] > 0
        assert f"nic {e1000.front}" in found["environment"] and f"nic {pv.front}" in found["environment"]


@pytest.fixture
def undisturbed(guest):
    """Two NICs in one network: each answers for itself alone."""
    names = {"arp_ignore": 1, "arp_announce": 2}
    guest.run("; ".join(f"echo {value} >/proc/sys/net/ipv4/conf/all/{name}" for name, value in names.items()))
    yield
    guest.run("; ".join(f"echo 0 >/proc/sys/net/ipv4/conf/all/{name}" for name in names))


def test_disks_with_data_are_refused(guest, pv_disk):
    def refused(why, *arguments):
        done = bench(guest, SHORT, "--disk", pv_disk, "--job QD1", *arguments)
        assert done.rc == 1 and why in done.err and "what to do:" in done.err, done.err

    guest.run(f"modprobe ext4; mkfs.ext4 -q {pv_disk} && mkdir -p /mnt/bench && mount {pv_disk} /mnt/bench && "
              "echo precious >/mnt/bench/file && sync", timeout=60)
    try:
        refused("is mounted at /mnt/bench")
        refused("is mounted at /mnt/bench", "--force-write", pv_disk)
    finally:
        guest.run("umount /mnt/bench")
    refused("has a signature of ext4")
    guest.run(f"mount {pv_disk} /mnt/bench && grep precious /mnt/bench/file && umount /mnt/bench")
    assert guest.run("ls /tmp/*.json.new /tmp/xenpv-bench-*", check=False).out == ""
    forced = bench(guest, SHORT, "--job 'random write 4 KiB QD1' -o forced.json --force-write", pv_disk)
    assert forced.rc == 0 and "overwritten as you wished" in forced.err, forced.err


def test_without_fio(guest, pv_disk):
    done = guest.run(f"export LD_LIBRARY_PATH=/opt/xenpv/lib PATH=/nowhere; /opt/xenpv/xenpv bench --disk {pv_disk}",
                     check=False)
    assert done.rc == 3 and "fio is not installed" in done.err and "apt install fio" in done.err
