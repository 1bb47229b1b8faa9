# SPDX-License-Identifier: GPL-2.0-only
"""xenbed: the bed at a terminal. One boot stays up for many commands; see tests/system/README.md."""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import accel, cache, devices, driver_domain, kernels, kmods, moves, nics, runs
from .debug_kernel import DebugKernel
from .guest import KINDS, LIMITS, Guest
from .layout import REPO, BedError, say
from .machine import Machine
from .watch import Watch

PV_NIC = "pv"  # the model of a NIC that nobody emulates
MOVES = {"save": "into dom0's memory; the guest is gone", "restore": "have a saved guest go on",
         "checkpoint": "save a guest that goes on", "migrate": "into another domain of this host",
         "pause": "stop its CPUs", "unpause": "let its CPUs go on",
         "recreate": "destroy a guest, if it is there, and create it again"}


def _show(result):
    sys.stdout.write(result.out)
    sys.stderr.write(result.err)
    if result.late:
        say(f"did not finish within {result.limit} s")
    return result.rc if not result.late else 124


def _disk(text):
    """VDEV=TARGET[,qdisk][,ro][,backend=GUEST]"""
    vdev, _, rest = text.partition("=")
    target, *options = rest.split(",")
    servers = [option.removeprefix("backend=") for option in options if option.startswith("backend=")]
    unknown = [option for option in options if option not in ("qdisk", "phy", "ro") and "backend=" not in option]
    if not target or unknown or len(servers) > 1 or "" in servers:
        raise argparse.ArgumentTypeError(f"{text!r}: write {_disk.__doc__}")
    return devices.disk(target, vdev, "qdisk" if "qdisk" in options else "phy", "ro" not in options, *servers)


def up(args):
    start = time.monotonic()
    machine = Machine.start(Path(args.modules), detached=True, lane=args.lane, vcpus=args.vcpus, memory=args.memory,
                            kernel=args.kernel, dom0=args.dom0)
    machine.channel.close()
    say(f"up after {time.monotonic() - start:.0f} s, logs in {machine.dir}")
    return 0


def modules(args):
    series = kernels.find(args.series)
    print(kernels.build(series))
    return 0


def debug_kernel(_args):
    kver, _ = DebugKernel().make_image()
    say(f"{kver} is there: tests/system/xenbed up --kernel debug")
    return 0


def down(_args):
    beds = runs.alive()
    for name in beds:
        Machine.attach(name).stop()
    say(f"down: {' '.join(beds)}" if beds else "no bed is up")
    return 0


def clear_cache(_args):
    cache.clear()
    return 0


def status(_args):
    beds = runs.alive()
    if not beds:
        say("no bed is up")
        return 1
    for state in beds.values():
        print("{name}: pid {pid}, {lane} lane, {accel}, kernel {kver}, logs {dir}".format(**state))
    if runs.DEFAULT_NAME in beds:
        machine = Machine.attach()
        print(machine.dom0.run("xl list; lsmod | grep -E '^(xen_?(blk|net)|xenpv)'; true").out, end="")
    return 0


def dom0(args):
    return _show(Machine.attach().dom0.run(args.command, args.timeout, check=False))


def guest_create(args):
    machine = Machine.attach()
    phy = [d for d in args.disk if d.backend == "phy"]
    if phy and not any(machine.dom0.loaded(m) for m in ("xen-blkback", "xenpv_blkback")):
        raise BedError(f"{phy[0].vdev} needs a backend: load one first, e.g. xenbed load dom0 xen-blkback")
    options = {"kind": args.type, "vcpus": args.vcpus, "memory": args.memory, "disks": args.disk, "kernel": args.kernel,
               "nics": [nics.nic(number, None if model == PV_NIC else model) for number, model in enumerate(args.nic)],
               **{limit: getattr(args, limit) for limit in LIMITS if getattr(args, limit)}}
    if args.serves:
        driver_domain.create(machine, machine.dom0.ramdisks()[-1], args.name, **options)
    else:
        machine.create_guest(args.name, **options)
    return 0


def guest_run(args):
    return _show(Machine.attach().guest(args.name).run(args.command, args.timeout, check=False))


