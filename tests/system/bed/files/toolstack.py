# SPDX-License-Identifier: GPL-2.0-only
"""Attaches and detaches devices: writes what libxl writes, and sets up what Xen's hotplug scripts set up.

xl takes a second for that, in which it and the scripts start seventy processes. What is left out: the scripts' locks
and their check that nobody shares a disk, other backends than dom0's, and libxl's file of the guest's configuration,
which libxl does not need to find a device again. xl lists, detaches and destroys what this attaches.
"""

import os
import stat
import time
from dataclasses import dataclass

import netdev
from xenstore import Store, await_true

INITIALISING, INIT_WAIT, CLOSING, CLOSED = "1", "2", "5", "6"
SCRIPTS = "/etc/xen/scripts"
FORMATS = {"phy": "{}", "qdisk": "aio:{}"}
BACKENDS = {"phy": "vbd", "qdisk": "qdisk"}
DRIVER_LETS_GO = 5  # seconds


@dataclass(frozen=True)
class Device:
    domid: int
    kind: str
    devid: int
    backend: str  # its kind

    @property
    def front(self):
        return f"/local/domain/{self.domid}/device/{self.kind}/{self.devid}"

    @property
    def back(self):
        return f"/local/domain/0/backend/{self.backend}/{self.domid}/{self.devid}"

    @property
    def libxl(self):
        return f"/libxl/{self.domid}/device/{self.kind}/{self.devid}"


def _announce(store, device, back, front, readonly=None):
    """Makes the three directories. readonly: keys of the frontend that the guest must not change."""
    if store.list(device.libxl):
        raise FileExistsError(f"{device.libxl} is there already")
    guest = f"n{device.domid}", "r0"
    shared = "n0", f"r{device.domid}"
    both = {"frontend-id": str(device.domid), "online": "1", "state": INITIALISING, **back}
    parts = (
        (device.libxl, ("n0",), {"frontend": device.front, "backend": device.back, **both}),
        (device.front, guest, {"backend": device.back, "backend-id": "0", "state": INITIALISING, **front,
                               "trusted": "1"}),
        (device.back, shared, {"frontend": device.front, **both}),
    )
    for path, perms, keys in parts:
        store.rm(path)
        store.mkdir(path, perms)
        for key, value in keys.items():
            store.write(f"{path}/{key}", value)
    for key, value in (readonly or {}).items():
        store.write(f"{device.front}/{key}", value)
        store.set_perms(f"{device.front}/{key}", shared)


def _clear(store, device):
    for path in (device.front, device.back, device.libxl):
        store.prune(path)


def _await_backend(device, seconds):
    """A driver of dom0's kernel takes what is announced, or nobody does."""
    def taken(store):
        state = store.read(f"{device.back}/state")
        return state if state != INITIALISING else None

    if await_true([f"{device.back}/state"], taken, seconds) is None:
        with Store.borrowed() as store:
            store.change(lambda store: _clear(store, device))
        raise TimeoutError(f"no driver in dom0 has taken {device.back}: is a backend loaded?")


def attach_disk(domid, devid, vdev, target, backend, writable, seconds):
    """backend: 'phy' or 'qdisk'."""
    info = os.stat(target)
    if backend == "phy" and not stat.S_ISBLK(info.st_mode):
        raise OSError(f"{target} is no block device")
    device = Device(domid, "vbd", devid, BACKENDS[backend])
    keys = {"params": FORMATS[backend].format(target), "removable": "0", "bootable": "1", "dev": vdev, "type": backend,
            "mode": "w" if writable else "r", "device-type": "disk", "discard-enable": str(int(writable)),
            "specification": "xen"}
    if backend == "phy":
        keys["script"] = f"{SCRIPTS}/block"
    with Store.borrowed() as store:
        store.change(lambda store: _announce(store, device, keys,
                                             {"virtual-device": str(devid), "device-type": "disk"}))
        if backend == "qdisk":  # QEMU opens it
            return
        _await_backend(device, seconds)
        number = f"{os.major(info.st_rdev):x}:{os.minor(info.st_rdev):x}"
        for key, value in {"physical-device": number, "physical-device-path": target,
                           "hotplug-status": "connected"}.items():
            store.write(f"{device.back}/{key}", value)


def attach_nic(domid, devid, mac, bridge, seconds):
    device = Device(domid, "vif", devid, "vif")
    keys = {"script": f"{SCRIPTS}/vif-bridge", "mac": mac, "bridge": bridge, "handle": str(devid), "type": "vif",
            "hotplug-status": ""}
    with Store.borrowed() as store:
        store.change(lambda store: _announce(store, device, keys, {"handle": str(devid), "mac": mac},
                                             {"mtu": "1500"}))
        _await_backend(device, seconds)
        store.write(f"{device.front}/mtu", str(netdev.make_port(f"vif{domid}.{devid}", bridge)))
        store.write(f"{device.back}/hotplug-status", "connected")


def _begin_to_close(store, device, force):
    if force:
        store.prune(device.front)
    state = store.read(f"{device.back}/state")
    if state is None:
        return
    store.write(f"{device.back}/online", "0")
    if state != CLOSED:
        store.write(f"{device.back}/state", CLOSING)


def detach(domid, kind, devid, force, seconds):
    """force: whatever the guest does. For a NIC that is what xl does as well when the time is over."""
    libxl = f"/libxl/{domid}/device/{kind}/{devid}"
    with Store.borrowed() as store:
        path = store.read(f"{libxl}/backend")
        if path is None:
            raise FileNotFoundError(f"{libxl} is not there")
        device = Device(domid, kind, devid, path.split("/")[5])
        store.change(lambda store: _begin_to_close(store, device, force))
        closed = await_true([f"{device.back}/state"],
                            lambda store: store.read(f"{device.back}/state") in (CLOSED, None) or None, seconds)
        if not closed and not force and kind != "vif":
            raise TimeoutError(f"{device.back} has not closed in {seconds} s: in use, or the guest does not answer")
        store.change(lambda store: _clear(store, device))
    _await_release(f"/sys/devices/{kind}-{domid}-{devid}")


def _await_release(node):
    """The kernel's half of the backend goes when it hears of it: from the bus first, then from its driver, and then
    from /sys/devices. One that does not is for the tests to find."""
    deadline = time.monotonic() + DRIVER_LETS_GO
    while os.path.exists(node) and time.monotonic() < deadline:
        time.sleep(0.005)


# Waiting


def states(store, front):
    """(frontend's state, backend's), None for what is not there."""
    back = store.read(f"{front}/backend")
    return store.read(f"{front}/state"), store.read(f"{back}/state") if back else None


def await_states(front, wanted, seconds):
    """The states that there are when they are as wanted, or when the time is over."""
    watched = set()

    def met(store):
        back = store.read(f"{front}/backend")
        if back and back not in watched:
            watched.add(back)
            store.watch(f"{back}/state")
        seen = states(store, front)
        return seen if seen == wanted else None

    seen = await_true([front], met, seconds)
    if seen is None:
        with Store.borrowed() as store:
            return states(store, front)
    return seen


def await_gone(path, seconds):
    """Whether a path has left xenstore."""
    return bool(await_true([path], lambda store: store.read(path) is None or None, seconds))


def domain_id(name):
    """None: no such domain."""
    with Store.borrowed() as store:
        return next((int(domid) for domid in store.list("/local/domain")
                     if store.read(f"/local/domain/{domid}/name") == name), None)
