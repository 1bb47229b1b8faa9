# SPDX-License-Identifier: GPL-2.0-only
"""The kernel selftests of tests/selftests/xenpv, run by the kernel's own runner in the guest and in dom0.

On the bed there is everything they look for, so a point that is skipped here, and is not listed as having to
be, has failed to test what it is there for.
"""

import contextlib
import hashlib
import tarfile

import pytest

import ktap
from bed import layout
from bed.pair import served

SOURCES = layout.REPO / "tests/selftests"
BUILT = layout.REPO / "build/selftests"
INSIDE = "/tmp/selftests"
VDEV = "xvde"

IN_GUEST = ["modules.sh", "blkfront_io", "debugfs.sh", "idle.sh", "rebind.sh"]
IN_DOM0 = ["modules.sh", "debugfs.sh", "idle.sh", "statistics.sh"]
# What has to be skipped: there is no frontend in dom0, and a device that is busy does not stand still.
IDLE_SKIPS = {"own_requests_are_counted", "numbers_grow_under_load"}
BUSY_SKIPS = {"debugfs_agrees"}

# Writes, flushes, reads and reads again until the file goes away, then says that it has ended.
LOAD = ("touch /tmp/busy; rm -f /tmp/idle; (while test -e /tmp/busy; do "
        f"dd if=/dev/zero of=/dev/{VDEV} bs=64k count=32 oflag=direct conv=fsync; "
        f"dd if=/dev/{VDEV} of=/dev/null bs=4k count=256 iflag=direct; "
        "done; touch /tmp/idle) >/dev/null 2>&1 &")
END_OF_LOAD = "rm -f /tmp/busy; for n in $(seq 200); do test -e /tmp/idle && exit 0; sleep 0.1; done; exit 1"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A tar of the built and installed selftests."""
    with layout.step("building the selftests"):
        layout.run([SOURCES / "build.sh"], timeout=300)
    target = tmp_path_factory.mktemp("selftests") / "selftests.tar"
    with tarfile.open(target, "w") as tar:
        tar.add(BUILT / "install", ".")
    return target


def deliver(domain, archive):
    """Unpacks the archive in a domain, unless it is there already."""
    stamp = hashlib.sha256(archive.read_bytes()).hexdigest()
    if domain.run(f"grep -qx {stamp} {INSIDE}/stamp", check=False).rc == 0:
        return
    domain.put(archive, "/tmp/selftests.tar")
    domain.run(f"rm -rf {INSIDE} && mkdir {INSIDE} && cd {INSIDE} && tar -xf /tmp/selftests.tar && "
               f"rm /tmp/selftests.tar && echo {stamp} >stamp")


def run_program(domain, program, environment=""):
    """The report of one program. The runner itself ends with 0 whatever the program did.

    It opens /dev/stdout to append to it, which a guest does not have, and which has to be a pipe: in a file
    the runner and the program would write over each other.
    """
    result = domain.run(f"[ -e /dev/stdout ] || ln -s /proc/self/fd/1 /dev/stdout; cd {INSIDE} && "
                        f"{environment} ./run_kselftest.sh -t xenpv:{program} 2>&1 | cat", timeout=150)
    print(result.out)
    report = ktap.parse(result.out)
    assert len(report.points) == 1, f"the runner ran {len(report.points)} programs:\n{result.out}{result.err}"
    return report


def judge(report, record_property, may_skip=frozenset()):
    """Each point becomes a property of the test; a failure names all that went wrong."""
    for path, point in report.leaves():
        verdict = "failed" if point.failed else f"skipped: {point.reason}" if point.skipped else "passed"
        record_property("/".join(path), verdict)
    failures = report.failures()
    assert not failures, "\n" + "\n".join(failures)
    program, = report.points
    skips = list(report.skips())
    if program.skipped:
        pytest.skip(skips[0][1] if skips else "no point could be tried")
    unexpected = [f"{'/'.join(path)}: skipped: {reason}"
                  for path, reason in skips if path[-1] not in may_skip]
    assert not unexpected, "\n" + "\n".join(unexpected)
    assert any(not point.skipped for _, point in report.leaves()), "the program tried nothing"


@contextlib.contextmanager
def busy(guest):
    """The guest uses its disk for as long as this lasts."""
    guest.run(LOAD)
    try:
        yield
    finally:
        guest.run(END_OF_LOAD, timeout=30)


class Keeper:
    """The disk of our pair, for as long as its guest lives: attaching one costs as much as most programs here."""

    def __init__(self):
        self.undo = contextlib.ExitStack()
        self.guest = self.dev = None

    def get(self, guest, ramdisk, vdev=VDEV):
        if self.guest and self.guest is not guest:
            with contextlib.suppress(layout.BedError):  # the guest has died, and been replaced
                self.close()
        if self.guest is None:
            self.dev = self.undo.enter_context(served(guest, "xenpv_blkfront", "xenpv_blkback", ramdisk, vdev))
            self.guest = guest
        return self.dev

    def close(self):
        self.guest = None
        self.undo.close()


@pytest.fixture(scope="module")
def keeper():
    keeper = Keeper()
    yield keeper
    keeper.close()


@pytest.fixture
def disk(pvh, ramdisks, keeper):
    """Our pair with a disk that has seen some work and is at rest."""
    dev = keeper.get(pvh, ramdisks[0])
    pvh.run(f"dd if=/dev/zero of={dev} bs=256k count=16 oflag=direct conv=fsync status=none; "
            f"dd if={dev} of=/dev/null bs=4k count=64 iflag=direct status=none")
    return dev


def test_every_program_has_its_place(archive):
    listed = (BUILT / "install/kselftest-list.txt").read_text().split()
    assert sorted(listed) == sorted(f"xenpv:{program}" for program in {*IN_GUEST, *IN_DOM0})


@pytest.mark.parametrize("program", IN_GUEST)
def test_in_guest(pvh, disk, archive, record_property, program):
    deliver(pvh, archive)
    judge(run_program(pvh, program, f"XENPV_DISK={disk}"), record_property)


@pytest.mark.parametrize("program", IN_DOM0)
def test_in_dom0(bed, disk, archive, record_property, program):
    deliver(bed.dom0, archive)
    judge(run_program(bed.dom0, program), record_property, IDLE_SKIPS)


def test_statistics_grow_while_the_guest_works(bed, pvh, disk, archive, record_property):
    deliver(bed.dom0, archive)
    with busy(pvh):
        report = run_program(bed.dom0, "statistics.sh", "XENPV_BUSY=1")
    judge(report, record_property, BUSY_SKIPS)


def test_what_has_nothing_to_test_is_skipped(bed, archive, keeper):
    keeper.close()
    deliver(bed.dom0, archive)
    report = run_program(bed.dom0, "rebind.sh")
    assert not report.failures() and report.points[0].skipped
    assert [reason for _, reason in report.skips()] == ["xenpv_blkfront is not loaded"]
