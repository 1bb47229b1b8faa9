# SPDX-License-Identifier: GPL-2.0-only
"""When a snapshot is taken for one, and when it is made anew. What is in one, real machines show (tests/system)."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from bed import accel, cache, image, layout, machine, qemu, snapshot  # noqa: E402


@pytest.fixture
def made(tmp_path, monkeypatch):
    """How often a snapshot was made, as a list; they are small, and in a cache of the test's own."""
    monkeypatch.setenv("XENPV_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_held", {})
    monkeypatch.setattr(snapshot, "NEED_MIB", 1)
    times = []

    def make(_plan, _boot, out):
        times.append(out)
        for part in (snapshot.MEMORY, snapshot.STATE):
            (out / part).write_bytes(b"whole")
        sizes = {part: 5 for part in (snapshot.MEMORY, snapshot.STATE)}
        about = {"guests": {"pvh": 1}, "boot_seconds": 9, "kver": "6.1", "sizes": sizes}
        (out / snapshot.ABOUT).write_text(json.dumps(about))

    monkeypatch.setattr(snapshot, "_make", make)
    return times


def plan(lane="steady", version="QEMU 7.2", dom0="pv", name="tcg", memory=3072):
    chosen = accel.Accel(name, ("-accel", *accel.LANES[lane].tcg), 4, accel.LANES[lane], version)
    file = Path(__file__)
    return qemu.Plan(image.Artefacts("6.1", file, file, file, file, file, file), chosen, dom0=dom0, memory=memory)


def test_one_that_is_whole_is_taken(made):
    folder, about = snapshot.find(plan(), None)
    assert about["guests"] == {"pvh": 1} and folder == snapshot.find(plan(), None)[0]
    assert len(made) == 1


@pytest.mark.parametrize("damage", [
    lambda folder: (folder / snapshot.MEMORY).write_bytes(b"half"),
    lambda folder: (folder / snapshot.STATE).unlink(),
    lambda folder: (folder / snapshot.ABOUT).write_text("{"),
    lambda folder: (folder / snapshot.ABOUT).write_text("{}"),
], ids=["cut", "without a state", "cut description", "somebody else's"])
def test_one_that_is_not_is_made_anew(made, damage, capsys):
    damage(snapshot.find(plan(), None)[0])
    folder, about = snapshot.find(plan(), None)
    assert len(made) == 2 and (folder / snapshot.MEMORY).read_bytes() == b"whole"
    assert "is not a snapshot of this bed: making it anew" in capsys.readouterr().err


@pytest.mark.parametrize("other", [{"lane": "parallel"}, {"version": "QEMU 10"}, {"memory": 2048}])
def test_whatever_differs_has_one_of_its_own(made, other):
    assert snapshot.find(plan(), None)[0] != snapshot.find(plan(**other), None)[0]
    assert len(made) == 2


@pytest.mark.parametrize("other", [{"dom0": "pvh"}, {"name": "kvm"}])
def test_what_cannot_be_saved_is_booted(made, other):
    assert snapshot.find(plan(**other), None) is None
    assert not made


def test_no_room_for_one(made, monkeypatch, capsys):
    monkeypatch.setattr(snapshot, "NEED_MIB", 1 << 40)
    assert snapshot.find(plan(), None) is None
    said = capsys.readouterr().err
    assert "no snapshot, every machine is booted" in said and "what to do: free some space there" in said
    assert not made


@pytest.fixture
def paper(made, monkeypatch):
    """Machine.start with all of a machine left out but whether it can be restored: fails as often as .failures says."""
    class Paper(machine.Machine):
        failures = 0

        def __init__(self):
            pass

        @classmethod
        def _restore(cls, *_):
            cls.failures -= 1
            if cls.failures >= 0:
                raise layout.BedError("QEMU could not restore the machine")
            return cls()

        def refresh_modules(self, _source):
            pass

    monkeypatch.setattr(image, "build", lambda: plan().made)
    monkeypatch.setattr(accel, "choose", lambda _made, _lane: plan().accel)
    return Paper


def test_one_that_cannot_be_restored_is_made_anew_once(made, paper):
    paper.failures = 1
    paper.start()
    assert len(made) == 2
    paper.failures = 2
    with pytest.raises(layout.BedError, match="could not restore"):
        paper.start()
