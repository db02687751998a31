"""A configuration, a scenario and a seed: made once, run on any traffic."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from keel import _core, config
from keel.errors import ConfigError, Problem, problems_of
from keel.sim.document import Text, text_of
from keel.sim.runs import Run, Runs
from keel.sim.scenario import (
    Clients,
    ClockStep,
    Correlated,
    Provider,
    RandomOutages,
    scenario_document,
)
from keel.sim.traffic import Traffic

Progress = Callable[[float, int, float | None], bool]
_SEEDS = 2**64


class Simulator:
    """Runs a configuration as a relay would, against providers that behave as they are told.

    config: a YAML or JSON file's path, or a configuration built in Python. Keys are not needed.
    seed: of everything that is drawn.
    scenario: a fault file's path (the same as the arguments below, in YAML or JSON), a document
    built in Python, or None.
    defaults: how providers behave that `providers` does not name; else as the simulator has it.
    providers: by provider's name, or `provider/model`.
    clients: who asks again, and when they give up; without it nobody does.
    correlated, random_outages, clock_steps: see there. A clock step may be (at, by).

    Raises ConfigError with all problems of configuration and scenario.
    """

    def __init__(
        self,
        config: str | os.PathLike[str] | Mapping[str, Any],
        *,
        seed: int = 7,
        scenario: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        defaults: Provider | None = None,
        providers: Mapping[str, Provider] | None = None,
        clients: Clients | None = None,
        correlated: Sequence[Correlated] = (),
        random_outages: RandomOutages | None = None,
        clock_steps: Sequence[ClockStep | tuple[float, float]] = (),
    ) -> None:
        self._seed = _checked(seed)
        self._source = _read_config(config)
        said = scenario_document(
            defaults, providers, clients, correlated, random_outages, clock_steps
        )
        if scenario is not None and said:
            both = f"found a scenario and {', '.join(said)}, wanted one or the other"
            raise ConfigError([Problem(None, "", both)], "<scenario>")
        self._scenario, name, has_lines = _scenario_text(scenario, said)
        _raise(_core.scenario_problems(self._scenario, self._source.config), name, has_lines)

    def run(
        self,
        traffic: Traffic,
        *,
        seed: int | None = None,
        tables: bool = True,
        invariants: bool = False,
        progress: Progress | None = None,
    ) -> Run:
        """One run, to the traffic's end.

        seed: another than the simulator's. tables: keep a row per request and attempt (about 250
        bytes per request); without them memory is flat however long the run is. invariants: check
        every rule of the relay after every event, about half as fast.
        progress(seconds, asked, share) is called now and then; the run ends early if it says False.

        Raises ConfigError with all problems of the traffic.
        """
        wanted = self._seed if seed is None else _checked(seed)
        core = self._core(traffic, wanted, tables, invariants)
        core.run(progress)
        if core.problem is not None:
            raise ConfigError(problems_of([core.problem]), traffic.trace_name)
        return Run(core if tables else None, core.summary)

    def run_seeds(
        self,
        traffic: Traffic,
        seeds: Iterable[int] = range(20),
        *,
        workers: int | None = None,
        invariants: bool = False,
        progress: Progress | None = None,
    ) -> Runs:
        """A run for each seed, several at a time (`workers`; None: one per processor), without
        tables. progress: as for `run`, over all of them; asked is their sum.

        Raises ConfigError with all problems of the traffic, ValueError without a seed.
        """
        chosen = [_checked(seed) for seed in seeds]
        if not chosen:
            raise ValueError("found no seed, wanted at least one")
        watch = _Watch(len(chosen), progress)

        def one(number: int) -> Run:
            return self.run(
                traffic,
                seed=chosen[number],
                tables=False,
                invariants=invariants,
                progress=watch.of(number),
            )

        most = min(len(chosen), workers or os.cpu_count() or 1)
        with ThreadPoolExecutor(most, thread_name_prefix="keel-sim") as pool:
            try:
                return Runs(list(pool.map(one, range(len(chosen)))))
            finally:
                watch.stopped = True

    def _core(
        self, traffic: Traffic, seed: int, tables: bool, invariants: bool
    ) -> _core.Simulation:
        if not isinstance(traffic, Traffic):
            raise TypeError(f"found {traffic!r}, wanted traffic such as traffic.poisson(rate=10)")
        problems = _core.workload_problems(traffic.text, self._source.config)
        _raise(problems, traffic.name, not traffic.name.startswith("<"))
        return _core.Simulation(
            self._source.config,
            scenario=self._scenario,
            workload=traffic.text,
            trace=traffic.trace_bytes(),
            plugin_directories=config.plugin_directories(),
            seed=seed,
            tables=tables,
            invariants=invariants,
        )


class _Watch:
    """Progress over several runs at once, and the word that stops them all."""

    def __init__(self, runs: int, told: Progress | None) -> None:
        self.stopped = False
        self._told = told
        self._lock = threading.Lock()
        self._parts: list[tuple[float, int, float]] = [(0.0, 0, 0.0)] * runs

    def of(self, number: int) -> Progress:
        def progress(seconds: float, asked: int, share: float | None) -> bool:
            with self._lock:
                self._parts[number] = (seconds, asked, share or 0.0)
                if self._told is not None and not self.stopped:
                    parts = self._parts
                    total = sum(part[1] for part in parts)
                    done = sum(part[2] for part in parts) / len(parts)
                    self.stopped = not self._told(max(part[0] for part in parts), total, done)
            return not self.stopped

        return progress


def _checked(seed: int) -> int:
    if not 0 <= seed < _SEEDS:
        raise ValueError(f"found the seed {seed}, wanted 0 to 2^64 - 1")
    return seed


def _read_config(given: str | os.PathLike[str] | Mapping[str, Any]) -> config.Source:
    if isinstance(given, Mapping):
        source = config.read_dict(given, keys_needed=False)
    else:
        source = config.read_file(given, keys_needed=False)
    source.raise_problems()
    directories = config.plugin_directories()
    if problems := problems_of(source.config.policy_problems(directories)):
        raise ConfigError(source.located(problems), source.name)
    return source


def _scenario_text(
    given: str | os.PathLike[str] | Mapping[str, Any] | None, said: dict[str, Any]
) -> tuple[str, str, bool]:
    """Its text, its name in messages, and whether lines mean anything in it."""
    if given is None:
        return (text_of(said) if said else ""), "<scenario>", False
    if isinstance(given, Mapping):
        return text_of(given), "<scenario>", False
    if isinstance(given, Text):
        return given, "<scenario>", True
    return config.read_text(given), os.fspath(given), True


def _raise(triples: list[tuple[int, str, str]], name: str, has_lines: bool) -> None:
    if triples:
        found = problems_of(triples)
        if not has_lines:
            found = [Problem(None, one.path, one.message) for one in found]
        raise ConfigError(found, name)
