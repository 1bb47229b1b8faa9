# SPDX-License-Identifier: GPL-2.0-only
"""The copy of QEMU that the bed runs: what differs from the machine's own, and what becomes of a build that is not
known."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from bed import cache, emulator  # noqa: E402

# As a compiler wrote it, with made-up displacements.
PLACE = bytes.fromhex("4489ab11223344" "89b354efffff" "c7838433000000000000" "48c78388330000ffffffff" "f6050102030402"
                      "0f8504030201" "ba01000000" "4889df" "e8aabbccdd")
STORE = bytes.fromhex("89b354efffff")


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Makes a file the machine's QEMU."""
    monkeypatch.setenv("XENPV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_held", {})
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/share").mkdir()

    def build(content):
        own = tmp_path / "usr/bin" / emulator.NAME
        own.write_bytes(content)
        own.chmod(0o755)
        monkeypatch.setenv("PATH", str(own.parent))
        return own

    return build


def test_the_store_of_the_note_and_nothing_else_is_taken_out(build):
    own = build(b"before" + PLACE + b"after")
    copy = emulator.mended()
    assert copy != own and copy.read_bytes() == b"before" + PLACE.replace(STORE, emulator.NOTHING) + b"after"
    assert (copy.parent.parent / "share").resolve() == own.parent.parent / "share"
    assert copy.stat().st_mode & 0o111


@pytest.mark.parametrize("content", [b"another build", PLACE[:-9], PLACE + b"between" + PLACE],
                         ids=["not there", "cut", "twice"])
def test_a_build_that_is_not_known_is_run_as_it_is(build, content, capsys):
    own = build(content)
    assert emulator.mended() == own
    assert "does not know how to mend" in capsys.readouterr().err


def test_another_build_has_a_copy_of_its_own(build):
    build(PLACE)
    first = emulator.mended()
    build(b"newer" + PLACE)
    assert emulator.mended() != first


def test_this_machines_qemu_is_mended_and_starts():
    copy = emulator.mended()
    assert copy.parent.parent.parent == cache.root()
    said = subprocess.run([copy, "-M", "none", "-accel", "tcg", "-S", "-display", "none", "-monitor", "stdio"],
                          input="quit\n", capture_output=True, text=True, timeout=60, check=True)
    assert "QEMU" in said.stdout and said.stderr == ""
