# SPDX-License-Identifier: GPL-2.0-only
"""One boot of the bed serves all tests until one fails; the consoles are checked after each of them."""

import os
import time
from pathlib import Path

import pytest
from _pytest.runner import call_and_report

import importance
from bed import accel, counters, debug_kernel, kernels, runs, standing
from bed.guest import Guest
from bed.layout import REPO, BedError, say
from bed.machine import Machine


MACHINE = pytest.StashKey()
WANTED = pytest.StashKey()  # the machine that the next test wants
SLOW_BOOT = 40  # seconds; of a machine that nobody has seen boot
LONG_SECONDS = 3 * 3600  # of the host, after which a long test has stopped; for the others see pytest.ini
LOST = pytest.StashKey()  # names of the tests that met a lost guest, for each reason
EMULATOR, UNEXPLAINED = "which the emulator lost", "that ended in a triple fault which nothing explains"
# Of a run; more are a fault of somebody's, whatever it looks like.
MOST_LOST = {EMULATOR: 3, UNEXPLAINED: 2}
MOST_REPEATS = 3  # for any reason; a run with more fails, though every test passed in the end
TIME_IS_OVER = "the time of this run is over, as CHECK_MINUTES says: without that there is no limit"


def pytest_addoption(parser):
    parser.addoption("--modules", default=str(REPO), help="directory of the .ko files under test")
    parser.addoption("--kernel", choices=[*kernels.SERIES],
                     help="that of dom0 for tests which do not say; debug: that of the guests too")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """A run that must end in time (tests/check.py) leaves out what is left, and says so, rather than be cut off."""
    takes = item.get_closest_marker("takes")
    machine = item.config.stash.get(MACHINE, None)
    needed = takes.args[0] * (getattr(machine, "boot_seconds", None) or SLOW_BOOT) if takes else 0
    if time.time() + needed > float(os.environ.get("XENPV_UNTIL", "inf")):
        pytest.skip(TIME_IS_OVER)
    if _wanted(item)[1] == debug_kernel.NAME:
        try:
            kernels.find(debug_kernel.NAME).image()
        except BedError as error:
            pytest.skip(str(error))


def _wanted(item):
    """The lane; the series of dom0's kernel, None for this machine's; and dom0's kind."""
    mark = item.get_closest_marker("dom0")
    wanted = mark.kwargs if mark else {}
    lane = "parallel" if item.get_closest_marker("parallel") else accel.DEFAULT_LANE
    kernel = wanted.get("kernel", item.config.getoption("--kernel"))
    return lane, kernel, debug_kernel.dom0_kind(kernel, wanted.get("kind"))


def pytest_collection_modifyitems(items):
    """By importance; those that want the same machine come together, the steady lane first."""
    for item in items:
        if item.get_closest_marker("long") or _wanted(item)[1]:
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
    items.sort(key=lambda item: (_wanted(item)[0] != accel.DEFAULT_LANE, importance.rank(item.path.stem)))


