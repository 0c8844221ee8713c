"""Cases that need no cluster of their own are moved together, each in a schema of its own: one migration instead of twelve.

When a migration of several does not hold, nobody knows by which: then each of its cases runs by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tests.contracts.mover.cases import Case

AT_ONCE = 12


def is_plain(case: Case) -> bool:
    """Whether it plants nothing outside of one schema and is carried there and back."""
    elsewhere = case.server or case.superuser or case.target or case.create or case.open_sessions
    meanwhile = case.after_copy or case.in_trial or case.warns or case.broken
    return (case.expect, case.ends, case.database, bool(elsewhere or meanwhile)) == ("carried", "back", "records", False)


def batches(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """Plain cases in groups, every group of one engine."""
    by_engine: dict[str, list[Case]] = {}
    for case in cases:
        if is_plain(case):
            by_engine.setdefault(case.engine, []).append(case)
    for of_engine in by_engine.values():
        for first in range(0, len(of_engine), AT_ONCE):
            yield of_engine[first : first + AT_ONCE]


def merge(cases: list[Case]) -> Case:
    """One case that has everything of all of them."""
    sources: list[str] = []
    live: list[str] = []
    afterwards: list[str] = []
    moving: list[str] = []
    for number, case in enumerate(cases):
        schema = f"case_{number}"
        path = f"SET search_path = {schema}, public"
        sources += [f"CREATE SCHEMA {schema}", path, case.source]
        live += [path, *case.live] if case.live else []
        afterwards += [path, *case.afterwards]
        moving += [f"{schema}.{name.removeprefix('public.')}" for name in case.moving]
    first = cases[0]
    return replace(
        first, name="together", title=f"{len(cases)} cases together", source="\n---\n".join(sources), live=live,
        afterwards=afterwards, moving=moving,
    )  # fmt: skip


class Together:
    """Runs the groups when the first of their cases is asked for."""

    def __init__(self, cases: Iterable[Case], run: Callable[[Case], None]) -> None:
        self._groups = list(batches(cases))
        self._run = run
        self._held: dict[tuple[str, str], bool] = {}
        self.failures: list[str] = []

    def held(self, case: Case) -> bool:
        """Whether it held together with others; False: run it by itself."""
        for group in self._groups:
            if case in group and (case.engine, case.name) not in self._held:
                held = self._try(group)
                self._held.update({(member.engine, member.name): held for member in group})
        return self._held.get((case.engine, case.name), False)

    def _try(self, group: list[Case]) -> bool:
        if len(group) == 1:
            return False
        try:
            self._run(merge(group))
        except Exception as error:  # noqa: BLE001 - whatever it was, each case is asked by itself
            self.failures.append(f"{[case.name for case in group]}: {error}")
            return False
        return True
