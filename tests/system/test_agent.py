# SPDX-License-Identifier: GPL-2.0-only
"""What the agents do without a process, in dom0 and in a guest: each thing, its errors and its time limits."""

import hashlib
import os
import threading

import pytest

from bed import carrier, counters, devices, xenbus
from bed.layout import BedError
from bed.result import CommandError

DOMAINS = pytest.mark.parametrize("domain", ["dom0", "pvh"], indirect=True)
EMPTY = 0.020  # seconds of the guest's own time that an empty request may take
STORE = "/tool/bed-test"


@pytest.fixture
def domain(request, bed):
    return bed.dom0 if request.param == "dom0" else request.getfixturevalue(request.param)


def uptime(domain):
    return float(domain.read("/proc/uptime").split()[0])


# Files


@DOMAINS
def test_files(domain):
    every_byte = bytes(range(256)) * 5 + b"\x10J\x10P\n\x10"
    domain.write("/tmp/agent-file", every_byte)
    assert domain.run("od -An -v -tx1 /tmp/agent-file").out.split() == [f"{byte:02x}" for byte in every_byte]
    domain.write("/tmp/agent-file", "short\n")
    assert domain.read("/tmp/agent-file") == "short\n"
    domain.write("/tmp/agent-file", "")
    assert domain.read("/tmp/agent-file") == ""
    assert domain.exists("/tmp/agent-file") and not domain.exists("/tmp/agent-none")
    assert domain.read("/proc/version").startswith("Linux version"), "a file without a length"


@DOMAINS
def test_long_file_is_written_in_parts(domain):
    data = os.urandom(700_001)
    domain.write("/tmp/agent-long", data)
    got = domain.run("sha256sum </tmp/agent-long; stat -c %s /tmp/agent-long").out.split()
    domain.run("rm /tmp/agent-long")
    assert got[0] == hashlib.sha256(data).hexdigest() and got[-1] == "700001"


@DOMAINS
@pytest.mark.parametrize("ask,says", [
    (("read", "/tmp/agent-none"), "/tmp/agent-none: No such file or directory"),
    (("read", "/tmp"), "/tmp: Is a directory"),
    (("write", "/tmp/agent-none/x", "0", "data"), "No such file or directory"),
    (("write", "/proc/version", "0", "data"), "/proc/version: "),
    (("insmod", "/tmp/agent-none.ko", ""), "/tmp/agent-none.ko: No such file or directory"),
    (("insmod", "/usr/bin/bash", ""), "/usr/bin/bash: Exec format error"),
    (("modprobe", "agent_none", ""), "agent_none: No such file or directory"),
    (("rmmod", "agent_none"), "agent_none: No such file or directory"),
    (("no-such-thing",), "the agent cannot do that"),
], ids=range(9))
def test_errors_are_told(domain, ask, says):
    with pytest.raises(CommandError, match="exited with [1-9]") as told:
        domain.ask(*ask)
    assert says in told.value.result.err


# Waiting


@DOMAINS
@pytest.mark.parametrize("condition,value,happens", [
    ("exists", "", "touch /tmp/agent-wait/it"),
    ("entry", "", "touch /tmp/agent-wait/it"),
    ("gone", "", "rm -r /tmp/agent-wait"),
    ("block", "", "mknod /tmp/agent-wait/it b 1 0"),
    ("line", "yes", "printf 'yes\\nno\\n' >/tmp/agent-wait/it"),
])
def test_waiting_ends_when_it_has_happened_and_not_before(domain, condition, value, happens):
    path = "/tmp/agent-wait" if condition in ("entry", "gone") else "/tmp/agent-wait/it"
    domain.run("rm -rf /tmp/agent-wait; mkdir /tmp/agent-wait; touch /tmp/agent-wait/.hidden")
    if condition in ("block", "line"):
        domain.write(path, "no\nyes\n")
        happens = f"rm -f {path}; {happens}"
    with pytest.raises(CommandError, match="waited"):
        domain.wait(condition, path, value, timeout=0.1)
    domain.run(f"(sleep 0.5; {happens}) >/dev/null 2>&1 &")
    seen = domain.wait(condition, path, value)
    assert seen == {"entry": "it", "line": "yes"}.get(condition, "")
    domain.run("rm -rf /tmp/agent-wait")


