"""`keel config explain FILE`: prints the effective configuration, every default written out."""

from __future__ import annotations

import argparse

from .configuration import printed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="keel config", description="Looks into a configuration.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    explain = commands.add_parser(
        "explain",
        help="print the effective configuration",
        description="Prints the effective configuration as YAML, every default written out; each "
        "line of a translated one says what it came from. Exits with 1 if the file has problems.",
    )
    explain.add_argument("file", metavar="FILE")
    file = parser.parse_args(arguments).file

    from keel import ConfigError, config

    try:
        text = config.explain(file)
    except ConfigError as error:
        return printed(file, error.problems)
    print(text, end="" if text.endswith("\n") else "\n")
    return 0
