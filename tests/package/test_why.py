# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that have no modules: what is wrong, and what to do.  Played ones, with as much as the question needs."""

import subprocess

import pytest

from rooms import REPO

TOOL = REPO / "packaging/why-no-modules"
XEN = "CONFIG_XEN=y\nCONFIG_XEN_XENBUS_FRONTEND=y\nCONFIG_XEN_BACKEND=y\n"


@pytest.fixture
def ask(tmp_path):
    """Asks about kernel 9.9, which has this configuration, or no headers."""
    def run(config=None, kernel="9.9"):
        build = tmp_path / "9.9" / "build"
        if config is not None:
            (build / "include").mkdir(parents=True)
            (build / ".config").write_text(config, encoding="utf-8")
        (tmp_path / "9.9").mkdir(exist_ok=True)
        mounted = 'mount --bind "$1" /usr/lib/modules && shift && exec "$@"'
        done = subprocess.run(["unshare", "-m", "sh", "-c", mounted, "sh", tmp_path, TOOL, *kernel.split()], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
        print(done.stdout)
        return done.returncode, done.stdout
    return run


def test_no_headers(ask):
    status, said = ask()
    assert status == 0 and "headers are missing. Do: apt install linux-headers-9.9" in said


def test_no_compiler(ask):
    status, said = ask(XEN + 'CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-99 (Debian 99) 99"\n')
    assert status == 0 and "needs the compiler x86_64-linux-gnu-g++-99. Do: apt install g++-99" in said


def test_no_xen(ask):
    status, said = ask(XEN.replace("CONFIG_XEN_BACKEND=y", "# CONFIG_XEN_BACKEND is not set"))
    assert status == 0 and "built without CONFIG_XEN_BACKEND: nothing can be done" in said


def test_not_built(ask):
    status, said = ask(XEN + 'CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12) 12"\n')
    assert status == 0 and "To build them: dkms autoinstall -k 9.9" in said


def test_no_such_kernel(ask):
    status, said = ask(kernel="1.1")
    assert status == 1 and "kernel 1.1 is not installed" in said


@pytest.mark.parametrize("words", ["", "1 2"])
def test_usage(ask, words):
    status, said = ask(kernel=words)
    assert (status, said) == (2, "usage: why-no-modules KERNEL\n")
