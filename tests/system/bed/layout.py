# SPDX-License-Identifier: GPL-2.0-only
"""Where the bed keeps things, and the few helpers every long step shares."""

import contextlib
import lzma
import os
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
FILES = Path(__file__).resolve().parent / "files"
BUILD = REPO / "build" / "bed"
LOGS = BUILD / "logs"


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
