# SPDX-License-Identifier: GPL-2.0-only
"""A kernel 6.1 that checks itself: locks, memory, sleeping where one must not, undefined behaviour, objects' lives. It
is made from linux-source-6.1 with debug.config, and has faults that tests can inject.

It takes half an hour to build, so nothing builds it by the way: whoever wants it says so. KASAN has no
shadow of memory in a PV domain, so dom0 on it is a PVH one.
"""

import inspect
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import cache
from .layout import BedError, run

NAME = "debug"
CONFIG = Path(__file__).with_name("debug.config")
PATCH = CONFIG.with_suffix(".patch")
TARBALL = Path("/usr/src/linux-source-6.1.tar.xz")
COMPILER = "gcc-12"
NEED_MIB = 6 << 10  # while it is built; a tenth of it stays
HOUR = 3600
TREE = "tree"
# Of the sources and what was built, what the build of a module needs.
KEPT = ("*.h", "Makefile*", "Kbuild*", "Kconfig*", "Module.symvers", ".config", "objtool", "*.lds")
KEPT_WHOLE = ("scripts", "include")


def dom0_kind(kernel, wanted=None):
    """The kind of a dom0 on a kernel: 'pv' unless another is wanted, or the kernel cannot be that."""
    return "pvh" if kernel == NAME else wanted or "pv"


class DebugKernel:
    """One of kernels.SERIES."""

    name = NAME

    def make_image(self):
        """image(), built if that has not been done."""
        cache.cached(f"kernel-{NAME}", self._key(), _make, need_mib=NEED_MIB)
        return self.image()

    def image(self):
        """(version, directory with vmlinuz and lib/modules/VERSION), or BedError that says how to get it."""
        made = cache.find(f"kernel-{NAME}", self._key())
        if made is None:
            raise BedError("the debug kernel has not been built: make debug-kernel (it takes half an hour)")
        return (made / "version").read_text(), made

    def place_to_build(self, sources):
        """(version, prefix of the command, the headers it sees)."""
        kver, made = self.image()
        return kver, ["make", "-C", sources], made / TREE

    @staticmethod
    def _key():
        if not TARBALL.exists():
            raise BedError(f"{TARBALL} is missing: run setup/setup.sh")
        version = run(["dpkg-query", "-W", "-f", "${Version}", "linux-source-6.1"], timeout=20)
        recipe = [inspect.getsource(part) for part in (_make, _prune)]
        return cache.key_of(version, run([COMPILER, "--version"], timeout=20), CONFIG, PATCH, KEPT, KEPT_WHOLE, *recipe)


def _make(out):
    tree = out / TREE
    tree.mkdir()
    run(["tar", "-xf", TARBALL, "-C", tree, "--strip-components=1"], timeout=HOUR)
    run(["patch", "-p1", "-d", tree, "-i", PATCH], timeout=60)
    env = {**os.environ, "KCONFIG_ALLCONFIG": str(CONFIG), "CCACHE_DIR": str(cache.root() / "ccache")}
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        env.pop(name, None)
    make = ["make", "-C", str(tree), f"CC={_compiler()}", f"HOSTCC={_compiler()}", f"-j{os.cpu_count()}"]
    run([*make, "allnoconfig"], timeout=300, env=env)
    if refused := _refused(tree / ".config"):
        raise BedError(f"{CONFIG.name}: this kernel does not take {' '.join(refused)}: mend the file")
    log = out / "build.log"
    with open(log, "wb") as said:
        built = subprocess.run([*make, "bzImage", "modules"], env=env, stdin=subprocess.DEVNULL, stdout=said,
                               stderr=said, timeout=4 * HOUR, check=False)
    if built.returncode:
        raise BedError("the debug kernel does not build:\n" + "\n".join(log.read_text().splitlines()[-20:]))
    run([*make, f"INSTALL_MOD_PATH={out}", "INSTALL_MOD_STRIP=1", "modules_install"], timeout=600, env=env)
    kver = (tree / "include/config/kernel.release").read_text().strip()
    shutil.copy(tree / "arch/x86/boot/bzImage", out / "vmlinuz")
    for link in ("build", "source"):
        (out / "lib/modules" / kver / link).unlink(missing_ok=True)
    _prune(tree)
    (out / "version").write_text(kver)


def _compiler():
    return f"ccache {COMPILER}" if shutil.which("ccache") else COMPILER


def _refused(config):
    """Settings of CONFIG that are not in a kernel's own: misspelt, or without what they depend on."""
    there = set(config.read_text(encoding="utf-8").splitlines())
    return [line for line in CONFIG.read_text(encoding="utf-8").splitlines()
            if re.match(r"CONFIG_|# CONFIG_", line) and line not in there]


def _prune(tree):
    unless = [word for name in KEPT_WHOLE for word in ("!", "-path", f"./{name}/*")]
    unless += [word for name in KEPT for word in ("!", "-name", name)]
    run(["find", ".", "!", "-type", "d", *unless, "-delete"], timeout=600, cwd=tree)
    run(["find", ".", "-type", "d", "-empty", "-delete"], timeout=600, cwd=tree)
