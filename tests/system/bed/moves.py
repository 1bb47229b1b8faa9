# SPDX-License-Identifier: GPL-2.0-only
"""What a guest lives through: save, restore, checkpoint, migration, pause, a CPU taken away, destroy and create again.

The handle follows the guest: its domain has another number after most of these, its channel another socket, and the
console's log goes on. Disks and NICs follow that xl knows of, whose configuration of the guest is saved with it: those
that were there at its creation, or were attached by 'xl'.
"""

import contextlib
import shlex
import time

from . import standing
from .guest import SOCKETS, socket_of
from .layout import BedError, say

SAVED = "/dev/shm"  # of dom0, whose root is in memory as well
# What the kernel prints itself when its guest was paused, and the watch would take for a fault, by name. The other
# moves print nothing of the kind.
PRINTED_IN_PAUSE = (
    # A CPU that was paused has missed its ticks; a trace of what it did comes with it.
    "rcu: INFO: rcu_preempt self-detected stall", "Call Trace",
)

# A secondary console that was connected when its guest was suspended gives back, at the resume, an event channel by its
# number of before (hvc_xen's evtchn_put): by then a disk's or a NIC's may have that, which loses its interrupt. So the
# channel leaves the driver before, and comes back when the kernel has thawed its tasks. In a session of its own,
# because the agent ends with its console.
STEP_ASIDE = """
mark="bed: suspend $(cat /proc/uptime)"
echo "$mark" >/dev/kmsg
setsid sh -c 'cd /sys/bus/xen/drivers/xenconsole
    sleep 0.5
    consoles=$(ls -d console-*)
    for one in $consoles; do echo $one >unbind; done
    for n in $(seq 3000); do dmesg | sed "1,/$0/d" | grep -q "OOM killer enabled" && break; sleep 0.1; done
    for one in $consoles; do echo $one >bind; done' "$mark" </dev/null >/dev/null 2>&1 &"""
CONSOLE_LEFT = """
for n in $(seq 200); do
    [ "$(xenstore-read /local/domain/{domid}/device/console/1/state)" = 6 ] && exit 0
    sleep 0.1
done
echo "the channel did not leave its driver" >&2
exit 1"""
# The receiver makes the new domain's end of the channel while the old one's is there, under the same name, which the
# old device model takes away when it ends: so it has another folder in that place. xl appends the host, which is $0,
# and the receiving command.
TRANSPORT = 'unshare --mount sh -c \'mount --bind {folder} {sockets} && exec "$@"\''
MIGRATE = """
folder=$(mktemp -d {sockets}.XXXXXX) || exit
model=$(xenstore-read /local/domain/{domid}/image/device-model-pid)
xl migrate -s "$(printf %s {transport} | sed "s|{{folder}}|$folder|")" {name} localhost || exit
for n in $(seq 200); do kill -0 "$model" 2>/dev/null || break; sleep 0.1; done
mv "$folder/{name}.sock" {socket} && rmdir "$folder" """
# The console's log is named after the guest, which has another name while it is received.
JOIN_LOGS = """
cd /var/log/xen/console && test -e guest-{name}--incoming.log || exit 0
daemon=$(cat /run/xenconsoled.pid)
kill -HUP "$daemon"
for n in $(seq 200); do
    # It looks at the signal when a guest or xenstore wakes it.
    xenstore-write /tool/bed-wakes-xenconsoled 1
    find "/proc/$daemon/fd" -lname '*/guest-{name}--incoming.log' | grep -q . || break
    sleep 0.1
done
cat guest-{name}--incoming.log >>guest-{name}.log && rm guest-{name}--incoming.log"""
SET_CPUS = """
for cpu in /sys/devices/system/cpu/cpu[1-9]*; do
    wanted=$((${{cpu##*cpu}} < {count}))
    [ "$(cat "$cpu/online")" = $wanted ] || echo $wanted >"$cpu/online" || exit
done
[ "$(nproc)" = {count} ] || {{ echo "there are $(nproc) CPUs" >&2; exit 1; }}"""
# The kernel takes a CPU away by itself, and leaves it to udev, which a guest has none of, to use one that it was given.
AWAIT_CPUS = """
for n in $(seq 100); do
    [ "$(nproc)" = {count} ] && exit 0
    [ "$(nproc)" -gt {count} ] || grep -l 0 /sys/devices/system/cpu/cpu[1-9]*/online | while read -r one; do
        echo 1 >"$one"
    done
    sleep 0.1
done
echo "there are $(nproc) CPUs" >&2
exit 1"""


