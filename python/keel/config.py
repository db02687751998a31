"""Configuration files: what is wrong with one, and what one amounts to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from keel import _core
from keel.errors import ConfigError, Problem, problems_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Report", "check", "explain"]

_PLUGINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plugins")


class Report(NamedTuple):
    """What reading a configuration found."""

    file: str
    problems: tuple[Problem, ...]
    """Everything that is wrong; empty: it can be used."""
    notes: tuple[str, ...]
    """Worth knowing, and stops nothing: a model without a known price, an unused section."""

    @property
    def ok(self) -> bool:
        return not self.problems


class Source(NamedTuple):
    """A configuration that was read, with where it came from."""

    name: str
    config: _core.Config
    has_lines: bool

    def problems(self) -> list[Problem]:
        return self.located(problems_of(self.config.problems))

    def located(self, problems: list[Problem]) -> list[Problem]:
        """Lines mean nothing where there was no file."""
        return problems if self.has_lines else [Problem(None, p.path, p.message) for p in problems]

    def raise_problems(self) -> None:
        if found := self.problems():
            raise ConfigError(found, self.name)


def read_text(path: str | os.PathLike[str]) -> str:
    """ConfigError if there is no such text."""
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise ConfigError([Problem(None, "", error.strerror or str(error))], name) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(None, "", f"is not UTF-8: {error.reason}")], name) from error


def read_file(path: str | os.PathLike[str], *, keys_needed: bool = True) -> Source:
    """Reads a YAML or JSON file. ConfigError if there is no such text.

    keys_needed: False where nothing is ever sent: then no key's variable or file has to be there.
    """
    name = os.fspath(path)
    config = _core.read_config(read_text(path), name, keys_needed=keys_needed)
    return Source(name, config, has_lines=True)


def read_dict(document: Mapping[str, Any], *, keys_needed: bool = True) -> Source:
    """Reads a configuration built in Python. ConfigError if JSON cannot say it."""
    name = "<dict>"
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, default=str)
        config = _core.read_config(text, name, keys_needed=keys_needed)
        return Source(name, config, has_lines=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            [Problem(None, "", f"cannot be written as JSON: {error}")], name
        ) from error


def check(path: str | os.PathLike[str]) -> Report:
    """Reads a file as `Relay.from_file` does, loads its policies, and says what it found.

    Raises ConfigError only if the file cannot be read at all.
    """
    source = read_file(path)
    problems = source.problems()
    if not problems:
        problems = source.located(problems_of(source.config.policy_problems([_PLUGINS])))
    return Report(source.name, tuple(problems), tuple(source.config.notes))


def explain(path: str | os.PathLike[str]) -> str:
    """The effective configuration as YAML in our form, every default written out; read from the
    article's form, each line says what it came from. Keys stand as `${KEY_<label>}`.

    Raises ConfigError with all problems.
    """
    source = read_file(path)
    source.raise_problems()
    return source.config.explain()


def plugin_directories() -> list[str]:
    """Where the built-in policies are: beside this package."""
    return [_PLUGINS]
