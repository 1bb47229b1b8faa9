# SPDX-License-Identifier: GPL-2.0-only
"""What a command inside the bed came to."""

import json
from dataclasses import dataclass

from .layout import BedError


class CommandError(BedError):
    """A command inside the bed failed; its result is at hand."""

    def __init__(self, result):
        self.result = result
        said = "\n".join((result.err.rstrip() or result.out.rstrip()).splitlines()[-20:])
        why = f"did not finish within {result.limit} s" if result.late else f"exited with {result.rc}"
        super().__init__(f"{result.where}: {result.command!r} {why}:\n{said}")


@dataclass(frozen=True)
class Result:
    where: str
    command: str
    rc: int
    out: str
    err: str
    late: bool
    limit: float

    def check(self):
        """Itself when the command succeeded, CommandError otherwise."""
        if self.rc or self.late:
            raise CommandError(self)
        return self

    def json(self):
        """The output as JSON; fio may print notes before the opening brace."""
        return json.loads(self.out[self.out.index("{"):])