@DOMAINS
def test_a_long_wait_holds_nothing_up(domain):
    ended = []
    thread = threading.Thread(target=lambda: ended.append(domain.ask("await", "exists", "/tmp/agent-none", "",
                                                                     timeout=2, check=False)))
    thread.start()
    for _ in range(5):
        assert domain.answers()
    assert not ended
    thread.join()
    assert ended[0].rc and "waited" in ended[0].err


# Commands


@DOMAINS
def test_time_limit_ends_a_command_with_its_children(domain):
    began = uptime(domain)
    result = domain.run("sleep 1234 & sleep 1234", timeout=0.25, check=False)
    assert result.late and result.rc == 124
    assert domain.run("pidof sleep", check=False).rc, "a child of the command is still there"
    result = domain.run("trap '' TERM; sleep 1234; sleep 1234", timeout=0.25, check=False)
    assert result.late and result.rc == 137
    assert domain.run("pidof sleep", check=False).rc
    assert 5 <= uptime(domain) - began < 12 + domain.factor


@DOMAINS
def test_what_stays_in_the_background_is_not_waited_for(domain):
    began = uptime(domain)
    assert domain.run("sleep 1234 & echo $!").out.strip().isdigit()
    assert uptime(domain) - began < 10
    domain.run("killall sleep")


@DOMAINS
def test_input_and_killed_commands(domain):
    assert domain.run("sort", stdin=b"b\na\n").out == "a\nb\n"
    result = domain.run("kill -9 $$", check=False)
    assert (result.rc, result.late) == (137, False)


def test_agent_is_started_again(pvh):
    lost = []
    began = uptime(pvh)
    thread = threading.Thread(target=lambda: lost.append(pvh.run("sleep 9; echo done", timeout=10, check=False)))
    thread.start()
    pvh.run("echo this one ends the agent; killall -KILL agent", timeout=10, check=False)
    thread.join()
    assert lost[0].late and lost[0].out == ""
    # Nobody waited longer than it took the agent to come back.
    assert uptime(pvh) - began < 15
    assert pvh.run("seq 1 40000").out == "".join(f"{n}\n" for n in range(1, 40001))


def test_dom0s_own_agent_is_started_again(bed):
    bed.dom0.run("pkill -KILL bedagent", timeout=1, check=False)
    assert bed.dom0.run("echo back").out == "back\n"


def test_empty_requests_cost_little(pvh):
    """A request that needs no process, and a command that does nothing; by the guest's clock."""
    count = 20
    for what in (pvh.answers, lambda: pvh.run("")):
        began = uptime(pvh)
        for _ in range(count):
            what()
        took = (uptime(pvh) - began) / (count + 1)
        print(f"{took * 1000:.1f} ms")
        assert took < EMPTY

# Modules


@DOMAINS
def test_modules_come_with_what_they_need(domain):
    assert not domain.loaded("dm-flakey")
    domain.ask("modprobe", "dm-flakey", "")
    assert domain.loaded("dm_mod") and domain.loaded("dm-flakey")
    domain.ask("modprobe", "dm-flakey", "")
    assert domain.ask("rmmod", "dm_mod", timeout=0.1, check=False).err == "dm_mod: Resource temporarily unavailable\n"
    domain.unload("dm-flakey", "dm-mod")
    assert not domain.loaded("dm_mod")


def test_parameters_arrive(pvh):
    pvh.load("brd", rd_nr=3, rd_size=1024)
    assert pvh.read("/sys/block/ram2/size") == "2048\n" and not pvh.exists("/sys/block/ram3")
    with pytest.raises(CommandError, match="Invalid argument"):
        pvh.ask("modprobe", "loop", "max_loop=word")
    pvh.unload("brd")


def test_unloading_waits_for_the_last_user(pvh):
    pvh.load("brd", rd_nr=1, rd_size=1024)
    pvh.run("(exec 9</dev/ram0; sleep 1) >/dev/null 2>&1 & sleep 0.3")
    assert pvh.ask("rmmod", "brd", timeout=0.01, check=False).rc
    pvh.unload("brd")
    assert not pvh.loaded("brd")


def test_new_modules_reach_a_guest_that_has_older_ones(pvh):
    module = pvh.share / "modules/xenpv_kapi.ko"
    before = pvh.counts()
    kept = module.read_bytes()
    try:
        module.write_bytes(kept + b"\0" * 512)  # which no loader looks at
        undo = pvh.load("xenpv_blkfront")
        sums = pvh.run("cd /modules && sha256sum *.ko").out
        assert sums == pvh.dom0.run("cd /host/modules && sha256sum *.ko").out
        assert pvh.read("/modules/.stamp") == carrier.stamp_of(module.parent)
        assert devices.backend(pvh, carrier.DISK) is None and not pvh.loaded("xen-blkfront")
        pvh.unload(*undo)
    finally:
        module.write_bytes(kept)
    pvh.refresh_modules()
    after = pvh.counts()
    assert (after.granted, after.evtchn) == (before.granted, before.evtchn)


