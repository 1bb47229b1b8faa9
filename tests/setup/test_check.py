# SPDX-License-Identifier: GPL-2.0-only
"""What `make check` says of a limit that is none, and what it does with a stage that does not end."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECK = Path(__file__).resolve().parents[1] / "check.py"

sys.path.insert(0, str(CHECK.parent))

import check  # noqa: E402


@pytest.mark.parametrize("minutes", ["soon", "-1", "nan", "1e3"])
def test_a_limit_that_is_no_number_begins_no_test(minutes):
    done = subprocess.run([CHECK], env={**os.environ, "CHECK_MINUTES": minutes}, capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert f"CHECK_MINUTES is '{minutes}': give a number of minutes" in done.stderr


def test_a_stage_that_hangs_is_ended_and_fails_with_what_it_said_last(capfd):
    script = "trap 'echo 3 passed, 0 failed; exit 1' INT; echo begun; sleep 611 >/dev/null 2>&1 & wait"
    assert check.run(["bash", "-c", script], end=time.time() + 1) == [3, 1, 0]
    out = capfd.readouterr().out
    assert "begun" in out and "this still ran" in out
    assert subprocess.run(["pgrep", "-f", "^sleep 611$"], check=False).returncode == 1


def test_a_stage_that_heeds_no_interrupt_is_killed_with_its_children(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "DYING_SECONDS", 1)
    script = f"trap '' INT; sleep 600 & echo $! >{tmp_path}/pid; wait"
    assert check.run(["bash", "-c", script], end=time.time() + 1) == [0, 1, 0]
    pid = (tmp_path / "pid").read_text().strip()
    state = subprocess.run(["ps", "-o", "state=", "-p", pid], capture_output=True, text=True, check=False).stdout
    assert state.strip() in ("", "Z")


def test_a_stage_within_its_time_is_left_alone():
    assert check.run(["echo", "2 passed, 0 failed, 1 skipped"], end=time.time() + 60) == [2, 0, 1]
