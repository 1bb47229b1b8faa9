# SPDX-License-Identifier: GPL-2.0-only
"""What the commands in modprobe's configuration do, with a modprobe and a /sys that are only played."""

import re
import subprocess

import pytest

from rooms import REPO

LINES = re.findall(r"^install (\w+) (.*)$", (REPO / "packaging/modprobe.conf").read_text(encoding="utf-8"), re.M)
PLAYED = "#!/bin/sh\n" + """\
echo "$@" >>{here}/calls
case "$*" in
*--ignore-install*) exit 0 ;;
esac
{then}
"""


@pytest.fixture
def play(tmp_path):
    """Runs the command for one of the kernel's own modules; returns how modprobe was called by it."""
    def run(own, then):
        modprobe = tmp_path / "modprobe"
        (tmp_path / "sys").mkdir()
        modprobe.write_text(PLAYED.format(here=tmp_path, then=then.format(sys=tmp_path / "sys")), encoding="utf-8")
        modprobe.chmod(0o755)
        command = dict(LINES)[own].replace("/sbin/modprobe", str(modprobe)).replace("/sys/module", f"{tmp_path}/sys")
        # As libkmod does it: options replaced in the text, then system().
        done = subprocess.run(["sh", "-c", command.replace("$CMDLINE_OPTS", "feature_x=1")], timeout=10, check=False)
        assert done.returncode == 0
        return (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    return run


def test_each_driver_has_one():
    assert [own for own, _ in LINES] == ["xen_blkfront", "xen_netfront", "xen_blkback", "xen_netback"]


@pytest.mark.parametrize("own", [own for own, _ in LINES])
class TestOne:
    def test_ours_is_loaded(self, play, own):
        ours = own.replace("xen_", "xenpv_")
        assert play(own, "mkdir {sys}/" + ours) == [f"-q -b {ours}"]

    def test_ours_does_not_load(self, play, own):
        """Not built for this kernel, or refused by it: the kernel's own has the options it was asked with."""
        assert play(own, "exit 1")[1:] == [f"--ignore-install {own} feature_x=1"]

    def test_ours_is_blacklisted(self, play, own):
        """modprobe -b says that all is well then."""
        assert play(own, "exit 0")[1:] == [f"--ignore-install {own} feature_x=1"]
