# SPDX-License-Identifier: GPL-2.0-only
"""One boot of the bed serves all tests; the consoles are checked after each of them."""

from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from bed import devices
from bed.layout import REPO, BedError, say
from bed.machine import Machine, running


MACHINE = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--modules", default=str(REPO), help="directory of the .ko files under test")


def pytest_runtest_protocol(item, nextitem):
    """Repeats a failed test, once, when the emulated processor is proven to have killed its guest."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    machine = item.config.stash.get(MACHINE, None)
    mark = machine.watch.mark() if machine else {}
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    machine = item.config.stash.get(MACHINE, None)
    if machine and any(r.failed for r in reports) and machine.watch.emulator_fault(mark):
        say(f"{item.name}: failed, and Xen's log shows a guest with Xen's own registers: a fault of the "
            "emulator's; repeating the test")
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(scope="session")
def bed(request):
    """The machine: the one that is up, which then stays up, or one booted for this run."""
    modules = Path(request.config.getoption("--modules"))
    if running():
        machine = Machine.attach()
        say(f"using the bed that is up, logs in {machine.dir}")
        machine.refresh_modules(modules)
        request.config.stash[MACHINE] = machine
        yield machine
        machine.channel.close()
    else:
        request.config.stash[MACHINE] = machine = Machine.start(modules=modules)
        yield machine
        machine.stop()
    if request.session.testsfailed:
        say(f"the logs of this run are in {machine.dir}")


@pytest.fixture(autouse=True)
def quiet_consoles(request):
    """Fails a test during which any console showed a fault that its allow_log marks do not name."""
    if "bed" not in request.fixturenames:
        yield
        return
    machine = request.getfixturevalue("bed")
    mark = machine.watch.mark()
    yield
    allowed = [pattern for marker in request.node.iter_markers("allow_log") for pattern in marker.args]
    found = machine.watch.findings(mark, allowed)
    if found:
        pytest.fail("\n".join([f"in the logs of {machine.dir}:", *map(str, found)]), pytrace=False)


def _guest(machine, kind, **options):
    """The guest of this name if this run made it and it still answers, else a new one."""
    guest = machine.guests.get(kind)
    if guest and guest.answers():
        return guest
    machine.dom0.run(f"xl destroy {kind} 2>/dev/null", check=False, timeout=30)
    return machine.create_guest(kind, kind=kind, **options)


@pytest.fixture
def ramdisks(bed):
    return bed.dom0.ramdisks()


@pytest.fixture
def pvh(bed):
    """A PVH guest: quick to start, PV devices only."""
    return _guest(bed, "pvh")


@pytest.fixture
def hvm(bed, ramdisks):
    """An HVM guest with the last ramdisk as emulated disk."""
    return _guest(bed, "hvm", disks=[devices.disk(ramdisks[-1], "hdb", "qdisk")])


@pytest.fixture
def guest(request):
    """For tests that run in several kinds: parametrize with indirect=True."""
    try:
        return request.getfixturevalue(request.param)
    except BedError as error:
        pytest.fail(str(error), pytrace=False)
