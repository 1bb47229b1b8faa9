# SPDX-License-Identifier: GPL-2.0-only
"""The xenpv command as the unit tests' build made it."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("XENPV", ROOT / "build/unit-plain/userspace/cli/xenpv"))


def xenpv(*arguments, **options):
    """Runs it; returns the finished process, output as text."""
    assert BINARY.exists(), f"{BINARY} is missing: run tests/unit/run.sh plain, or set XENPV"
    return subprocess.run([BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300, check=False, **options)


def refused(status, *arguments, **options):
    """Runs it; returns what it said, having checked the exit status and that it says what to do."""
    done = xenpv(*arguments, **options)
    assert done.returncode == status, done.stdout + done.stderr
    assert "what to do:" in done.stderr, done.stderr
    return done.stderr
