# SPDX-License-Identifier: GPL-2.0-only
"""Devices of one guest, each with a pair of drivers of its own, all connected at the same time.

The first driver that is loaded takes every new device of its kind. So none takes any by itself, and each device is
given to its driver by name, at both ends. In between turns nothing has to be loaded or attached.
"""

import contextlib
import functools
from dataclasses import dataclass

from bed import devices, nics

BY_ITSELF = "/sys/bus/{bus}/drivers_autoprobe"
# How the kernel's own drivers are called on their bus; ours are called as their modules.
ON_BUS = {"xen-blkfront": "vbd", "xen-blkback": "vbd", "xen-netfront": "vif", "xen-netback": "vif"}
WAIT = 600  # tenths of a second of the machine's own time


@dataclass(frozen=True)
class Pair:
    front: str
    back: str


@contextlib.contextmanager
def _nobody_takes(domain, bus):
    domain.run(f"echo 0 >{BY_ITSELF.format(bus=bus)}")
    try:
        yield
    finally:
        domain.run(f"echo 1 >{BY_ITSELF.format(bus=bus)}", check=False)


def _give(bus, device, module):
    """Shell words that wait for a device and bind it."""
    driver = f"/sys/bus/{bus}/drivers/{ON_BUS.get(module, module)}/bind"
    return (f"for n in $(seq {WAIT}); do test -e /sys/bus/{bus}/devices/{device} && echo {device} >{driver} && break; "
            "sleep 0.1; done")


def _attach(guest, pair, number, kind, attach):
    """Attaches while the backend is given its device, for which attach() waits; then the frontend its own."""
    back = f"{kind}-{guest.domid}-{number}"
    guest.dom0.run(f"({_give('xen-backend', back, pair.back)}) </dev/null >/dev/null 2>&1 &")
    attach()
    guest.run(_give("xen", f"{kind}-{number}", pair.front), timeout=60)


@contextlib.contextmanager
def _loaded(guest, pairs):
    """Modules of all pairs at both ends, with nobody taking devices."""
    with contextlib.ExitStack() as undo:
        for domain, bus, modules in ((guest.dom0, "xen-backend", [pair.back for pair in pairs]),
                                     (guest, "xen", [pair.front for pair in pairs])):
            undo.enter_context(_nobody_takes(domain, bus))
            for module in modules:
                if not domain.loaded(module):
                    undo.callback(domain.unload, *domain.load(module))
        yield undo


@contextlib.contextmanager
def disks(guest, pairs, disks_of):
    """pairs: {device: Pair}; disks_of: {device: (vdev, target)}. Yields {device: path in the guest}."""
    with _loaded(guest, pairs.values()) as undo:
        paths = {}
        for device, pair in pairs.items():
            vdev, target = disks_of[device]
            _attach(guest, pair, devices.device_id(vdev), "vbd",
                    functools.partial(devices.attach, guest, devices.disk(target, vdev)))
            undo.callback(devices.detach, guest, vdev)
            paths[device] = devices.await_connected(guest, vdev)
        yield paths


@contextlib.contextmanager
def links(guest, pairs, devids):
    """pairs: {device: Pair}; devids: {device: number}. Yields {device: number}, of NICs that are down."""
    with _loaded(guest, pairs.values()) as undo:
        for device, pair in pairs.items():
            _attach(guest, pair, devids[device], "vif", functools.partial(nics.attach, guest, devids[device]))
            undo.callback(nics.detach, guest, devids[device])
            netdev = nics.await_connected(guest, devids[device])
            guest.run(f"ip link set {netdev} down")
        yield devids
