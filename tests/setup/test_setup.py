# SPDX-License-Identifier: GPL-2.0-only
"""Every way in which setting up can fail, provoked: it ends with an error and says what to do.

Nothing here installs anything: a copy of setup.sh reads a package list with packages that do not exist, or
whose archive cannot be reached, in mount and network namespaces of its own.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ABSENT = "xenpv-test-of-setup"
NO_NET = ["unshare", "-n"]
AVAILABLE = f"""\
Package: {ABSENT}
Version: 1
Architecture: all
Maintainer: nobody
Filename: ./{ABSENT}.deb
Size: 1000
SHA256: {"0" * 64}
Description: does not exist

"""


def _can_unshare():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-mn", "true"], capture_output=True).returncode == 0


private = pytest.mark.skipif(not _can_unshare(), reason="needs root and namespaces (unshare -mn)")


@pytest.fixture
def copy():
    """A directory that anybody can read, with setup.sh and a package list of one package that is not there."""
    with tempfile.TemporaryDirectory(prefix="xenpv-setup-test.", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(ROOT / "setup/setup.sh", folder)
        (folder / "packages").write_text(f"{ABSENT}\n", encoding="utf-8")
        yield folder


def run(copy, *prefix, before="true"):
    """setup.sh behind a prefix; before is what is done to its private view of the file system."""
    command = [*prefix, "bash", copy / "setup.sh"]
    if before != "true":
        command = ["unshare", "-m", "sh", "-c", f'set -e; {before}; exec "$@"', "sh", *command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60)
    for log in Path("/tmp").glob("xenpv-setup.??????.log"):
        if str(log) in done.stdout:
            log.unlink()
    return done


def failed(done, *words):
    """It ended with an error, and said what failed and what to do, in lines that have these words."""
    print(done.stdout)
    assert done.returncode == 1
    said = [line for line in done.stdout.splitlines() if line.startswith("setup: failed: ")]
    todo = [line for line in done.stdout.splitlines() if line.startswith("setup: what to do: ")]
    assert len(said) == len(todo) == 1
    assert all(word in said[0] + todo[0] for word in words)


def test_nothing_missing(copy):
    (copy / "packages").write_text("# a remark\nbash  # always there\n", encoding="utf-8")
    done = run(copy)
    assert (done.returncode, done.stderr) == (0, None)
    assert "all 1 packages are installed" in done.stdout


def test_unsupported_architecture(copy):
    failed(run(copy, "setarch", "i686"), "this is i686", "use an x86_64 machine")


@private
def test_other_distribution(copy):
    other = copy / "os-release"
    other.write_text('ID=ubuntu\nVERSION_ID="22.04"\n', encoding="utf-8")
    failed(run(copy, before=f"mount --bind {other} /etc/os-release"), "'ubuntu 22.04'", "use a Debian 12 machine")


@private
def test_no_root(copy):
    failed(run(copy, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
           f"{ABSENT}) and this is not root", f"sudo {copy}/setup.sh")


@private
@pytest.mark.parametrize("full", ["the tree", "/var/cache/apt"])
def test_no_space(copy, full):
    where = copy / "full" if full == "the tree" else full
    here = copy / "full" / "setup"
    here.mkdir(parents=True)
    inside = f"mount -t tmpfs -o size=1m full {where}; mkdir -p {here}; cp {copy}/setup.sh {copy}/packages {here}/"
    failed(run(here, before=inside), "MiB free, 4096 MiB are needed", "free some space there")


@private
def test_no_room_for_the_log(copy):
    """/tmp full, the tree elsewhere."""
    here = Path("/mnt")
    full = f"mount --bind {copy} {here}; mount -t tmpfs -o nr_inodes=1 full /tmp"
    failed(run(here, before=full), "no log can be written to /tmp", "free some space there")


@private
def test_no_network_and_no_package_lists(copy):
    failed(run(copy, *NO_NET, before="mount -t tmpfs none /var/lib/apt/lists"),
           "apt knows no way", "whether the network", "apt-get update")


@private
def test_no_network_with_package_lists(copy):
    """What apt knows of it cannot fetch."""
    (copy / "list").write_text("deb [trusted=yes] http://xenpv.invalid/ ./\n", encoding="utf-8")
    (copy / "index").write_text(AVAILABLE, encoding="utf-8")
    known = ("mount -t tmpfs none /etc/apt/sources.list.d; mount -t tmpfs none /var/lib/apt/lists; "
             f"cp {copy}/list /etc/apt/sources.list.d/test.list; "
             f"cp {copy}/index /var/lib/apt/lists/xenpv.invalid_._Packages")
    failed(run(copy, *NO_NET, before=known), "apt-get install did not finish", "whether the network", "repeat")
