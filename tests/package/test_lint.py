# SPDX-License-Identifier: GPL-2.0-only
"""What Debian's and rpm's own linters say of the packages."""

import subprocess

from conftest import OUT, make
from rooms import REPO

RPM = REPO / "packaging" / "rpm"


def said(*command):
    done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)
    print(done.stdout)
    return done.returncode, done.stdout


def test_lintian(deb):
    """Nothing at all, pedantry included, beyond what an override explains."""
    changes, = OUT.glob("*.changes")
    status, text = said("lintian", "--allow-root", "--pedantic", "--display-info",
                        "--fail-on", "error,warning,info,pedantic", changes)
    assert (status, text.strip()) == (0, "")


def test_source_rpms():
    made = make("srpm")
    assert [name.rsplit("/", 1)[1].rsplit("-", 2)[0] for name in made] == ["xenpv", "xenpv-kmod"]
    status, text = said("rpmlint", "-c", RPM / "rpmlint.toml", *sorted(RPM.glob("*.spec")), *made)
    assert status == 0 and "0 errors, 0 warnings" in text


def test_specs_expand():
    """As an rpm machine would read them, for a kernel that it has."""
    kernels = "kernel_versions 6.1.0-1___/usr/src/kernels/6.1.0-1"
    words = {"xenpv.spec": "modprobe.d/xenpv.conf", "xenpv-kmod.spec": "for kernel_version in 6.1.0-1___"}
    for spec, word in words.items():
        status, text = said("rpmspec", "-P", "--define", kernels, RPM / spec)
        assert status == 0 and word in text
