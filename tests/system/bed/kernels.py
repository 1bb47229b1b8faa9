# SPDX-License-Identifier: GPL-2.0-only
"""Other kernels than this machine's: other series of Debian's, which are fetched, and the debug kernel, which is built;
and the modules under test for each.

What is fetched comes from the mirror of the machine's own Debian packages, by an apt configuration of its own, so
that the machine's sources stay as they are. A series whose compiler this machine does not have is built for in a
chroot of the Debian release that has it.
"""

import filecmp
import inspect
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .cache import cached, key_of
from .debug_kernel import DebugKernel
from .layout import REPO, BedError, run, say, step

ROOM = REPO / "build" / "kernels"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LISTS_LAST = 24 * 3600  # seconds; a newer kernel may wait for so long
SOURCES = ["Kbuild", "Makefile", "debian/changelog", "kernel", "include", "grant", "evtchn", "xen-front", "xen-back"]
SLIM = ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io",
        '--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']


@dataclass(frozen=True)
class Series:
    """suite has the kernel; release, where it is not this machine's, the compiler."""

    name: str
    suite: str
    release: str = ""
    compiler: str = ""

    def image(self):
        """(version, directory with vmlinuz and lib/modules/VERSION) of the newest kernel."""
        kver = version(self)
        made = cached(f"kernel-{self.name}", key_of(kver, inspect.getsource(_make_image)),
                      lambda out: _make_image(self, kver, out), need_mib=1024)
        return kver, made

    def place_to_build(self, sources):
        """(version, prefix of the command, the headers it sees)."""
        kver = version(self)
        if not self.release:
            made = cached(f"headers-{self.name}", key_of(kver, inspect.getsource(_make_headers)),
                          lambda out: _make_headers(self, kver, out), need_mib=256)
            return kver, ["make", "-C", sources], made / "usr/src" / f"linux-headers-{kver}"
        made = cached(f"chroot-{self.name}", key_of(kver, self, *SLIM, inspect.getsource(_make_chroot)),
                      lambda out: _make_chroot(self, kver, out), need_mib=1024)
        # Mounts of a namespace of its own: they go with the last process in it, however that ends.  objtool asks
        # /proc for its stack.
        enter = ('mount --bind "$1" "$2/xenpv" && mount -t proc proc "$2/proc" && root=$2 && shift 2 && '
                 'exec chroot "$root" make -C /xenpv "$@"')
        return kver, ["unshare", "-m", "sh", "-ec", enter, "sh", sources, made / "root"], \
            Path("/usr/src") / f"linux-headers-{kver}"


SERIES = {one.name: one for one in (
    Series("6.12", "bookworm-backports"),
    Series("7", "trixie-backports", "trixie", "g++-14"),
    DebugKernel(),
)}


def find(name):
    if name not in SERIES:
        raise BedError(f"kernel series {name!r}: known are {' '.join(SERIES)}")
    return SERIES[name]


# --- the archive

def _mirror():
    """Where this machine's packages come from; security has a mirror of its own, without backports."""
    for path in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")):
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            found = re.match(r"(?:URIs:|deb\s(?:\s*\[.*\])?)\s*(\S+)", line)
            if found and "security" not in found[1]:
                return found[1]
    raise BedError("neither /etc/apt/sources.list nor sources.list.d/debian.sources names a mirror of Debian: add one")


def _line(suite):
    return f"deb [signed-by={KEYRING}] {_mirror()} {suite} main\n"


def _apt(series):
    """Options by which apt knows this suite and nothing else; fetches its lists now and then."""
    room = ROOM / f"apt-{series.name}"
    for name in ("lists/partial", "cache/archives/partial"):
        (room / name).mkdir(parents=True, exist_ok=True)
    (room / "sources.list").write_text(_line(series.suite))
    options = ["-o", f"Dir::Etc::SourceList={room}/sources.list", "-o", "Dir::Etc::SourceParts=-",
               "-o", "Dir::Etc::PreferencesParts=-", "-o", f"Dir::State::Lists={room}/lists",
               "-o", "Dir::State::Status=/dev/null", "-o", f"Dir::Cache={room}/cache", "-o", "APT::Sandbox::User=root",
               "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"]
    stamp = room / "fetched"
    if not stamp.exists() or time.time() - stamp.stat().st_mtime > LISTS_LAST:
        try:
            run(["apt-get", "-q", *options, "update", "--error-on=any"], timeout=300)
            stamp.touch()
        except BedError as error:
            if not stamp.exists():
                raise BedError(f"the package lists of {series.suite} cannot be had: {error}\nwhat to do: see whether "
                               f"{_mirror()} can be reached") from None
            say(f"the package lists of {series.suite} cannot be had, going on with those of an earlier day")
    return options


