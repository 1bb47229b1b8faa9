# SPDX-License-Identifier: GPL-2.0-only
"""A driver domain: a guest that serves disks and NICs to other guests, in dom0's place.

It runs what an administrator would: xl devd and Xen's own hotplug scripts, dom0's, which reach it on a ramdisk. Its
bridge has the name and the addresses of dom0's, but no port in common with it.
"""

from . import devices, nics
from .layout import BedError, step

XL = "/usr/lib/xen-4.17/bin/xl"
PROGRAMS = f"{XL} /bin/bash /usr/bin/xenstore-* /usr/bin/logger /usr/bin/stat /usr/bin/flock /usr/sbin/losetup"
MODULES = ["xenfs", "xen-privcmd", "xen-evtchn", "xen-gntdev", "bridge", "brd"]
CARRIER = "xvdy"  # brings the programs
RAMDISK = "/dev/ram0"
PACK = f"""
libraries=$(ldd {PROGRAMS} 2>/dev/null | awk '$2 == "=>" {{ print $3 }}' | sort -u)
tar -ch -C / $(for f in {PROGRAMS} $libraries /etc/xen/scripts; do echo "${{f#/}}"; done)"""
START = f"""
mkdir -p /var/log/xen /var/lib/xen /run/xen /run/lock /etc/xen
ln -sfn /proc/self/fd /dev/fd && ln -sfn fd/0 /dev/stdin  # as the scripts' locks want them
ln -sfn /run /var/run && ln -sfn /run/lock /var/lock
touch /etc/xen/xl.conf
mount -t xenfs xenfs /proc/xen
ip link set lo up
ip link add {nics.BRIDGE} address 00:16:3e:77:00:02 type bridge stp_state 0 forward_delay 0 || exit
ip address add {nics.DOM0_IP4}/24 dev {nics.BRIDGE}
ip address add {nics.DOM0_IP6}/64 dev {nics.BRIDGE} nodad
ip link set {nics.BRIDGE} up
(setsid {XL} -v devd -F >/var/log/xen/devd.log 2>&1 &)
for n in $(seq 100); do pidof xl && exit; sleep 0.1; done
cat /var/log/xen/devd.log >&2; exit 1
"""


def create(machine, ramdisk, name="driver", mib=64, **options):
    """A guest that serves RAMDISK, of mib MiB, and its bridge; the backends are the tests' to load. ramdisk: one of
    dom0's, which it reads once. options: see Guest.create."""
    guest = machine.create_guest(name, serves=True, **options)
    with step(f"driver domain {name}: programs"):
        machine.dom0.run(f"{PACK} >{ramdisk}", timeout=60)
        loaded = guest.load("xen-blkfront")
        guest.attach(devices.disk(ramdisk, CARRIER, "qdisk"))
        guest.run(f"tar -x -f {devices.await_connected(guest, CARRIER)} -C /", timeout=30)
        guest.detach(CARRIER)
        guest.unload(*loaded)
    for module in MODULES:
        guest.run(f"modprobe {module}" + (f" rd_nr=1 rd_size={mib << 10}" if module == "brd" else ""))
    guest.run(START)
    return guest


def log(guest):
    """What xl devd and the scripts said."""
    return guest.run("tail -n 40 /var/log/xen/*", check=False).out


def check_alive(guest):
    """Without xl devd nothing is attached, and xl waits long for it."""
    if guest.run("pidof xl", check=False).rc:
        raise BedError(f"xl devd of {guest.name} has ended:\n{log(guest)}")
