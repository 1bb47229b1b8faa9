# SPDX-License-Identifier: GPL-2.0-only
"""Virtual NICs: how they are written down, attached, waited for, given addresses and detached.

All are ports of dom0's bridge, which has no physical port: the guests and dom0 are a network of their own.
"""

import zlib
from dataclasses import dataclass

from . import xenbus
from .layout import BedError
from .xenbus import CLOSED, CONNECTED

BRIDGE = "xenbr0"  # dom0-init makes it, with these two addresses
DOM0_IP4, DOM0_IP6 = "10.77.0.1", "fd77::1"
EMULATED = {"e1000": "e1000", "rtl8139": "8139cp"}  # what QEMU calls a model, and the driver that serves it
BACKENDS = ("xen-netback", "xenpv_netback")
FRONTENDS = ("xen-netfront", "xenpv_netfront")


@dataclass(frozen=True)
class Nic:
    """One virtual NIC. model None: PV only; else QEMU emulates that model beside it, on the same address.

    server: the name of a driver domain that takes dom0's place, with a bridge of the same name.
    """

    devid: int = 0
    model: str = None
    server: str = None

    def mac(self, name):
        """Of a guest's NIC: the same whenever the guest is created."""
        low = zlib.crc32(name.encode())
        return f"00:16:3e:{low >> 8 & 0xff:02x}:{low & 0xff:02x}:{self.devid:02x}"

    def spec(self, name):
        """In xl's notation."""
        kind = f"type=ioemu,model={self.model}" if self.model else "type=vif"
        server = f",backend={self.server}" if self.server else ""
        return f"{kind},mac={self.mac(name)},bridge={BRIDGE},devid={self.devid}{server}"


def nic(devid=0, model=None):
    """model: 'e1000' or 'rtl8139', for a guest of kind hvm that is yet to be created."""
    if model not in (None, *EMULATED):
        raise BedError(f"NIC model {model!r}: known are {' '.join(EMULATED)}")
    return Nic(devid, model)


def check(dom0, nics, kind):
    """What xl would notice late, or never."""
    if kind != "hvm" and any(one.model for one in nics):
        raise BedError("only an HVM guest has emulated NICs")
    if nics and not any(dom0.loaded(module) for module in BACKENDS):
        raise BedError(f"a guest with any NIC starts only with a backend in dom0: load {BACKENDS[0]} first")


def check_alone(domain, module, among):
    """The first driver loaded takes every new NIC, so another one would be tested in its place."""
    others = [name for name in among if name != module and domain.loaded(name)]
    if others:
        raise BedError(f"{others[0]} is loaded and would take the NIC that is meant for {module}: unload it first")


def frontend(guest, devid):
    """Xenstore path of the frontend."""
    return f"/local/domain/{guest.domid}/device/vif/{devid}"


def backend(guest, devid):
    """Xenstore path of the backend, or None when there is no such NIC."""
    return xenbus.backend(guest.dom0, frontend(guest, devid))


def states(guest, devid):
    """(frontend state, backend state) as xenstore has them, None for what is not there."""
    return xenbus.states(guest.dom0, frontend(guest, devid))


def await_states(guest, devid, wanted, timeout=20):
    """Waits until (frontend, backend) are as wanted."""
    xenbus.await_states(guest.dom0, frontend(guest, devid), wanted, f"{guest.name} NIC {devid}", timeout)


def attach(guest, devid=0, server=None, by="bed"):
    """Attaches a PV NIC to a running guest; a loaded frontend connects by itself, see await_connected().

    by 'xl': with Xen's hotplug script; what a driver domain serves always is.
    """
    one = Nic(devid, server=server)
    if by == "xl" or server:
        guest.dom0.run(f"xl network-attach {guest.domid} {one.spec(guest.name).replace(',', ' ')}", timeout=30)
    else:
        guest.dom0.call("attach_nic", 10, domid=guest.domid, devid=devid, mac=one.mac(guest.name), bridge=BRIDGE)


def await_connected(guest, devid=0, timeout=20):
    """Waits until both ends are connected and the interface has carrier; returns its name. Brings it up for that."""
    await_states(guest, devid, (CONNECTED, CONNECTED), timeout)
    return _await_carrier(guest, guest.wait("entry", f"/sys/bus/xen/devices/vif-{devid}/net"))


