# SPDX-License-Identifier: GPL-2.0-only
"""The list of jobs that `xenpv bench` has too: names, commands and units are the same there and here."""

import json
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "userspace/cli/bench/jobs.json"
LIST = json.loads(FILE.read_text(encoding="utf-8"))


def command(name, options=(), **fillings):
    """The words of a command, filled in, with more behind them."""
    return " ".join([*[word.format(**fillings) for word in LIST[name]], *options])