def _depends(options, package):
    text = run(["apt-cache", *options, "show", "--no-all-versions", package], timeout=60).decode()
    found = re.search(r"^Depends: (.*)$", text, re.M)
    return [re.split(r"[ (|:]", one.strip())[0] for one in found[1].split(",")] if found else []


def version(series):
    """Of the newest kernel, as `uname -r` will say it."""
    for package in _depends(_apt(series), "linux-headers-amd64"):
        if found := re.fullmatch(r"linux-headers-(\d\S*-amd64)", package):
            return found[1]
    raise BedError(f"{series.suite} has no linux-headers-amd64 that names a kernel")


def _fetch(series, packages, out):
    """Unpacks packages, without installing them."""
    run(["apt-get", "-q", *_apt(series), "download", *packages], timeout=600, cwd=out)
    for package in sorted(out.glob("*.deb")):
        run(["dpkg-deb", "-x", package, out], timeout=300)
        package.unlink()


# --- what a series has

def _make_image(series, kver, out):
    name = f"linux-image-{kver}"
    part = re.compile(rf"linux-(base|binary|modules)-{re.escape(kver)}")
    parts = [package for package in _depends(_apt(series), name) if part.fullmatch(package)]
    _fetch(series, [name, *parts], out)
    if not (out / "lib").exists():
        (out / "lib").symlink_to("usr/lib")
    packed = [p for p in (out / "lib/modules" / kver / "vmlinuz", out / "boot" / f"vmlinuz-{kver}") if p.exists()]
    if not packed:
        raise BedError(f"{' '.join([name, *parts])} have no vmlinuz")
    shutil.copy(packed[0], out / "vmlinuz")


def _make_headers(series, kver, out):
    short = kver.removesuffix("-amd64")
    _fetch(series, [f"linux-headers-{kver}", f"linux-headers-{short}-common", f"linux-kbuild-{short}"], out)
    # It names the other half by the path at which it would be installed.
    makefile = out / "usr/src" / f"linux-headers-{kver}" / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", "$(dir $(lastword $(MAKEFILE_LIST)))../"))


def _make_chroot(series, kver, out):
    sources = out / "sources.list"
    sources.write_text(_line(series.release) + _line(series.suite))
    run(["mmdebstrap", "--variant=apt", "--mode=root", f"--include=make,{series.compiler},linux-headers-{kver}", *SLIM,
         series.release, out / "root", sources], timeout=1800)
    for name in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(out / "root" / name, ignore_errors=True)
    (out / "root/xenpv").mkdir()


# --- modules for it

def _take_sources(tree):
    """A copy of this tree's: kbuild leaves its objects beside them. Those that are the same keep their age."""
    listed = run(["git", "ls-files", "-co", "--exclude-standard", "--", *SOURCES], timeout=20, cwd=REPO).decode()
    names = {name for name in listed.splitlines() if (REPO / name).is_file()}
    for name in names:
        target = tree / name
        if not target.exists() or not filecmp.cmp(REPO / name, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, target)
            os.utime(target)  # newer than the objects, even when it is an older version that came back
    kept = tree / ".taken"
    for gone in set(kept.read_text().split("\n") if kept.exists() else ()) - names:
        (tree / gone).unlink(missing_ok=True)
    kept.write_text("\n".join(sorted(names)))


def log_of(series):
    return ROOM / f"{series.name}.log"


def build(series):
    """Builds the modules of this tree for a series; returns where the .ko files are. What the tools said is in
    log_of(series)."""
    if os.geteuid():
        raise BedError("a chroot is made and entered as root: run it as root")
    tree = ROOM / series.name
    kver, command, headers = series.place_to_build(tree)
    tree.mkdir(parents=True, exist_ok=True)
    _take_sources(tree)
    made_for = tree / ".made-for"
    if not made_for.exists() or made_for.read_text() != str(headers):
        for old in tree.rglob("*.o"):
            old.unlink()
        made_for.write_text(str(headers))
    command = [str(c) for c in (*command, "modules", f"KDIR={headers}", f"-j{os.cpu_count()}")]
    log = log_of(series)
    with step(f"building the modules for {kver}"), open(log, "wb") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=3600, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise BedError(f"the modules do not build for {kver}:\n{tail}\nwhat to do: see {log}")
    return tree