def guest_move(args):
    """One of what guests live through (moves.py); restore and recreate need no domain."""
    machine = Machine.attach()
    gone = args.what in ("restore", "recreate")
    guest = Guest.configured(machine, args.name) if gone else machine.guest(args.name)
    getattr(moves, args.what)(guest)
    return 0


def guest_cpus(args):
    moves.set_cpus(Machine.attach().guest(args.name), args.count, args.inside)
    return 0


def guest_destroy(args):
    Machine.attach().guest(args.name).destroy()
    return 0


def guest_counts(args):
    print(Machine.attach().guest(args.name).counts())
    return 0


def _where(machine, name):
    return machine.dom0 if name == "dom0" else machine.guest(name)


def load(args):
    params = dict(p.partition("=")[::2] for p in args.param)
    _where(Machine.attach(), args.where).load(args.module, **params)
    return 0


def unload(args):
    _where(Machine.attach(), args.where).unload(args.module)
    return 0


def attach(args):
    Machine.attach().guest(args.name).attach(args.disk)
    return 0


def detach(args):
    Machine.attach().guest(args.name).detach(args.vdev, args.force)
    return 0


def net(args):
    """Loads what is not loaded, attaches a NIC and gives it addresses; --detach leaves the modules."""
    guest = Machine.attach().guest(args.name)
    if args.detach:
        nics.detach(guest, args.devid)
        return 0
    for domain, module in ((guest.dom0, args.back), (guest, args.front)):
        if not domain.loaded(module):
            domain.load(module)
    nics.attach(guest, args.devid)
    dev = nics.await_connected(guest, args.devid)
    four, six = nics.configure(guest, dev, args.devid)
    print(f"{args.name} {dev}: {four} {six}")
    print(f"dom0 {nics.back_netdev(guest, args.devid)}, a port of {nics.BRIDGE}: {nics.DOM0_IP4} {nics.DOM0_IP6}")
    keys = "feature|request|queues|mtu|^ *mac|trusted"
    for path in (nics.frontend(guest, args.devid), nics.backend(guest, args.devid)):
        listed = guest.dom0.run(f"xenstore-ls -f {path} | sed 's|^{path}/|  |' | grep -E '{keys}'", check=False)
        print(f"{path}\n{listed.out}", end="")
    return 0


def push(args):
    """Without --to, replaces modules in dom0, in running guests and for guests to come; all of the tree unless told."""
    machine = Machine.attach()
    if args.to:
        where, _, target = args.to.partition(":")
        for source in map(Path, args.file):
            _where(machine, where).put(source, target)
        return 0
    sources = list(map(Path, args.file)) or sorted(REPO.glob("*.ko"))
    for source in sources:
        if source.suffix != ".ko":
            raise BedError(f"{source}: say where to, e.g. --to dom0:/tmp/{source.name}")
    machine.replace_modules(sources)
    names = machine.dom0.guest_names()
    # At once: most of it is waiting for QEMU to open a disk.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: machine.guest(name).refresh_modules(), names))
    say(f"{' '.join(map(kmods.canonical, sources))}: now in dom0 {' '.join(names)}; unload and load there")
    return 0


def logs(_args):
    state = runs.alive().get(runs.DEFAULT_NAME)
    folder = Path(state["dir"]) if state else runs.latest()
    if folder is None:
        raise BedError("no bed was ever up in this tree: tests/system/xenbed up")
    watch = Watch(folder)
    for log in watch.logs():
        print(log)
    found = watch.findings()
    for finding in found:
        print(finding)
    say(f"{len(found)} findings")
    return 1 if found else 0


