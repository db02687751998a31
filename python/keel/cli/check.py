"""`keel check FILE`: every problem of a configuration at once, as `file:line: path: message`."""

from __future__ import annotations

import argparse

from .configuration import printed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="keel check",
        description="Reads a configuration as a relay would, loads its policies, and says what is "
        "wrong with it, all at once. Exits with 1 if anything is.",
    )
    parser.add_argument("file", metavar="FILE")
    file = parser.parse_args(arguments).file

    from keel import ConfigError, config

    try:
        report = config.check(file)
    except ConfigError as error:
        return printed(file, error.problems)
    if report.problems:
        return printed(file, report.problems)
    for note in report.notes:
        print(f"{file}: note: {note}")
    print(f"{file}: ok")
    return 0
