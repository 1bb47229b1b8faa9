# SPDX-License-Identifier: GPL-2.0-only
"""Ways in which making what the bed boots can fail: the message says what to do, and nothing half-made is kept."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CAN_UNSHARE = os.geteuid() == 0 and subprocess.run(["unshare", "-mn", "true"], capture_output=True).returncode == 0
private = pytest.mark.skipif(not CAN_UNSHARE, reason="needs root and namespaces (unshare -mn)")


def make(cache, code, *prefix, timeout=120):
    """Runs code that uses the bed with this directory as its cache; prints what a user would see."""
    script = textwrap.dedent("""\
        import sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from bed import image, layout
        layout.CACHE = Path(sys.argv[2])
        def fill(out):
            (out / "whole").write_bytes(bytes(SIZE))
        SIZE = 8 << 20
        try:
            exec(sys.argv[3])
        except layout.BedError as error:
            sys.exit(f"bed: error: {error}")
        """)
    done = subprocess.run([*prefix, sys.executable, "-c", script, ROOT / "tests/system", cache, code], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    print(done.stdout)
    return done


def kept(cache):
    return [p.name for p in cache.iterdir()]


def on_small(cache, size):
    """A prefix that puts a file system of this size at the cache, and says afterwards what is in it."""
    command = (f'mount -t tmpfs -o size={size} small {cache} || exit 99; '
               f'"$@"; rc=$?; echo "kept: $(ls -A {cache})"; exit $rc')
    return ["unshare", "-m", "sh", "-c", command, "sh"]


@private
def test_no_network(tmp_path):
    done = make(tmp_path, "image.build()", "unshare", "-n")
    assert done.returncode == 1
    assert "what to do: see whether the network and Debian's archive can be reached" in done.stdout
    assert kept(tmp_path) == []


@private
def test_no_space_to_begin_with(tmp_path):
    done = make(tmp_path, "image.build()", *on_small(tmp_path, "4m"))
    assert done.returncode == 1
    assert "needs 2048 MiB" in done.stdout and "has 4 MiB free" in done.stdout
    assert "what to do: free some space there" in done.stdout
    assert "kept: \n" in done.stdout


@private
@pytest.mark.parametrize("fill", [
    "fill", "lambda out: layout.run(['dd', 'if=/dev/zero', f'of={out}/whole', 'bs=1M', 'count=8'], timeout=20)"])
def test_no_space_on_the_way(tmp_path, fill):
    done = make(tmp_path, f"layout.cached('base', 'key', {fill}, need_mib=1)", *on_small(tmp_path, "4m"))
    assert done.returncode == 1
    assert "No space left on device" in done.stdout
    assert "what to do: free some space" in done.stdout
    assert "kept: \n" in done.stdout


@private
def test_no_root(tmp_path):
    done = make(tmp_path, "image.os.setuid(65534); image.build()")
    assert done.returncode == 1
    assert "run it as root" in done.stdout


def test_killed_half_way(tmp_path):
    """Nothing of an interrupted run passes for whole, and the next run clears it away."""
    done = make(tmp_path, "layout.cached('base', 'key', lambda out: (fill(out), image.os.kill(image.os.getpid(), 9)))")
    assert done.returncode == -9
    assert [name[:6] for name in kept(tmp_path)] == [".base-"]
    done = make(tmp_path, "layout.cached('base', 'key', fill)")
    assert done.returncode == 0
    assert kept(tmp_path) == ["base-key"]


def test_another_key_takes_the_place(tmp_path):
    make(tmp_path, "layout.cached('base', 'one', fill)")
    make(tmp_path, "layout.cached('base', 'two', fill)")
    assert kept(tmp_path) == ["base-two"]
