# SPDX-License-Identifier: GPL-2.0-only
"""The xenpv command in guests and in dom0: what it says must be what Xen, xenstore and sysfs have."""

import json

import pytest

from bed import command, devices, nics
from bed.pair import emulated, networked, served
from test_selftests import Keeper

# A name that no other file has: an error that a driver wrote stays in xenstore under it, for a later device as well.
VDEV = "xvdk"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return command.pack(tmp_path_factory.mktemp("xenpv"))


@pytest.fixture(scope="module")
def installed(bed, archive):
    """In dom0; and on a ramdisk, from which a guest gets it through the very disk that is looked at."""
    ramdisk = bed.dom0.ramdisks()[2]
    command.install_in_dom0(bed.dom0, archive)
    command.put_on_disk(bed.dom0, archive, ramdisk)
    return ramdisk


@pytest.fixture(scope="module")
def keeper():
    keeper = Keeper()
    yield keeper
    keeper.close()


@pytest.fixture
def disk(pvh, installed, keeper):
    """Our pair, for all tests of this file, with the command on it."""
    dev = keeper.get(pvh, installed, VDEV)
    command.install_from_disk(pvh, dev)
    return dev


def ask(domain, words, status=0):
    """JSON of a subcommand that must end with this status."""
    done = domain.run(f"xenpv {words} --json", check=False, timeout=30)
    assert done.rc == status, f"xenpv {words}: exit status {done.rc}\n{done.out}{done.err}"
    return json.loads(done.out)


def one(items, **wanted):
    found = [item for item in items if all(item.get(key) == value for key, value in wanted.items())]
    assert len(found) == 1, f"{wanted}: {len(found)} in {json.dumps(items, indent=1)}"
    return found[0]


def check_disk_of_ours(disk, module, guest):
    back = devices.backend(guest, VDEV)
    store = guest.dom0.xenstore
    assert disk["access"] == "PV" and disk["module"] == module and disk["xenpv"], disk
    assert (disk["frontend_state"], disk["backend_state"]) == (4, 4)
    assert disk["max_queues"] == int(store(f"{back}/multi-queue-max-queues"))
    assert disk["features"]["persistent grants"] == {"frontend": "1", "backend": "1", "outcome": "yes"}
    assert disk["rings"] == "32 requests"
    assert disk["inside"]["state"] == "connected"
    assert disk["inside"]["queues"][0]["requests"] > 0
    assert disk["inside"]["events"]["q0"]["received"] > 0


def test_status_in_guest_and_dom0(pvh, disk):
    with networked(pvh, "xenpv_netfront", "xenpv_netback") as link:
        told = ask(pvh, "status")
        assert (told["mode"], told["role"], told["id"], told["name"]) == ("PVH", "guest", pvh.domid, pvh.name)
        assert told["hypervisor"]["version"].startswith("4.17")
        assert told["kernel"] == pvh.run("uname -r").out.strip()
        mine = one(told["devices"], name=VDEV)
        check_disk_of_ours(mine, "xenpv_blkfront", pvh)
        assert mine["peer"] == 0
        assert mine["inside"]["grants"]["in_use"] > 0
        nic = one(told["devices"], name=link.front)
        assert nic["module"] == "xenpv_netfront" and nic["rings"] == "256 + 256 slots"
        assert nic["features"]["scatter-gather"]["outcome"] == "yes"

        told = ask(pvh.dom0, "status")
        assert (told["mode"], told["role"]) == ("PV", "dom0")
        theirs = one(told["guests"], id=pvh.domid)
        assert (theirs["name"], theirs["mode"], theirs["vcpus"], theirs["os"]) == (pvh.name, "PVH", 1, "linux")
        check_disk_of_ours(one(theirs["devices"], name=VDEV), "xenpv_blkback", pvh)
        assert one(theirs["devices"], kind="nic")["module"] == "xenpv_netback"

        text = pvh.dom0.run("xenpv status").out
        assert f"guest {pvh.name} (domain {pvh.domid}): PVH" in text and "\033" not in text


