# SPDX-License-Identifier: GPL-2.0-only
"""A disk or a NIC of a guest, served by a chosen backend and driven by a chosen frontend, for a while."""

import contextlib
from dataclasses import dataclass

from . import devices, nics
from .guest import Guest


@contextlib.contextmanager
def served(guest, front="xen-blkfront", back="xen-blkback", target="/dev/ram0", vdev="xvde", server=None,
           by="bed"):
    """Yields the path of the block device in the guest; leaves modules and devices as they were.

    back 'qdisk' is QEMU's backend, which needs no module.  server: the driver domain that has the target; or dom0.
    by 'xl': attached and detached by that, and Xen's scripts.
    """
    with contextlib.ExitStack() as undo:
        keeper = server or guest.dom0
        if back != "qdisk" and not keeper.loaded(back):
            undo.callback(keeper.unload, *keeper.load(back))
        if not guest.loaded(front):
            undo.callback(guest.unload, *guest.load(front))
        one = devices.disk(target, vdev, "qdisk" if back == "qdisk" else "phy", server=server and server.name)
        devices.attach(guest, one, by)
        undo.callback(devices.detach, guest, vdev, by=by)
        yield devices.await_connected(guest, vdev)


@dataclass(frozen=True)
class Link:
    """A NIC that is up: interface names at both ends, and the addresses of the guest and of the bridge, which is
    dom0's or a driver domain's: theirs have the same."""

    guest: Guest
    devid: int
    front: str
    back: str
    ip4: str
    ip6: str
    dom0_ip4: str = nics.DOM0_IP4
    dom0_ip6: str = nics.DOM0_IP6


def _link(guest, devid, front, emulated=False):
    return Link(guest, devid, front, nics.back_netdev(guest, devid, emulated), *nics.configure(guest, front, devid))


@contextlib.contextmanager
def networked(guest, front="xen-netfront", back="xen-netback", devid=0, server=None, by="bed"):
    """Yields the Link over a NIC that it attaches; leaves modules and devices as they were.

    server: the driver domain at the other end; or dom0.  by 'xl': attached and detached by that, and Xen's script.
    """
    keeper = server or guest.dom0
    nics.check_alone(keeper, back, nics.BACKENDS)
    nics.check_alone(guest, front, nics.FRONTENDS)
    with contextlib.ExitStack() as undo:
        if not keeper.loaded(back):
            undo.callback(keeper.unload, *keeper.load(back))
        if not guest.loaded(front):
            undo.callback(guest.unload, *guest.load(front))
        nics.attach(guest, devid, server and server.name, by)
        undo.callback(nics.detach, guest, devid, by)
        yield _link(guest, devid, nics.await_connected(guest, devid))


@contextlib.contextmanager
def emulated(guest, model="e1000", devid=0):
    """The same over the NIC that QEMU emulates for an HVM guest, which was created with it."""
    with contextlib.ExitStack() as undo:
        if nics.load_emulated(guest, model):
            undo.callback(guest.unload, nics.EMULATED[model])
        netdev = nics.await_emulated(guest, model)
        # One whose driver stays is to leave the CPU and the other NICs' addresses alone.
        undo.callback(guest.run, f"ip link set {netdev} down")
        yield _link(guest, devid, netdev, emulated=True)
