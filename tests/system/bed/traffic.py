# SPDX-License-Identifier: GPL-2.0-only
"""Traffic between two domains, every byte of it checked: drives files/netprobe at both ends."""

PORT = 7700


def _figures(result):
    """The "name value" pairs that netprobe prints."""
    words = result.out.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2])}


def serve(domain):
    """Makes a domain answer tcp(), udp() and rtt() of others. Stays until the domain ends."""
    domain.run(f"ss -ltn | grep -q :{PORT} || netprobe serve {PORT}")


def tcp(domain, address, way, size, seed=1):
    """size bytes from domain 'up' to an address, 'down' from it, or 'both' at once; in pieces of every size."""
    return _figures(domain.run(f"netprobe tcp {address} {PORT} {way} {size} {seed}", timeout=60))


def start_load(link):
    """TCP both ways from a link's guest to dom0, until end_load() or for as long as its network lasts. Returns when
    the guest has received a megabyte."""
    link.guest.run(f"(netprobe tcp {link.dom0_ip4} {PORT} both {1 << 40} 1) >/dev/null 2>&1 &\n"
                   f"cd /sys/class/net/{link.front}/statistics; was=$(cat rx_bytes)\n"
                   f"for n in $(seq 100); do [ $(($(cat rx_bytes) - was)) -ge 1000000 ] && pidof netprobe && exit 0; "
                   "sleep 0.1; done; exit 1")


def end_load(link, check=True):
    link.guest.run("killall -KILL netprobe", check=check)


def udp(domain, address, sizes):
    """One datagram of each size there and back. Lost ones are repeated, and counted under 'lost'."""
    return _figures(domain.run(f"netprobe udp {address} {PORT} {' '.join(map(str, sizes))}", timeout=60))


def rtt(domain, address, size=64, seconds=3):
    """Round trips of one datagram at a time: per_second, median_us, p99_us."""
    return _figures(domain.run(f"netprobe rtt {address} {PORT} {size} {seconds}", timeout=seconds + 10))


def multicast(sender, sending, hearer, hearing, group, count=10):
    """Datagrams from one domain's interface to those who joined a group; all must be heard at the other's."""
    hearer.run(f"rm -f /tmp/heard; (netprobe hear {group} {PORT + 1} {hearing} {count} 20; echo $? >/tmp/heard) "
               ">/tmp/hear.log 2>&1 & sleep 0.5")
    sender.run(f"netprobe tell {group} {PORT + 1} {sending} {count}")
    hearer.run("for n in $(seq 100); do test -s /tmp/heard && break; sleep 0.1; done; "
               "cat /tmp/hear.log >&2; exit $(cat /tmp/heard)")


def watch_wire(domain, netdev, action):
    """What arrives at an interface while action() runs: frames, and of TCP and UDP those whose checksum is good,
    bad, or blank (left for hardware to fill in); the longest frame."""
    domain.run(f"netprobe wire {netdev} 300 >/tmp/wire 2>&1 & echo $! >/tmp/wire.pid; sleep 0.5")
    try:
        action()
    finally:
        result = domain.run("kill $(cat /tmp/wire.pid); for n in $(seq 100); do test -s /tmp/wire && break; sleep 0.1; "
                            "done; cat /tmp/wire")
    return _figures(result)
