# SPDX-License-Identifier: GPL-2.0-only
"""The order in which the tests on real Xen run, and so what is left out of a run whose time ends before they do: the
last ones. First what every other result stands on, then the data of the pairs, then the moves and faults that users
meet, then what is seldom or was tried by others above."""

ORDER = """
    test_bed test_agent test_failing test_ktap test_watch test_netprobe
    test_block test_network test_modes test_toolstack
    test_network_life test_moves test_disk_moves test_queues test_stall test_holders
    test_handdisk test_handnic test_hashing
    test_driver_domains test_forward test_network_events test_cli test_selftests
    test_cli_bench test_firmware test_pvh_dom0 test_versions test_root
""".split()


def rank(module):
    """Of a test module by name; one that is not listed comes last."""
    return ORDER.index(module) if module in ORDER else len(ORDER)
