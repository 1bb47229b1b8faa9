# SPDX-License-Identifier: GPL-2.0-only
"""Makes the guests' tools: one tar with fio, e2fsprogs, network tools, kmod, coreutils and kernel modules.

A guest reads it from a disk into its root file system at start, at some MB/s, so size is time. Debian's fio
links the clients of half a dozen storage systems, 90 MB with what those need, and tcpdump's library the desktop's
message bus; the guest gets stubs in their place, which abort if one of those is ever asked for.
"""

import re
import shutil
import subprocess
from pathlib import Path

from . import kmods
from .layout import BedError, run

PROGRAMS = """
    bash fio sha256sum cmp dd stat sync timeout truncate head tail sleep
    modprobe insmod rmmod lsmod modinfo depmod mkfs.ext4 e2fsck fsck.ext4 blkid blockdev blkdiscard lsblk
    flock taskset dmsetup ip ss setsid ethtool iperf3 tcpdump
""".split()

STUBBED = re.compile(r"lib(gfapi|nbd|ibverbs|rdmacm|rados|rbd|pmemblk|pmem|dbus-1)\.so")


def _find(tree, program):
    for folder in ("usr/bin", "usr/sbin"):
        path = tree / folder / program
        if path.exists() or path.is_symlink():
            return path
    raise BedError(f"the dom0 image has no {program} for the guests")


def _needed(path):
    text = run(["readelf", "-d", path], timeout=20).decode()
    return re.findall(r"\(NEEDED\).*\[(.+)\]", text)


def _undefined(path):
    """Undefined symbols as (name, version or '')."""
    text = run(["nm", "-D", "--undefined-only", path], timeout=20).decode()
    return [tuple((line.split()[-1] + "@").split("@")[:2]) for line in text.splitlines()]


def _stub(user, library, target):
    """A library with the symbols that user takes from library, under the same versions."""
    text = run(["nm", "-D", "--defined-only", library], timeout=20).decode()
    exported = {line.split()[-1].split("@")[0] for line in text.splitlines()}
    versions = {}
    for name, version in _undefined(user):
        if name in exported:
            versions.setdefault(version, []).append(name)
    code = "".join(f"void {n}(void) {{ __builtin_trap(); }}\n" for names in versions.values() for n in names)
    script = "".join(f"{version} {{ global: {'; '.join(names)}; }};\n"
                     for version, names in versions.items() if version)
    source, versioned = target.with_suffix(".c"), target.with_suffix(".map")
    source.write_text(code)
    versioned.write_text(script)
    map_option = [f"-Wl,--version-script={versioned}"] if script else []
    run(["gcc-12", "-shared", "-fPIC", "-fno-builtin", "-nostdlib", "-w", f"-Wl,-soname,{target.name}",
         *map_option, "-o", target, source], timeout=30)
    source.unlink()
    versioned.unlink()


def _add(tree, path, out):
    """Copies one program or library and, recursively, the libraries it needs."""
    libs = out / "usr/lib/x86_64-linux-gnu"
    for name in _needed(path):
        target = libs / name
        if target.exists():
            continue
        source = tree / "usr/lib/x86_64-linux-gnu" / name
        if STUBBED.match(name):
            _stub(path, source.resolve(), target)
        else:
            shutil.copy(source.resolve(), target)
            _add(tree, source.resolve(), out)


def make(base, kver, modules, target):
    """Writes the tar, which guests see as a disk: tar pads itself to whole sectors."""
    tree = base / "tree"
    out = target.parent / "tree"
    for folder in ("usr/bin", "usr/sbin", "usr/lib/x86_64-linux-gnu", "usr/lib64", "etc"):
        (out / folder).mkdir(parents=True)
    for link in ("lib", "lib64"):
        (out / link).symlink_to(f"usr/{link}")
    shutil.copy((tree / "usr/lib64/ld-linux-x86-64.so.2").resolve(), out / "usr/lib64/ld-linux-x86-64.so.2")
    shutil.copy(tree / "etc/mke2fs.conf", out / "etc/mke2fs.conf")
    for program in PROGRAMS:
        path = _find(tree, program)
        copy = out / path.relative_to(tree)
        real = path
        while real.is_symlink():
            link = Path(real.readlink())
            real = tree / str(link).lstrip("/") if link.is_absolute() else real.parent / link
        shutil.copy(real, copy)
        copy.chmod(0o755)
        _add(tree, copy, out)
    kmods.copy_tree(base / "kernel/lib/modules" / kver, out / "usr/lib/modules" / kver, modules)
    run(["depmod", "-b", out, kver], timeout=60)
    subprocess.run(["tar", "--sort=name", "--owner=0", "--group=0", "-cf", target, "-C", out,
                    "usr", "etc", "lib", "lib64"], check=True)
    shutil.rmtree(out)