def test_rates_of_a_disk_that_works(pvh, disk):
    done = pvh.run(f"(sleep 0.5; dd if={disk} of=/dev/null bs=64k count=32 iflag=direct status=none) & "
                   "xenpv status --json --watch=6 --count=1; wait", timeout=30)
    rates = json.loads(done.out)
    moved = round(one(rates["devices"], name=VDEV)["per_second"]["read_sectors"] * rates["seconds"])
    assert 32 * 128 <= moved < 32 * 128 + 2048, rates


def test_advice(pvh, disk):
    mine, = ask(pvh, "advise")["domains"]
    assert (mine["mode"], mine["should_be"], mine["change"]) == ("PVH", "PVH", False)
    told = ask(pvh.dom0, "advise", status=0)["domains"] if len(pvh.machine.guests) == 1 else \
        json.loads(pvh.dom0.run("xenpv advise --json", check=False).out)["domains"]
    assert told[0]["should_be"] == "PV", "dom0 itself"
    assert one(told, name=pvh.name)["should_be"] == "PVH"


def faults(domain, where):
    told = json.loads(domain.run("xenpv doctor --json", check=False, timeout=30).out)
    return [found for found in told["findings"]
            if found["verdict"] in ("warning", "fault") and where in found.get("where", "")]


def test_doctor_finds_what_was_broken(pvh, disk):
    name = f"vbd-{devices.device_id(VDEV)}"
    assert not faults(pvh, name) and not faults(pvh.dom0, f"{pvh.name} ")
    back = devices.backend(pvh, VDEV)
    pvh.dom0.run(f"xenstore-write {back}/hotplug-error 'device or resource busy'")
    for domain, where in ((pvh, name), (pvh.dom0, f"guest {pvh.name}")):
        found, = faults(domain, where)
        assert found["check"] == "hotplug scripts" and "device or resource busy" in found["what"] and found["fix"]
    pvh.dom0.run(f"xenstore-rm {back}/hotplug-error")
    assert not faults(pvh, name)


def test_doctor_finds_a_device_without_driver(pvh, disk):
    """A NIC for which the guest has no driver stands still in Initialising."""
    back = pvh.dom0.load("xenpv_netback")
    try:
        nics.attach(pvh, 0)
        try:
            found, = faults(pvh, "vif-0")
            assert found["check"] == "xenstore states" and "no driver" in found["what"]
        finally:
            pvh.dom0.run(f"xenstore-write {nics.frontend(pvh, 0)}/state 6")
            nics.detach(pvh, 0)
    finally:
        pvh.dom0.unload(*back)


def test_without_our_modules_it_says_what_it_cannot_see(pvh, disk, ramdisks):
    with served(pvh, "xenpv_blkfront", "qdisk", "/dev/vdb", "xvdf"):
        told = ask(pvh.dom0, "status")
        assert one(one(told["guests"], id=pvh.domid)["devices"], name="xvdf")["driver"] == "qemu (in user space)"
    silent = pvh.dom0.run("XENSTORED_PATH=/nonexistent xenpv status", check=False, timeout=30)
    assert silent.rc == 3 and "xenstore cannot be opened" in silent.err, silent
    unprivileged = pvh.dom0.run("setpriv --reuid 65534 --clear-groups xenpv status", check=False, timeout=30)
    assert unprivileged.rc == 3 and "run it as root" in unprivileged.err, unprivileged


@pytest.mark.parallel
def test_emulated_devices_of_an_hvm_guest(hvm, installed, keeper):
    keeper.close()
    with served(hvm, "xenpv_blkfront", "xenpv_blkback", installed, VDEV) as dev, emulated(hvm, "e1000") as link:
        command.install_from_disk(hvm, dev)
        told = ask(hvm, "status")
        assert told["mode"] == "PVHVM"
        assert told["emulated"]["nics"] == "still there" and told["emulated"]["requested"] == "unnecessary"
        nic = one(told["devices"], name=link.front)
        assert (nic["access"], nic["driver"]) == ("emulated", "e1000")
        assert one(told["devices"], name=VDEV)["access"] == "PV"
        found = one(faults(hvm, link.front), check="unplug")
        assert "xen_emul_unplug=unnecessary" in found["fix"]
        told = ask(hvm.dom0, "status")
        assert one(told["guests"], id=hvm.domid)["mode"] == "PVHVM"
        advised = ask(hvm, "advise", status=1)["domains"][0]
        assert advised["should_be"] == "PVH" and any('type = "pvh"' in step["what"] for step in advised["steps"])
