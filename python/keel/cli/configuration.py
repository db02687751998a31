"""Problems of a configuration as the commands print them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keel.errors import Problem


def printed(file: str, problems: Iterable[Problem]) -> int:
    """One line per problem on standard error; gives the exit code."""
    for problem in problems:
        parts = [f"{file}:{problem.line}" if problem.line else file, problem.path, problem.message]
        print(": ".join(part for part in parts if part), file=sys.stderr)
    return 1
