# SPDX-License-Identifier: GPL-2.0-only
"""Where jobs run: devices beside each other, dom0's own, under a load; what is done is undone whatever happens."""

import contextlib
import sys
import types
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system"), str(Path(__file__).resolve().parent)]

import beside  # noqa: E402  the path comes first
import ceiling  # noqa: E402
import disk  # noqa: E402
import jobs  # noqa: E402
import loads  # noqa: E402
from bed import devices, nics  # noqa: E402
from bed.layout import BedError  # noqa: E402
from bed.result import Result  # noqa: E402


class Domain:
    """Writes down what it is told; commands with a word of `fails` in them fail."""

    def __init__(self, name, log, fails=()):
        self.name, self.log, self.fails = name, log, fails
        self.domid = 3

    def run(self, command, timeout=0, check=True):
        self.log.append((self.name, command))
        rc = int(any(word in command for word in self.fails))
        result = Result(self.name, command, rc, "11 12\n" if "seq 2" in command else "2\n", "", False, timeout)
        return result.check() if check else result

    def loaded(self, module):
        return False

    def load(self, module):
        self.log.append((self.name, f"load {module}"))
        return [module]

    def unload(self, *modules):
        self.log.append((self.name, f"unload {' '.join(modules)}"))

    def ramdisks(self):
        return ["/dev/ram0", "/dev/ram1", "/dev/ram2", "/dev/ram3"]


@pytest.fixture
def guest(monkeypatch):
    log = []
    made = Domain("guest", log)
    made.dom0 = Domain("dom0", log)
    monkeypatch.setattr(devices, "attach", lambda guest, one: log.append(("dom0", f"attach {one}")))
    monkeypatch.setattr(devices, "detach", lambda guest, vdev: log.append(("dom0", f"detach {vdev}")))
    monkeypatch.setattr(devices, "await_connected", lambda guest, vdev: f"/dev/{vdev}")
    monkeypatch.setattr(nics, "attach", lambda guest, devid: log.append(("dom0", f"attach vif {devid}")))
    monkeypatch.setattr(nics, "await_connected", lambda guest, devid: f"eth{devid}")
    monkeypatch.setattr(nics, "detach", lambda guest, devid: log.append(("guest", f"detach vif {devid}")))
    return made


def said(guest, part):
    return [index for index, (_, text) in enumerate(guest.log) if part in text]


def test_each_disk_is_given_to_its_own_drivers(guest):
    with beside.disks(guest, disk.PAIRS, {"intree": ("xvde", "/dev/ram0"), "xenpv": ("xvdf", "/dev/ram1")}) as paths:
        assert paths == {"intree": "/dev/xvde", "xenpv": "/dev/xvdf"}
    [intree], [ours] = said(guest, "target=/dev/ram0"), said(guest, "target=/dev/ram1")
    # Attaching waits for the backend: whoever gives it its driver has begun before.
    assert "vbd-3-51776 >/sys/bus/xen-backend/drivers/vbd/bind" in guest.log[intree - 1][1]
    assert "vbd-3-51792 >/sys/bus/xen-backend/drivers/xenpv_blkback/bind" in guest.log[ours - 1][1]
    assert "vbd-51776 >/sys/bus/xen/drivers/vbd/bind" in guest.log[intree + 1][1]
    assert "vbd-51792 >/sys/bus/xen/drivers/xenpv_blkfront/bind" in guest.log[ours + 1][1]


def test_nobody_takes_a_device_meanwhile_and_all_is_undone(guest):
    with beside.links(guest, {"xenpv": beside.Pair("xenpv_netfront", "xenpv_netback")}, {"xenpv": 5}):
        during = list(guest.log)
    for domain, bus in (("dom0", "xen-backend"), ("guest", "xen")):
        switch = f"/sys/bus/{bus}/drivers_autoprobe"
        assert during.index((domain, f"echo 0 >{switch}")) < said(guest, "load ")[-1]
        assert guest.log.index((domain, f"echo 1 >{switch}")) > len(during)
    assert ("guest", "ip link set eth5 down") in during
    after = [text for _, text in guest.log[len(during):]]
    assert after.index("detach vif 5") < after.index("unload xenpv_netfront") < after.index("unload xenpv_netback")


