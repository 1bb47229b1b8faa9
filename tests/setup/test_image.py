# SPDX-License-Identifier: GPL-2.0-only
"""Ways in which making what the bed boots can fail: the message says what to do, and nothing half-made is kept."""

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
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
        from bed import cache, image, layout
        def fill(out):
            (out / "whole").write_bytes(bytes(SIZE))
        SIZE = 8 << 20
        try:
            exec(sys.argv[2])
        except layout.BedError as error:
            sys.exit(f"bed: error: {error}")
        """)
    done = subprocess.run([*prefix, sys.executable, "-c", script, ROOT / "tests/system", code], text=True,
                          env={**os.environ, "XENPV_CACHE": str(cache)}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    print(done.stdout)
    return done


def kept(cache):
    """What is there beside the cache's own two."""
    return sorted({p.name for p in cache.iterdir()} - {"CACHEDIR.TAG", "locks"})


def on_small(cache, size):
    """A prefix that puts a file system of this size at the cache, and says afterwards what is in it."""
    command = (f'mount -t tmpfs -o size={size} small {cache} || exit 99; '
               f'"$@"; rc=$?; echo "kept: $(ls -A {cache} | grep -v -e CACHEDIR -e locks | xargs)"; exit $rc')
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
    assert "needs 2048 MiB" in done.stdout and "has 3 MiB free" in done.stdout
    assert "what to do: free some space there" in done.stdout
    assert "kept: \n" in done.stdout


@private
@pytest.mark.parametrize("fill", [
    "fill", "lambda out: layout.run(['dd', 'if=/dev/zero', f'of={out}/whole', 'bs=1M', 'count=8'], timeout=20)"])
def test_no_space_on_the_way(tmp_path, fill):
    done = make(tmp_path, f"cache.cached('base', 'key', {fill}, need_mib=1)", *on_small(tmp_path, "4m"))
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
    done = make(tmp_path, "cache.cached('base', 'key', lambda out: (fill(out), image.os.kill(image.os.getpid(), 9)))")
    assert done.returncode == -9
    assert kept(tmp_path) == [".base-key"]
    done = make(tmp_path, "cache.cached('base', 'key', fill)")
    assert done.returncode == 0
    assert kept(tmp_path) == ["base-key"]


def test_what_is_over_the_limit_goes_the_oldest_first(tmp_path):
    for name in ("old", "new"):
        make(tmp_path, f"cache.cached('base', '{name}', fill)")
    os.utime(tmp_path / "locks/base-old", (1, 1))
    room = "cache.LIMIT_MIB = 20; cache.cached('base', 'newest', fill, need_mib=9)"
    assert make(tmp_path, room).returncode == 0
    assert kept(tmp_path) == ["base-new", "base-newest"]


def test_what_is_in_use_stays(tmp_path):
    """Another checkout's process holds it, past any limit and a distclean."""
    code = "cache.cached('base', 'used', fill); print('ready', flush=True); sys.stdin.read()"
    script = f"import sys; sys.path.insert(0, sys.argv[1]); from bed import cache; fill = lambda out: None; {code}"
    with subprocess.Popen([sys.executable, "-c", script, ROOT / "tests/system"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, env={**os.environ, "XENPV_CACHE": str(tmp_path)}) as other:
        assert other.stdout.readline() == b"ready\n"
        make(tmp_path, "cache.LIMIT_MIB = 0; cache.cached('base', 'mine', fill, need_mib=1)")
        assert kept(tmp_path) == ["base-mine", "base-used"]
        done = make(tmp_path, "cache.clear()")
        assert done.returncode == 1 and "in use, and kept: base-used" in done.stdout
        assert kept(tmp_path) == ["base-used"]
        other.stdin.close()
    assert make(tmp_path, "cache.clear()").returncode == 0
    assert not tmp_path.exists()


def test_two_that_want_the_same_make_it_once(tmp_path):
    count = tmp_path / "locks/count"
    code = ("import time; cache.cached('base', 'key', lambda out: (fill(out), time.sleep(2), "
            f"open({str(count)!r}, 'a').write('x')))")
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: make(tmp_path, code), range(2)))
    assert [one.returncode for one in done] == [0, 0]
    assert count.read_text() == "x"
    assert sum("another run is making base: waiting for it" in one.stdout for one in done) == 1


def test_a_directory_that_is_no_cache_is_not_removed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    assert make(tmp_path, "cache.clear()").returncode == 0
    assert (tmp_path / "precious").exists()


@private
def test_a_cache_that_cannot_be_written(tmp_path):
    done = make(tmp_path, "cache.cached('base', 'key', fill)", "unshare", "-m", "sh", "-c",
                f'mount -t tmpfs -o ro none {tmp_path}; exec "$@"', "sh")
    assert done.returncode == 1
    assert "cannot be written: Read-only file system" in done.stdout and "set XENPV_CACHE" in done.stdout
