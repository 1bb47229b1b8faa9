# SPDX-License-Identifier: GPL-2.0-only
"""Clean Debian 12 systems in a directory: one that is made once and kept, and copies of it to install packages in."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = REPO / "build" / "package"
# The cloud kernel is what the system runs at first: it is a tenth of the other, which comes as the update.
INSTALLED = """
    dkms kmod initramfs-tools g++-12 linux-image-cloud-amd64 linux-headers-cloud-amd64 ccache eatmydata
""".split()
UPDATE = ["linux-image-amd64", "linux-headers-amd64"]
HOW = [
    "--variant=apt", "--mode=root", f"--include={','.join(INSTALLED)}",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
    "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"',
    '--customize-hook=chroot "$1" apt-get clean',
    f'--customize-hook=chroot "$1" apt-get -y -d --no-install-recommends install {" ".join(UPDATE)}',
    '--customize-hook=mkdir "$1/debs" && mv "$1"/var/cache/apt/archives/*.deb "$1/debs/"', "bookworm",
]
# Holds the mounts of a room for as long as somebody holds its standard input: whatever ends us ends them.
HOLD = """\
set -e
base=$1 place=$2 ccache=$3
mount --make-rprivate /
mkdir -p "$place/root" "$place/upper" "$place/work"
mount -t overlay room -o "lowerdir=$base,upperdir=$place/upper,workdir=$place/work" "$place/root" 2>/dev/null ||
    cp -a --reflink=auto "$base/." "$place/root"
mkdir -p "$place/root/var/cache/ccache"
mount --rbind /dev "$place/root/dev"
mount -t proc proc "$place/root/proc"
mount --bind "$ccache" "$place/root/var/cache/ccache"
echo ready
exec cat
"""
ENVIRONMENT = {
    "PATH": "/usr/lib/ccache:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8",
    "LD_PRELOAD": "libeatmydata.so", "CCACHE_DIR": "/var/cache/ccache", "CCACHE_BASEDIR": "/var/lib/dkms",
    "CCACHE_NOHASHDIR": "1", "CCACHE_COMPILERCHECK": "content", "HOME": "/root",
}


def say(text):
    print(f"package: {text}", file=sys.stderr, flush=True)


def _sources():
    """The machine's own Debian sources: what is tried comes from where its packages come from."""
    etc = Path("/etc/apt")
    return [p for p in (etc / "sources.list.d" / "debian.sources", etc / "sources.list")
            if p.is_file() and p.read_text().strip()]


def _newest():
    """Headers on this machine: when setup has brought newer ones, the system is made anew, with those."""
    return sorted(p.name for p in Path("/usr/src").glob("linux-headers-*"))


def _key():
    return hashlib.sha256("\n".join([*HOW, *_newest()]).encode()).hexdigest()[:16]


def base():
    """The clean system, with the update's packages in /debs; a minute the first time."""
    if os.geteuid():
        raise RuntimeError("a system in a directory has root's files in it: run this as root")
    target = BUILD / f"base-{_key()}"
    if target.is_dir():
        return target
    BUILD.mkdir(parents=True, exist_ok=True)
    for old in [*BUILD.glob("base-*"), *BUILD.glob(".base-*")]:
        shutil.rmtree(old)
    scratch = BUILD / f".base-{os.getpid()}"
    say("making a clean system ...")
    began = time.monotonic()
    done = subprocess.run(["eatmydata", "mmdebstrap", *HOW, scratch, *_sources()], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
    if done.returncode:
        shutil.rmtree(scratch, ignore_errors=True)
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise RuntimeError(f"mmdebstrap exited with {done.returncode}:\n{tail}\nwhat to do: see whether the network "
                           "and Debian's archive can be reached (apt-get update), and repeat")
    scratch.rename(target)
    say(f"making a clean system: {time.monotonic() - began:.0f} s")
    return target


class Room:
    """A system of its own above the clean one.  .root is its root directory, for who looks into it from outside."""

    def __init__(self, name):
        self.place = BUILD / name
        shutil.rmtree(self.place, ignore_errors=True)
        (BUILD / "ccache").mkdir(parents=True, exist_ok=True)
        self.holder = subprocess.Popen(["unshare", "-m", "sh", "-c", HOLD, "sh", base(), self.place, BUILD / "ccache"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n", "the mounts of a clean system failed, see above"
        self.root = Path(f"/proc/{self.holder.pid}/root{self.place}/root")
        # A large initramfs is no worse for being looked into.
        (self.root / "etc/initramfs-tools/conf.d/fast").write_text("COMPRESS=gzip\nCOMPRESSLEVEL=1\n", encoding="utf-8")

    def run(self, *command, check=True, timeout=1200):
        """Runs a command in it, without network. Returns what it said."""
        began = time.monotonic()
        done = subprocess.run(
            ["nsenter", "-m", f"-t{self.holder.pid}", "unshare", "-n", "chroot", self.place / "root", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT,
            timeout=timeout, check=False)
        print(f"$ {' '.join(map(str, command))}  [{time.monotonic() - began:.1f} s]\n{done.stdout}")
        if check and done.returncode:
            for log in self.root.glob("var/lib/dkms/xenpv/*/build/make.log"):
                print(f"--- {log}\n{log.read_text(encoding='utf-8')[-3000:]}")
            raise AssertionError(f"exit status {done.returncode} of {command}, see above")
        return done.stdout

    def apt(self, *arguments, **options):
        return self.run("apt-get", "-y", "-q", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends", *arguments,
                        **options)

    def put(self, package):
        """Copies a file of this machine into its /debs, and returns its name there."""
        shutil.copy(package, self.root / "debs")
        return f"/debs/{Path(package).name}"

    def kernels(self):
        """Versions of the installed kernels."""
        return sorted(p.parent.name for p in (self.root / "lib/modules").glob("*/kernel"))

    def update(self, kind):
        """Paths in it of the update's packages: those of the image, or of the headers."""
        return [f"/debs/{p.name}" for p in sorted((self.root / "debs").glob(f"linux-{kind}-[0-9]*.deb"))]

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(timeout=30)
        shutil.rmtree(self.place)