def load_emulated(guest, model):
    """Loads the driver of an emulated NIC; False: it was. It reads an EEPROM, and each bit is an exit to QEMU."""
    module = EMULATED[model]
    if guest.loaded(module):
        return False
    guest.run(f"modprobe {module}", timeout=60)
    return True


def await_emulated(guest, model):
    """The same for the NIC that QEMU emulates, once its driver is loaded."""
    folder = f"/sys/bus/pci/drivers/{EMULATED[model]}/0000:*/net"
    return _await_carrier(guest, guest.run(f"for n in $(seq 100); do ls {folder} 2>/dev/null && exit; sleep 0.1; done\n"
                                           f"echo no interface of {model} >&2; exit 1").out.strip())


def _await_carrier(guest, netdev):
    guest.run(f"ip link set {netdev} up")
    guest.wait("line", f"/sys/class/net/{netdev}/carrier", "1")
    return netdev


def back_netdev(guest, devid=0, emulated=False):
    """The name of dom0's end."""
    return f"vif{guest.domid}.{devid}" + ("-emu" if emulated else "")


def addresses(guest, devid=0):
    """(IPv4, IPv6): no two NICs of one boot share them until some eighty guests later."""
    host = 2 + (guest.domid * 3 + devid) % 250
    return f"10.77.0.{host}", f"fd77::{host:x}"


def configure(guest, netdev, devid=0):
    """Gives an interface of the guest its two addresses, and forgets who had them before."""
    four, six = addresses(guest, devid)
    guest.run("ip -batch -", stdin=f"link set lo up\naddress flush dev {netdev}\naddress add {four}/24 dev {netdev}\n"
              f"address add {six}/64 dev {netdev} nodad\n".encode())
    guest.dom0.run("ip -batch -", stdin=f"neigh flush to {four}\nneigh flush to {six}\n".encode())
    return four, six


def set_mtu(guest, netdev, mtu, devid=0):
    """In the guest, at dom0's end and on the bridge."""
    back = back_netdev(guest, devid)
    guest.dom0.run(f"ip link set {back} mtu {mtu} && ip link set {BRIDGE} mtu {mtu}")
    guest.run(f"ip link set {netdev} mtu {mtu}")


def features(domain, netdev):
    """ethtool's view of the offloads: {name: (whether it is on, whether it could be changed)}."""
    found = {}
    for line in domain.run(f"ethtool -k {netdev}").out.splitlines()[1:]:
        name, _, value = line.strip().partition(": ")
        found[name] = value.startswith("on"), not value.endswith("[fixed]")
    return found


def set_features(domain, netdev, **wanted):
    """tx=False, tso=True and so on, by ethtool's short names. What the driver has fixed stays as it is."""
    words = " ".join(f"{name} {'on' if value else 'off'}" for name, value in wanted.items())
    domain.run(f"ethtool -K {netdev} {words}", check=False)


def detach(guest, devid=0, by="bed"):
    """Detaches a NIC and waits until both ends have gone, so that their drivers can be unloaded."""
    path = backend(guest, devid)
    if path is None:
        raise BedError(f"{guest.name} has no NIC {devid}")
    if by == "xl" or not path.startswith(xenbus.DOM0):
        guest.dom0.run(f"xl network-detach {guest.domid} {devid}", timeout=40)
        xenbus.await_gone(guest.dom0, path, f"{guest.name} NIC {devid}")
    else:
        xenbus.detach(guest, "vif", devid, path)
    if guest.answers():
        # Not its name on the bus, which goes before the driver lets go of the device.
        guest.wait("gone", f"/sys/devices/vif-{devid}")


def keep_only_emulated(guest, devid=0):
    """Takes the PV half of an emulated NIC away, so that dom0's backend driver can be changed below the guest.

    Detaching takes the emulated half off the bridge too, and it is put back. No frontend is loaded that would close:
    a detach would wait ten seconds for it.
    """
    guest.dom0.call("xenstore", do="write", args=[f"{frontend(guest, devid)}/state", CLOSED])
    await_states(guest, devid, (CLOSED, CLOSED))
    detach(guest, devid)
    tap = back_netdev(guest, devid, emulated=True)
    guest.dom0.run(f"ip link set {tap} master {BRIDGE} && ip link set {tap} up")
