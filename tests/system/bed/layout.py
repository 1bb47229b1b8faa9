# SPDX-License-Identifier: GPL-2.0-only
"""Where the bed keeps things, and the few helpers every long step shares."""

import contextlib
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
FILES = Path(__file__).resolve().parent / "files"
BUILD = REPO / "build" / "bed"
CACHE = BUILD / "cache"
LOGS = BUILD / "logs"


NO_SPACE = re.compile(r"No space left on device|enough free space")
NO_NETWORK = re.compile(r"Temporary failure|Could not resolve|[Cc]ould not connect|Failed to fetch|unreachable")
NO_PACKAGE = re.compile(r"Unable to locate package|Can't find a source to download")


class BedError(Exception):
    """Something about the bed itself went wrong; the message says what, and where to look."""


def say(text):
    """One line of progress, on stderr so that the output of a command stays clean."""
    print(f"bed: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(name):
    """Announces a long step and how long it took."""
    say(f"{name} ...")
    start = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"{name}: failed after {time.monotonic() - start:.1f} s")
        raise
    say(f"{name}: {time.monotonic() - start:.1f} s")


def key_of(*parts):
    """A short name for content made from these strings and files."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()[:16]


def _remove(tree):
    """Deletes a directory, unless something is mounted in it: what lies behind a mount is not ours."""
    if f" {tree}/" in Path("/proc/self/mounts").read_text(encoding="utf-8"):
        raise BedError(f"something is mounted below {tree}: unmount it, then repeat")
    shutil.rmtree(tree, ignore_errors=True)


def advice(text):
    """What to do about a step that failed with these words."""
    if NO_SPACE.search(text):
        return f"free some space where {CACHE} is, and repeat"
    if NO_NETWORK.search(text):
        return "see whether the network and Debian's archive can be reached (apt-get update), and repeat"
    if NO_PACKAGE.search(text):
        return "apt-get update; apt-get install linux-headers-amd64 (the archive may have gone on), and repeat"
    return "see above; repeating is safe, what was finished is kept"


def _check_room(name, need_mib):
    free = shutil.disk_usage(CACHE).free >> 20
    if free < need_mib:
        raise BedError(f"making {name} needs {need_mib} MiB, {CACHE} has {free} MiB free\n"
                       "what to do: free some space there, and repeat")


def cached(name, key, make, need_mib=64):
    """The directory CACHE/name-key, filled by make(directory) the first time.

    It is made under another name and renamed when complete, so an interrupted run leaves nothing that looks
    finished; what other keys of the same name left behind is removed, since images are large.
    """
    target = CACHE / f"{name}-{key}"
    if target.is_dir():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    for left_by_a_killed_run in CACHE.glob(f".{name}-*"):
        _remove(left_by_a_killed_run)
    _check_room(name, need_mib)
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=CACHE))
    scratch.chmod(0o755)
    try:
        with step(f"making {name}"):
            make(scratch)
        scratch.rename(target)
    except (BedError, OSError, subprocess.CalledProcessError) as error:
        _remove(scratch)
        raise BedError(f"making {name}: {error}\nwhat to do: {advice(str(error))}") from error
    except BaseException:
        _remove(scratch)
        raise
    for old in CACHE.glob(f"{name}-*"):
        if old != target:
            _remove(old)
    return target


def run(argv, timeout, **kwargs):
    """subprocess.run with captured output; a failure names the command and shows the end of what it said."""
    argv = [str(a) for a in argv]
    try:
        done = subprocess.run(argv, timeout=timeout, stdin=kwargs.pop("stdin", subprocess.DEVNULL),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **kwargs)
    except FileNotFoundError:
        raise BedError(f"{argv[0]} is not installed: run setup/setup.sh") from None
    except subprocess.TimeoutExpired:
        raise BedError(f"{' '.join(argv[:3])} ... did not finish within {timeout} s") from None
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).decode(errors="replace").splitlines()[-15:])
        raise BedError(f"{' '.join(argv[:6])} exited with {done.returncode}:\n{tail}")
    return done.stdout


def cpio(tree, target):
    """Packs a directory as a compressed initramfs. Several of them may be concatenated."""
    names = sorted(str(p.relative_to(tree)) for p in tree.rglob("*"))
    raw = subprocess.run(["cpio", "--create", "--format=newc", "--owner=0:0", "--quiet"], cwd=tree,
                         input="\n".join(names).encode(), stdout=subprocess.PIPE, check=True).stdout
    # Not gzip: xl would try to unpack it, and stumble over a second archive behind the first.
    packed = lzma.compress(raw, lzma.FORMAT_XZ, lzma.CHECK_CRC32)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    scratch.write_bytes(packed)
    scratch.rename(target)