@contextlib.contextmanager
def _timed(guest, move):
    """Says how long a move took, by dom0's clock, which is the machine's, and by that of the host."""
    virtual, wall = guest.dom0.now(), time.monotonic()
    yield
    say(f"guest {guest.name}: {move}: {guest.dom0.now() - virtual:.1f} s of the machine, "
        f"{time.monotonic() - wall:.1f} s")


def _await_agent(guest, seconds=20):
    deadline = guest.dom0.now() + seconds * guest.dom0.factor
    while not guest.answers():
        if guest.dom0.now() > deadline:
            raise BedError(f"the agent of guest {guest.name} does not answer, its console ends:\n"
                           f"{guest.console_text()[-1500:]}")
        time.sleep(0.2)


def _step_aside(guest):
    guest.run(STEP_ASIDE)
    guest.dom0.run(CONSOLE_LEFT.format(domid=guest.domid))


def saved(guest):
    """The file in dom0 that the guest is saved in."""
    return f"{SAVED}/{guest.name}.save"


def save(guest):
    """Saves a guest, whose domain then is gone."""
    with _timed(guest, "save"):
        _step_aside(guest)
        guest.dom0.run(f"xl save {guest.name} {saved(guest)}", timeout=60)
        guest.domid = None
        guest.machine.guests.pop(guest.name, None)


def restore(guest):
    """Has a saved guest go on, in a new domain, and waits until it takes commands."""
    if guest.dom0.run(f"test -e {saved(guest)}", check=False).rc:
        raise BedError(f"guest {guest.name} is not saved: xenbed guest save {guest.name}")
    with _timed(guest, "restore"):
        guest.dom0.run(f"xl restore {saved(guest)} && rm {saved(guest)}", timeout=60)
        guest.find_domain()
        guest.machine.guests[guest.name] = guest
        _await_agent(guest)


def checkpoint(guest):
    """Saves a guest, which goes on in the domain that it has."""
    with _timed(guest, "checkpoint"):
        guest.dom0.run(f"xl save -c {guest.name} {saved(guest)}", timeout=60)
        _await_agent(guest)


def migrate(guest):
    """To the same host, where a new domain goes on; without a shell of another host between the two xl."""
    transport = TRANSPORT.format(folder="{folder}", sockets=SOCKETS)
    with _timed(guest, "migrate"):
        _step_aside(guest)
        guest.dom0.run(MIGRATE.format(name=guest.name, domid=guest.domid, sockets=SOCKETS, socket=socket_of(guest.name),
                                      transport=shlex.quote(transport)), timeout=90)
        guest.find_domain()
        guest.dom0.run(JOIN_LOGS.format(name=guest.name))
        _await_agent(guest)


def pause(guest):
    with _timed(guest, "pause"):
        guest.dom0.run(f"xl pause {guest.name}")


def unpause(guest):
    with _timed(guest, "unpause"):
        guest.dom0.run(f"xl unpause {guest.name}")
        _await_agent(guest)


def set_cpus(guest, count, inside=False):
    """Leaves a guest with so many CPUs of those that it was created with, and waits until it has seen that.

    inside: the guest does it itself; else the toolstack asks it to, which only guests of kind 'pv' and 'pvh' obey.
    """
    if count < 1:
        raise BedError(f"{count} CPUs: a guest keeps one at least")
    with _timed(guest, f"cpus {count}"):
        if not inside:
            guest.dom0.run(f"xl vcpu-set --ignore-host {guest.name} {count}")
        guest.run((SET_CPUS if inside else AWAIT_CPUS).format(count=count))


def recreate(guest):
    """Destroys a guest, if it is there, and creates it again from the same configuration."""
    if guest.name not in standing.KINDS and not guest.configuration.exists():
        raise BedError(f"no guest {guest.name} was created in this bed")
    with _timed(guest, "recreate"):
        guest.dom0.run(f"xl destroy {guest.name}", check=False, timeout=30)
        if guest.name in standing.KINDS:
            guest.domid, guest.modules = standing.make(guest.machine, guest.name).domid, None
        else:
            guest.start()
        guest.machine.guests[guest.name] = guest