def test_a_disk_that_does_not_connect_leaves_nothing(guest, monkeypatch):
    monkeypatch.setattr(devices, "await_connected", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        with beside.disks(guest, disk.PAIRS, {"intree": ("xvde", "/dev/ram0"), "xenpv": ("xvdf", "/dev/ram1")}):
            raise AssertionError
    assert said(guest, "detach xvde") and len(said(guest, "unload ")) == 4 and len(said(guest, "echo 1 >")) == 2


def test_dom0_takes_the_ramdisk_that_ours_has(guest, monkeypatch):
    fio = types.SimpleNamespace(json=lambda: {"jobs": [{"error": 0, "read": {"iops": 7, "bw_bytes": 7}}]})
    for domain in (guest, guest.dom0):
        monkeypatch.setattr(domain, "run",
                            lambda command, name=domain.name, **_: guest.log.append((name, command)) or fio)
    monkeypatch.setattr(disk, "emulated", lambda guest: contextlib.nullcontext("/dev/sda"))
    monkeypatch.setattr(disk.costs, "of_disk", lambda *_: {})
    monkeypatch.setattr(beside, "disks", lambda guest, pairs, of: contextlib.nullcontext(
        {device: f"/dev/{vdev}-{target[5:]}" for device, (vdev, target) in of.items()}))
    with disk.ready(guest) as measure:
        for device in disk.DEVICES:
            assert measure(device, jobs.JOBS[-2], 2) == {"iops": 7}
    assert [(name, text.split("filename=")[1].split()[0]) for name, text in guest.log] == [
        ("guest", "/dev/sda"), ("guest", "/dev/xvde-ram0"), ("guest", "/dev/xvdf-ram1"), ("dom0", "/dev/ram1")]


def test_the_ceiling_is_a_namespace_on_the_same_bridge(guest):
    with ceiling.link(guest.dom0) as link:
        link.guest.run("iperf3 -c 'x y'", timeout=5)
        assert guest.log[-1] == ("dom0", "ip netns exec ceiling bash -c 'iperf3 -c '\"'\"'x y'\"'\"''")
        assert link.dom0_ip4 == "10.77.0.1" and said(guest, "master xenbr0")
        assert all(address not in (f"10.77.0.{host}" for host in range(2, 252)) for address in (link.ip4,))
    assert guest.log[-1][1] == "ip netns delete ceiling"


class Machine:
    def __init__(self, fails=()):
        self.log = []
        self.dom0 = Domain("dom0", self.log, fails)

    def create_guest(self, name, kind, vcpus):
        self.log.append(("host", f"create {name} {kind} {vcpus}"))
        made = Domain(name, self.log)
        made.destroy = lambda: self.log.append(("host", f"destroy {name}"))
        return made


def test_no_load_does_nothing():
    machine = Machine()
    with loads.under("none", machine):
        pass
    assert machine.log == []


def test_dom0_is_busy_for_as_long_as_it_is_measured():
    machine = Machine()
    with loads.under("dom0", machine):
        assert len(machine.log) == 1 and "seq 2" in machine.log[0][1]
    assert machine.log[1:] == [("dom0", "kill 11 12")]


def test_a_guest_computes_on_as_many_cpus_as_there_are():
    machine = Machine()
    with loads.under("guest", machine):
        assert ("host", "create demo-load pvh 2") in machine.log and "while :" in machine.log[-1][1]
    assert machine.log[-2:] == [("demo-load", "kill 11 12"), ("host", "destroy demo-load")]


def test_a_load_that_had_ended_is_an_error():
    with pytest.raises(BedError, match="had ended before"):
        with loads.under("dom0", Machine(fails=["kill"])):
            pass


def test_a_load_ends_with_what_was_measured_under_it():
    machine = Machine(fails=["kill"])
    with pytest.raises(ZeroDivisionError):
        with loads.under("dom0", machine):
            raise ZeroDivisionError
    assert machine.log[-1] == ("dom0", "kill 11 12")
