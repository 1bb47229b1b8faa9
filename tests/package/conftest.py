# SPDX-License-Identifier: GPL-2.0-only
"""The packages, built once for all tests, and the life of one system: each state is a fixture upon the one before."""

import re
import subprocess

import pytest

from rooms import BUILD, REPO, Room
from system import higher_version

OUT = REPO / "build" / "packages"


def make(target):
    """Runs make, and returns the files that it says it made."""
    done = subprocess.run(["make", "--no-print-directory", "-C", REPO, target], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout
    return [line for line in done.stdout.splitlines() if line.startswith("/")]


@pytest.fixture(scope="session")
def version():
    """The version that the first line of debian/changelog says."""
    return re.match(r"xenpv \((.*?)\)", (REPO / "debian/changelog").read_text(encoding="utf-8"))[1]


@pytest.fixture(scope="session")
def deb():
    """The package of the modules, as make package made it."""
    made = [name for name in make("package") if "/xenpv-dkms_" in name]
    assert len(made) == 1
    return made[0]


@pytest.fixture(scope="session")
def room():
    """A clean system with one kernel and its headers."""
    made = Room("room")
    yield made
    made.close()


@pytest.fixture(scope="session")
def installed(room, deb):
    """The package is installed; .said is what apt printed."""
    first, = room.kernels()
    room.said = room.apt("install", room.put(deb))
    room.first = first
    return room


@pytest.fixture(scope="session")
def second_kernel(installed):
    """A second kernel is installed, without its headers."""
    installed.said = installed.apt("install", *installed.update("image"))
    installed.second, = set(installed.kernels()) - {installed.first}
    return installed


@pytest.fixture(scope="session")
def headers_later(second_kernel):
    """The second kernel's headers are installed too."""
    second_kernel.said = second_kernel.apt("install", *second_kernel.update("headers"))
    return second_kernel


@pytest.fixture(scope="session")
def upgraded(headers_later, deb, version):
    """A higher version is installed over the first; .version is its version."""
    headers_later.version = f"{version}+test1"
    newer = higher_version(deb, version, headers_later.version, BUILD / "newer")
    headers_later.said = headers_later.apt("install", headers_later.put(newer))
    return headers_later


@pytest.fixture(scope="session")
def removed(upgraded):
    """The package is removed, not purged."""
    upgraded.said = upgraded.apt("remove", "xenpv-dkms")
    return upgraded