# Xenstore


@pytest.fixture
def store(bed):
    def ask(do, *args):
        return bed.dom0.call("xenstore", do=do, args=args)

    yield ask
    ask("rm", STORE)


def test_xenstore_is_what_xens_tools_see(bed, store):
    store("write", f"{STORE}/a", "1 2")
    store("mkdir", f"{STORE}/b", ["n0", "r1"])
    assert bed.dom0.run(f"xenstore-ls -fp {STORE}").out.splitlines() == [
        f'{STORE}/a = "1 2"   (n0)', f'{STORE}/b = ""   (n0,r1)']
    assert store("list", STORE) == ["a", "b"] and store("perms", f"{STORE}/b") == ["n0", "r1"]
    bed.dom0.run(f"xenstore-write {STORE}/a ''")
    assert bed.dom0.xenstore(f"{STORE}/a") == ""
    assert bed.dom0.xenstore(f"{STORE}/none") is None and bed.dom0.xenstore_list(f"{STORE}/none") == []
    store("prune", f"{STORE}/a")
    assert store("list", STORE) == ["b"]
    store("prune", f"{STORE}/b")
    assert bed.dom0.xenstore(STORE) is None
    with pytest.raises(BedError, match="EINVAL"):
        store("write", "no path", "x")


def test_waiting_for_states(bed, store):
    store("write", f"{STORE}/front/backend", f"{STORE}/back")
    store("write", f"{STORE}/front/state", "1")
    assert xenbus.states(bed.dom0, f"{STORE}/front") == ("1", None)
    with pytest.raises(BedError, match=r"who: states \(frontend, backend\) are \('1', None\), wanted \('4', '4'\)"):
        xenbus.await_states(bed.dom0, f"{STORE}/front", ("4", "4"), "who", timeout=0.1)
    with pytest.raises(BedError, match="who: the backend is still there"):
        xenbus.await_gone(bed.dom0, f"{STORE}/front", "who", timeout=0.1)
    bed.dom0.run(f"(sleep 0.3; xenstore-write {STORE}/back/state 4; xenstore-write {STORE}/front/state 4; "
                 f"sleep 0.5; xenstore-rm {STORE}/front) >/dev/null 2>&1 &")
    xenbus.await_states(bed.dom0, f"{STORE}/front", ("4", "4"), "who", timeout=5)
    xenbus.await_gone(bed.dom0, f"{STORE}/front", "who", timeout=5)


def test_names_of_domains(bed, pvh):
    assert bed.dom0.domain_id("Domain-0") == 0
    assert bed.dom0.domain_id("pvh") == pvh.domid and "pvh" in bed.dom0.guest_names()
    assert bed.dom0.domain_id("none") is None
    with pytest.raises(BedError, match="there is no guest none"):
        bed.guest("none")


def test_counting_says_when_there_is_no_such_domain(bed):
    with pytest.raises(BedError, match="no grant table of domain 999"):
        counters.read(bed.dom0, 999)


# Attaching


def test_attach_says_what_is_wrong(pvh, ramdisks):
    with pytest.raises(BedError, match="No such file"):
        pvh.attach(devices.disk("/dev/none", "xvde"))
    with pytest.raises(BedError, match="is no block device"):
        pvh.attach(devices.disk("/dev/null", "xvde"))
    assert not any(pvh.dom0.loaded(name) for name in ("xen-blkback", "xenpv_blkback"))
    with pytest.raises(BedError, match="is a backend loaded?"):
        pvh.dom0.call("attach_disk", 0.5, domid=pvh.domid, devid=devices.device_id("xvde"), vdev="xvde",
                      target=ramdisks[0], backend="phy", writable=True)
    assert devices.states(pvh, "xvde") == (None, None)
    with pytest.raises(BedError, match="has no disk xvde"):
        pvh.detach("xvde")
    pvh.attach(devices.disk(ramdisks[0], "xvde", "qdisk"))
    with pytest.raises(BedError, match="is there already"):
        pvh.attach(devices.disk(ramdisks[1], "xvde", "qdisk"))
    pvh.detach("xvde", force=True)
    assert devices.states(pvh, "xvde") == (None, None)