def pytest_runtest_protocol(item, nextitem):
    """A failed test costs the others nothing: the machine it was on, whatever it left there, is given up.

    When the emulated processor is proven to have killed its guest, the test is repeated, once, on a new one. So it is
    after another triple fault, but not often: drivers oops before they come to that, and few exits are proven.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports, lost = _run(item, nextitem)
    if lost:
        names = item.config.stash.setdefault(LOST, {}).setdefault(lost, [])
        names.append(item.nodeid)
        if len(names) <= MOST_LOST[lost]:
            say(f"{item.name}: failed, and Xen's log shows a guest {lost}; repeating the test")
            item._initrequest()
            reports, _ = _run(item, nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _run(item, nextitem):
    """Sets up, calls and tears down; returns the reports, and the reason when a failure is that of a lost guest."""
    item.config.stash[WANTED] = _wanted(item)
    machine = item.config.stash.get(MACHINE, None)
    mark = machine.watch.mark() if machine else {}
    reports = [call_and_report(item, "setup", log=False)]
    if reports[0].passed:
        reports.append(call_and_report(item, "call", log=False))
    if nextitem and _wanted(nextitem) != _wanted(item):
        nextitem = None  # it boots another
    if any(report.failed for report in reports):
        nextitem = None  # takes all that is set up down, the machine too
    reports.append(call_and_report(item, "teardown", log=False, nextitem=nextitem))
    if reports[-1].failed:
        _take_down(item.session)
    machine = item.config.stash.get(MACHINE, None)
    if not machine or not any(report.failed for report in reports):
        return reports, None
    say(f"{item.name} failed: logs in {machine.dir}")
    if machine.watch.emulator_fault(mark):
        return reports, EMULATOR
    return reports, UNEXPLAINED if machine.watch.triple_fault(mark) else None


def _take_down(session):
    """What is still set up after a teardown that failed; that failure has been reported."""
    try:
        session._setupstate.teardown_exact(None)
    except (Exception, pytest.fail.Exception) as error:
        say(f"taking the machine down: {error}")


def pytest_sessionfinish(session):
    """What a worker of a shared run saw goes to the process that tells it; there too many repeats fail the run."""
    lost = session.config.stash.setdefault(LOST, {})
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput.update(lost=lost, begun_again=dict(Guest.begun_again))
    elif _repeats(lost) > MOST_REPEATS and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    output = getattr(node, "workeroutput", {})
    lost = node.config.stash.setdefault(LOST, {})
    for reason, names in output.get("lost", {}).items():
        lost.setdefault(reason, []).extend(names)
    Guest.begun_again.update(output.get("begun_again", {}))


def _repeats(lost):
    return sum(min(len(names), MOST_LOST[reason]) for reason, names in lost.items()) + sum(Guest.begun_again.values())


def pytest_terminal_summary(terminalreporter, config):
    lost = config.stash.get(LOST, {})
    for kernel, times in Guest.begun_again.items():
        terminalreporter.write_line(f"guests on a kernel {kernel} that did not come up, and were begun again: {times}")
    for reason, names in lost.items():
        terminalreporter.write_line("\n  ".join([f"tests that met a guest {reason}: {len(names)}", *names]))
    terminalreporter.write_line(f"repeats: {_repeats(lost)}, of which a run may have {MOST_REPEATS}")
    left_out = [report.nodeid for report in terminalreporter.stats.get("skipped", [])
                if TIME_IS_OVER in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line("\n  ".join([f"left out for time, by tests/system/importance.py: {len(left_out)}",
                                                 *left_out]))


@pytest.fixture(scope="session")
def bed(request):
    """The machine: the one that is up, which then stays up, or one booted for this run."""
    modules = Path(request.config.getoption("--modules"))
    lane, kernel, kind = request.config.stash[WANTED]
    up = runs.alive().get(runs.DEFAULT_NAME)
    if up and (up["lane"], up["kernel"], up["kind"]) == (lane, kernel, kind):
        machine = Machine.attach()
        say(f"using the bed that is up, logs in {machine.dir}")
        machine.refresh_modules(modules)
        request.config.stash[MACHINE] = machine
        yield machine
        machine.channel.close()
    else:
        name = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}-{os.getpid()}"
        request.config.stash[MACHINE] = machine = Machine.start(modules, name=name, lane=lane, kernel=kernel, dom0=kind)
        yield machine
        machine.stop()


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


def _standing(machine, name):
    """The guest of this name if it still answers, else a new one."""
    if name in machine.guests or machine.dom0.domain_id(name) is not None:
        guest = machine.guest(name)
        if guest.answers():
            return guest
    machine.dom0.run(f"xl destroy {name} 2>/dev/null", check=False, timeout=30)
    return standing.make(machine, name)


@pytest.fixture
def ramdisks(bed):
    return bed.dom0.ramdisks()


@pytest.fixture
def pvh(bed):
    """A PVH guest: quick to start, PV devices only."""
    return _standing(bed, "pvh")


@pytest.fixture
def pv(bed):
    """A PV guest: neither firmware nor hardware virtualisation, and its frames are the machine's."""
    return _standing(bed, "pv")


@pytest.fixture
def leakless(pvh):
    """Whatever the test does, the guest holds afterwards what it held before."""
    before = pvh.counts()
    yield pvh
    counters.await_baseline(pvh, before)


@pytest.fixture
def smp(bed):
    """A PVH guest with two CPUs, for queues; whatever the test does, it holds afterwards what it held before."""
    guest = _standing(bed, "smp")
    before = guest.counts()
    yield guest
    counters.await_baseline(guest, before)


@pytest.fixture
def hvm(request):
    """An HVM guest with the last ramdisk as emulated disk, and an e1000; the backend that made it has gone again."""
    if not request.node.get_closest_marker("parallel"):
        pytest.fail("QEMU loses HVM guests in the steady lane: mark the test with pytest.mark.parallel", pytrace=False)
    return _standing(request.getfixturevalue("bed"), "hvm")


@pytest.fixture
def guest(request):
    """For tests that run in several kinds: parametrize with indirect=True."""
    try:
        return request.getfixturevalue(request.param)
    except BedError as error:
        pytest.fail(str(error), pytrace=False)
