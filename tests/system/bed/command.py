# SPDX-License-Identifier: GPL-2.0-only
"""The xenpv command, as it was built for the unit tests, brought into dom0 and guests with the libraries it needs."""

import re
import shutil
import tarfile
from pathlib import Path

from .layout import REPO, BedError, run, step

LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
INSIDE = "/opt/xenpv"
# The C library is there already, the same as here.
THERE = re.compile(r"(libc|libm|ld-linux-x86-64)\.so")
# Looked for at run time.
EXTRA = ("libxenstore.so.4", "libxencall.so.1")
WRAPPER = f"#!/bin/sh\nLD_LIBRARY_PATH={INSIDE}/lib exec {INSIDE}/xenpv \"$@\"\n"


def build():
    """The path of the executable; what the unit tests have built is not built again."""
    tree = REPO / "build/unit-plain"
    with step("building the xenpv command"):
        run(["cmake", "-S", REPO, "-B", tree, "-G", "Ninja", "-DXENPV_KIND=plain"], timeout=120)
        run(["cmake", "--build", tree, "--target", "xenpv"], timeout=1800)
    return tree / "userspace/cli/xenpv"


def _needed(path):
    text = run(["readelf", "-d", path], timeout=20).decode()
    return [name for name in re.findall(r"\(NEEDED\).*\[(.+)\]", text) if not THERE.match(name)]


def _copy_library(name, folder):
    target = folder / name
    if target.exists():
        return
    source = (LIBRARIES / name).resolve()
    if not source.exists():
        raise BedError(f"{name} is not installed: run setup/setup.sh")
    shutil.copy(source, target)
    for need in _needed(source):
        _copy_library(need, folder)


def pack(folder):
    """A tar to be unpacked at the root of a domain. tar pads itself to whole sectors, so a disk may hold it."""
    executable = build()
    libraries = folder / "tree/lib"
    libraries.mkdir(parents=True)
    run(["strip", "-o", folder / "tree/xenpv", executable], timeout=60)
    for name in [*_needed(executable), *EXTRA]:
        _copy_library(name, libraries)
    (folder / "wrapper").write_text(WRAPPER)
    (folder / "wrapper").chmod(0o755)
    with tarfile.open(folder / "xenpv.tar", "w") as tar:
        tar.add(folder / "tree", INSIDE.lstrip("/"))
        tar.add(folder / "wrapper", "usr/bin/xenpv")
    return folder / "xenpv.tar"


def install_in_dom0(dom0, archive):
    shutil.copy(archive, dom0.share / "xenpv.tar")
    dom0.run("tar -xf /host/xenpv.tar -C /", timeout=30)


def put_on_disk(dom0, archive, device):
    """What a guest can unpack from a disk: that is a hundred times as fast as its console."""
    shutil.copy(archive, dom0.share / "xenpv.tar")
    dom0.run(f"dd if=/host/xenpv.tar of={device} bs=1M conv=fsync status=none", timeout=30)


def install_from_disk(guest, device):
    if guest.run("test -x /usr/bin/xenpv", check=False).rc:
        guest.run(f"tar -xf {device} -C /", timeout=60)
