# SPDX-License-Identifier: GPL-2.0-only
"""What `make check` says of a limit that is none."""

import os
import subprocess
from pathlib import Path

import pytest

CHECK = Path(__file__).resolve().parents[1] / "check.py"


@pytest.mark.parametrize("minutes", ["soon", "-1", "nan", "1e3"])
def test_a_limit_that_is_no_number_begins_no_test(minutes):
    done = subprocess.run([CHECK], env={**os.environ, "CHECK_MINUTES": minutes}, capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert f"CHECK_MINUTES is '{minutes}': give a number of minutes" in done.stderr
