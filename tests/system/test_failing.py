# SPDX-License-Identifier: GPL-2.0-only
"""What a failed test costs the tests after it: nothing. A machine of paper stands for the bed."""

import os
import subprocess
import sys
import time

import pytest

from bed.layout import REPO

PAPER = '''
import types
import pytest

boots = []


def pytest_configure(config):
    config.addinivalue_line("markers", "takes(boots)")


class Watch:
    faults, triple = {faults}, {triple}

    def mark(self):
        return {{}}

    def findings(self, mark, allowed):
        return []

    def emulator_fault(self, mark):
        return bool(self.faults and self.faults.pop())

    def triple_fault(self, mark):
        return bool(self.triple and self.triple.pop())


@pytest.fixture(scope="session")
def bed(request):
    boots.append(1)
    machine = types.SimpleNamespace(number=len(boots), watch=Watch(), dir="")
    request.config.stash[request.config.pluginmanager.get_plugin("conftest").MACHINE] = machine
    yield machine
'''

TESTS = '''
import pytest


@pytest.fixture(scope="module")
def room(bed):
    yield bed.number
    assert not (bed.number == 1 and {undo_fails})


def test_one(room):
    assert room == 1


def test_two(room):
    assert {two}


def test_three(room):
    assert room == {three}
'''

IN_ANOTHER_FILE = '''
import pytest


@pytest.mark.takes(20)
def test_four(bed):
    assert bed.number == {four}
'''


def run(folder, **words):
    """The output of a run of these tests, and how it ended."""
    words = {"two": True, "three": 1, "faults": [], "triple": [], "undo_fails": False, **words}
    for name, text in (("conftest", PAPER), ("test_it", TESTS), ("test_next", IN_ANOTHER_FILE)):
        (folder / f"{name}.py").write_text(text.format(**words))
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", folder],
                          env={**os.environ, "PYTHONPATH": str(REPO / "tests/system")},
                          capture_output=True, text=True, timeout=60, check=False)
    return done.stdout, done.stdout.splitlines()[-1].split(" in ")[0]


@pytest.mark.parametrize("words,ends", [
    ({"four": 1}, "4 passed"),
    ({"four": 2, "undo_fails": True}, "4 passed, 1 error"),
    ({"two": False, "three": 2, "four": 2}, "1 failed, 3 passed"),
    ({"two": False, "three": 2, "four": 2, "undo_fails": True}, "1 failed, 3 passed, 1 error"),
    # A guest that the emulator lost: the same test on a new machine, and only once.
    ({"two": "room == 2", "three": 2, "four": 2, "faults": [True]}, "4 passed"),
    ({"two": "room == 2", "three": 2, "four": 2, "faults": [True], "undo_fails": True}, "4 passed"),
    ({"two": False, "three": 3, "four": 3, "faults": [True, True]}, "1 failed, 3 passed"),
    ({"two": "room == 2", "three": 2, "four": 2, "triple": [True]}, "4 passed"),
    ({"two": "room == 2", "three": 3, "four": 3, "triple": [True] * 2}, "4 passed"),
    ({"two": "room == 2", "three": 3, "four": 4, "triple": [True] * 3}, "1 failed, 3 passed"),
], ids=["none fails", "a file cannot be undone", "one fails", "one fails and cannot be undone",
        "guest lost", "guest lost and cannot be undone", "guest lost again",
        "triple fault", "two of them", "too many of them"])
def test_the_next_test_has_a_machine_of_its_own(tmp_path, words, ends):
    output, last = run(tmp_path, **words)
    assert last == ends, output


@pytest.mark.parametrize("minutes,ends", [(-1, "4 skipped"), (10, "3 passed, 1 skipped"), (60, "4 passed")])
def test_a_run_whose_time_is_over_skips_the_rest(tmp_path, monkeypatch, minutes, ends):
    monkeypatch.setenv("XENPV_UNTIL", str(time.time() + 60 * minutes))
    output, last = run(tmp_path, four=1)
    assert last == ends, output


LOSSY = '''
import pytest

tries = {{}}


@pytest.mark.parametrize("number", range(5))
def test_fails_once(bed, number):
    tries[number] = tries.get(number, 0) + 1
    assert tries[number] == 2 or number >= {lost}
'''


def run_lossy(folder, lost, *options):
    (folder / "conftest.py").write_text(PAPER.format(faults=[True] * min(lost, 3), triple=[True] * max(0, lost - 3)))
    (folder / "test_lossy.py").write_text(LOSSY.format(lost=lost))
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", *options,
                           folder], env={**os.environ, "PYTHONPATH": str(REPO / "tests/system")}, capture_output=True,
                          text=True, timeout=60, check=False)


@pytest.mark.parametrize("lost,status", [(0, 0), (3, 0), (4, 1)])
@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "shared"])
def test_more_repeats_than_a_run_may_have_fail_it(tmp_path, lost, status, options):
    done = run_lossy(tmp_path, lost, *options)
    assert "5 passed" in done.stdout and f"repeats: {lost}, of which a run may have 3" in done.stdout, done.stdout
    assert done.returncode == status


def test_what_is_left_out_for_time_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XENPV_UNTIL", "1")
    done = run_lossy(tmp_path, 0, "-n", "2")
    assert "left out for time, by tests/system/importance.py: 5" in done.stdout, done.stdout
    assert all(f"test_lossy.py::test_fails_once[{number}]" in done.stdout for number in range(5))
