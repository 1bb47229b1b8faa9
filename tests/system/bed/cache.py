# SPDX-License-Identifier: GPL-2.0-only
"""What is slow to make and the same for every checkout: images, kernels, snapshots. One place of the machine has it.

Any number of checkouts use it at once. An entry is made by one of them while the others wait; whoever uses one holds a
lock on it until its process ends (a machine holds those of what it was started from), and what nobody uses is cleared
away, the least recently used first, when all of it takes more than LIMIT_MIB.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from .layout import BedError, say, step

VARIABLE = "XENPV_CACHE"
DEFAULT = Path("/var/cache/xenpv")
LIMIT_MIB = 24 << 10
TAG = "CACHEDIR.TAG"  # which backups know, and by which a directory is known as a cache before it is removed
SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55\n# made by xenpv's test bed: make distclean removes it\n"

NO_SPACE = re.compile(r"No space left on device|enough free space")
NO_ROOM = re.compile(r"needs \d+ MiB, .* MiB free|" + NO_SPACE.pattern)
NO_NETWORK = re.compile(r"Temporary failure|Could not resolve|[Cc]ould not connect|Failed to fetch|unreachable")
NO_PACKAGE = re.compile(r"Unable to locate package|Can't find a source to download")

_held = {}  # of this process: entries in use, with the files by which they are locked


def root():
    return Path(os.environ.get(VARIABLE) or DEFAULT).absolute()


def key_of(*parts):
    """A short name for content made from these strings and files."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()[:16]


def advice(text):
    """What to do about a step that failed with these words."""
    if NO_SPACE.search(text):
        return f"free some space where {root()} is, or set {VARIABLE}, and repeat"
    if NO_NETWORK.search(text):
        return "see whether the network and Debian's archive can be reached (apt-get update), and repeat"
    if NO_PACKAGE.search(text):
        return "apt-get update; apt-get install linux-headers-amd64 (the archive may have gone on), and repeat"
    return "see above; repeating is safe, what was finished is kept"


def cached(name, key, make, need_mib=64):
    """The directory name-key of the cache, filled by make(directory) the first time.

    It is made under another name and renamed when complete, so an interrupted run leaves nothing that looks finished.
    """
    entry = f"{name}-{key}"
    target = root() / entry
    if entry in _held and target.is_dir():
        return target
    lock = _open_lock(entry)
    if not _flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB):
        say(f"another run is making {name}: waiting for it")
        _flock(lock, fcntl.LOCK_SH)
    while not target.is_dir():
        _flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _make(name, entry, make, need_mib)
        _flock(lock, fcntl.LOCK_SH)  # may let somebody else in between, hence the loop
    os.utime(lock.name)
    _held[entry] = lock
    return target


def find(name, key):
    """The directory name-key of the cache if somebody has made it, or None."""
    entry = f"{name}-{key}"
    if not (root() / entry).is_dir():
        return None

    def gone(_):
        raise FileNotFoundError(entry)

    try:
        return cached(name, key, gone)
    except BedError:
        return None  # cleared away between the two looks


def give_up(path):
    """Removes an entry that turned out to be of no use; whoever else has files of it open keeps them."""
    if lock := _held.pop(path.name, None):
        lock.close()
    _remove(path)


def held():
    """Descriptors for a process that outlives this one and goes on using what this one did."""
    return [lock.fileno() for lock in _held.values()]


def clear():
    """Removes the whole cache, but for what is in use, which is told. For `make distclean`."""
    if not (root() / TAG).exists():
        return
    busy = [path.name for path, _ in _entries() if not _remove_unused(path)]
    if busy:
        raise BedError(f"{root()}: in use, and kept: {' '.join(busy)}\nwhat to do: end the beds of every checkout "
                       "(tests/system/xenbed down) and repeat")
    shutil.rmtree(root(), ignore_errors=True)


def _open_lock(entry):
    try:
        (root() / "locks").mkdir(parents=True, exist_ok=True)
        if not (root() / TAG).exists():
            (root() / TAG).write_text(SIGNATURE)
        return open(root() / "locks" / entry, "a", encoding="utf-8")
    except OSError as error:
        raise BedError(f"the cache {root()} cannot be written: {error.strerror}\nwhat to do: be root there, or set "
                       f"{VARIABLE} to a directory that can be written") from None


def _flock(lock, how):
    try:
        fcntl.flock(lock, how)
    except BlockingIOError:
        return False
    return True


def _make(name, entry, make, need_mib):
    scratch = _half_made(entry)
    _remove(scratch)  # a killed run left it
    _make_room(name, need_mib)
    try:
        scratch.mkdir()
        with step(f"making {name}"):
            make(scratch)
        scratch.rename(root() / entry)
    except (BedError, OSError, subprocess.CalledProcessError) as error:
        _remove(scratch)
        raise BedError(f"making {name}: {error}\nwhat to do: {advice(str(error))}") from error
    except BaseException:
        _remove(scratch)
        raise


def _half_made(entry):
    return root() / f".{entry}"


def _entries():
    """(path, when it was last used), the least recently used first. Half-made ones come before all others."""
    found = []
    for path in root().iterdir():
        if path.is_dir() and path.name not in ("locks", "ccache"):
            lock = root() / "locks" / path.name.removeprefix(".")
            used = lock.stat().st_mtime if lock.exists() and not path.name.startswith(".") else 0
            found.append((path, used))
    return sorted(found, key=lambda one: one[1])


def size(path):
    """Bytes that a tree takes on its disk: what is sparse takes less than it is long."""
    return sum(entry.lstat().st_blocks * 512 for entry in path.rglob("*"))


def _make_room(name, need_mib):
    """Clears away what is over the limit, and then what is in the way of need_mib."""
    def free():
        return shutil.disk_usage(root()).free >> 20

    sizes = {path: size(path) for path, _ in _entries()}
    for path in sizes:
        over = sum(sizes.values()) + (need_mib << 20) > LIMIT_MIB << 20
        if (path.name.startswith(".") or over or free() < need_mib) and _remove_unused(path):
            sizes[path] = 0
    if free() < need_mib:
        raise BedError(f"making {name} needs {need_mib} MiB, {root()} has {free()} MiB free\n"
                       f"what to do: free some space there, or set {VARIABLE} to another disk, and repeat")


def _remove_unused(path):
    """Whether it is gone. One that this process uses, or makes, stays, as does another's."""
    entry = path.name.removeprefix(".")
    if entry in _held:
        return False
    with _open_lock(entry) as lock:
        if not _flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
        _remove(path)
    return True


def _remove(tree):
    """Deletes a directory, unless something is mounted in it: what lies behind a mount is not ours."""
    if f" {tree}/" in Path("/proc/self/mounts").read_text(encoding="utf-8"):
        raise BedError(f"something is mounted below {tree}: unmount it, then repeat")
    gone = tree.with_name("." + tree.name.removeprefix("."))
    if tree.is_dir() and not gone.exists():
        tree = tree.rename(gone)  # one that is removed by halves does not look whole
    shutil.rmtree(tree, ignore_errors=True)
