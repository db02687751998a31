"""The `keel` command: a thin dispatcher. Each command is a file of its own, loaded when asked for.

Exit codes: 0 it went well, 1 the answer is no (a configuration has problems, a drill failed),
2 the command could not be understood or carried out.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

_COMMANDS = {
    "check": "say every problem of a configuration",
    "config": "explain a configuration",
    "drill": "rehearse an outage: the article's night in about a minute",
    "mock": "run a fake provider to test against",
    "prices": "list and search known models and prices, or import LiteLLM's table",
    "simulate": "run a configuration through a night, in virtual time",
    "serve": "run the gateway: an OpenAI-compatible server over a configuration",
    "top": "watch a running gateway: targets, routes, money",
}


class CommandError(Exception):
    """Said on standard error; the command ends with 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # The native program reads its own arguments, --help among them.
    if arguments[:1] in (["mock"], ["serve"]):
        return _run(arguments[0], arguments[1:])
    parser = argparse.ArgumentParser(prog="keel", description="Keeps AI API calls answering.")
    parser.add_argument("--version", action="version", version=f"keel {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, what in _COMMANDS.items():
        commands.add_parser(name, help=what, add_help=False)
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    chosen, rest = parser.parse_known_args(arguments[:1])[0].command, arguments[1:]
    return _run(chosen, rest)


def _run(name: str, arguments: list[str]) -> int:
    command = importlib.import_module(f"keel.cli.{name}")
    try:
        return int(command.main(arguments))
    except CommandError as error:
        print(f"keel {name}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        sys.stderr.close()
        return 1


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("keel-relay")
    except metadata.PackageNotFoundError:
        return "(not installed)"