def parser():
    top = argparse.ArgumentParser(prog="xenbed", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)

    def verb(name, action, under=verbs, **kwargs):
        sub = under.add_parser(name, **kwargs)
        sub.set_defaults(action=action)
        return sub

    sub = verb("up", up, help="bring Xen, dom0 and the standing guests up, and leave them running")
    sub.add_argument("--lane", choices=[*accel.LANES], default=accel.DEFAULT_LANE,
                     help="steady: one CPU, time by instructions; parallel: several CPUs, HVM guests (steady)")
    sub.add_argument("--vcpus", type=int, default=1, help="of dom0; two halve its I/O rate under emulation")
    sub.add_argument("--memory", type=int, default=3072, help="of dom0, MiB")
    sub.add_argument("--dom0", choices=("pv", "pvh"), help="the kind of dom0 (pv; pvh on the debug kernel)")
    sub.add_argument("--modules", default=str(REPO), metavar="DIR", help="where the .ko files under test are")
    sub.add_argument("--kernel", choices=[*kernels.SERIES],
                     help="series of dom0's kernel, if not this machine's; debug: that of the guests too")
    sub = verb("modules", modules, help="build the modules for another series of kernels, and print where they are")
    sub.add_argument("series", choices=[*kernels.SERIES])
    verb("debug-kernel", debug_kernel, help="build a kernel 6.1 that checks itself, for --kernel debug")
    verb("down", down, help="end this tree's beds, those of a test run too")
    verb("clear-cache", clear_cache, help="remove images, kernels and snapshots, which all checkouts share")
    verb("status", status, help="what is running")
    verb("logs", logs, help="list the logs and what is wrong in them")
    sub = verb("dom0", dom0, help="run a command in dom0")
    sub.add_argument("command")
    sub.add_argument("--timeout", type=float, default=60)

    guests = verbs.add_parser("guest", help="guests").add_subparsers(dest="what", required=True)
    sub = verb("create", guest_create, guests)
    sub.add_argument("name")
    sub.add_argument("--type", choices=KINDS, default="pvh")
    sub.add_argument("--serves", action="store_true", help="a driver domain, with a ramdisk and a bridge")
    sub.add_argument("--vcpus", type=int, default=1)
    sub.add_argument("--memory", type=int, default=384)
    sub.add_argument("--kernel", choices=[*kernels.SERIES], help="series of its kernel, if not this machine's")
    sub.add_argument("--disk", type=_disk, action="append", default=[], metavar=_disk.__doc__)
    sub.add_argument("--nic", action="append", default=[], choices=[PV_NIC, *nics.EMULATED], metavar="MODEL",
                     help=f"{PV_NIC}, or emulated with a PV half: {' '.join(nics.EMULATED)}")
    for limit in LIMITS:
        sub.add_argument(f"--{limit.replace('_', '-')}", type=int, metavar="FRAMES", help="Xen's own unless told")
    sub = verb("run", guest_run, guests)
    sub.add_argument("name")
    sub.add_argument("command")
    sub.add_argument("--timeout", type=float, default=60)
    for name, action in (("destroy", guest_destroy), ("counts", guest_counts)):
        verb(name, action, guests).add_argument("name")
    for name, words in MOVES.items():
        verb(name, guest_move, guests, help=words).add_argument("name")
    sub = verb("cpus", guest_cpus, guests, help="take CPUs of a guest away, or give them back")
    sub.add_argument("name")
    sub.add_argument("count", type=int, help="how many it is to have")
    sub.add_argument("--inside", action="store_true", help="the guest does it itself, not the toolstack")

    sub = verb("load", load, help="load a module: ours if there is one of that name, else the kernel's")
    sub.add_argument("where", help="dom0 or a guest")
    sub.add_argument("module")
    sub.add_argument("param", nargs="*", metavar="NAME=VALUE")
    sub = verb("unload", unload)
    sub.add_argument("where")
    sub.add_argument("module")
    sub = verb("attach", attach, help="attach a disk to a guest")
    sub.add_argument("name")
    sub.add_argument("disk", type=_disk, metavar=_disk.__doc__)
    sub = verb("detach", detach)
    sub.add_argument("name")
    sub.add_argument("vdev")
    sub.add_argument("--force", action="store_true")
    sub = verb("net", net, help="attach a PV NIC to a guest, on dom0's bridge, and print what came up")
    sub.add_argument("name")
    sub.add_argument("--front", default="xen-netfront", metavar="MODULE")
    sub.add_argument("--back", default="xen-netback", metavar="MODULE")
    sub.add_argument("--devid", type=int, default=0, help="the number of the NIC")
    sub.add_argument("--detach", action="store_true")
    sub = verb("push", push, help="refresh modules everywhere, or copy a file with --to")
    sub.add_argument("file", nargs="*", help="all modules of the tree")
    sub.add_argument("--to", metavar="dom0:PATH|GUEST:PATH")
    return top


def main():
    args = parser().parse_args()
    try:
        return args.action(args)
    except BedError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
