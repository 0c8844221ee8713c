"""Cases that need no cluster of their own are moved together, each in a schema of its own: one migration instead of twenty.

When a migration of several does not hold, its halves are moved, down to the one case that does not. What is refused at a gate
goes together too: one copy, all the changes, and each of them is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tests.contracts.mover.cases import Act, Case, all_cases

AT_ONCE = 20


def kind_of(case: Case) -> str:
    """With which others it may go; empty: by itself."""
    elsewhere = case.target or case.create or case.open_sessions or case.others
    if case.alone or case.broken or case.warns or elsewhere or case.database != "records":
        return ""
    if case.expect == "refused":
        return "gate" if case.refused_at == "gate" else ""
    if case.ends != "back":
        return ""
    return "acts" if case.after_copy or case.in_trial else "plain"


def groups() -> list[list[Case]]:
    """Every case, in groups of one engine and one kind; a group of one is a case by itself."""
    kinds: dict[tuple[str, str], list[Case]] = {}
    single = []
    for case in all_cases():
        if case.engine != "postgresql":  # another engine has no schemas inside a database
            continue
        if kind_of(case):
            kinds.setdefault((case.engine, kind_of(case)), []).append(case)
        else:
            single.append([case])
    found = []
    for of_kind in kinds.values():
        number = -(-len(of_kind) // AT_ONCE)
        found += [of_kind[first::number] for first in range(number)]
    return found + single


def merge(cases: list[Case]) -> Case:
    """One case that has everything of all of them."""
    parts: dict[str, list[str]] = {word: [] for word in ("server", "superuser", "source", "live", "afterwards", "moving")}
    after_copy: list[Act] = []
    in_trial: list[Act] = []
    for number, case in enumerate(cases):
        schema = schema_of(number)
        path = f"SET search_path = {schema}, public"
        parts["server"] += [case.server] if case.server else []
        parts["superuser"] += [f"CREATE SCHEMA {schema} AUTHORIZATION records_app", f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC"]
        parts["superuser"] += [path, case.superuser] if case.superuser else []
        parts["source"] += [path, case.source]
        parts["live"] += [path, *case.live] if case.live else []
        parts["afterwards"] += [path, *case.afterwards] if case.afterwards else []
        parts["moving"] += [_moved(name, schema) for name in case.moving]
        after_copy += [replace(act, sql=f"{path}\n---\n{act.sql}") for act in case.after_copy]
        in_trial += [replace(act, sql=f"{path}\n---\n{act.sql}") for act in case.in_trial]
    scripts = {word: "\n---\n".join(parts[word]) for word in ("server", "superuser", "source")}
    return replace(
        cases[0], name="together", title=f"{len(cases)} cases together", live=parts["live"], afterwards=parts["afterwards"],
        moving=parts["moving"], after_copy=after_copy, in_trial=in_trial, **scripts,
    )  # fmt: skip


def schema_of(number: int) -> str:
    """Where a case of a group stands."""
    return f"case_{number}"


def _moved(sequence: str, schema: str) -> str:
    return f"{schema}.{sequence.removeprefix('public.')}" if sequence.startswith("public.") else sequence


class Together:
    """Runs the groups when the first of their cases is asked for."""

    def __init__(self, asked: Iterable[Case], run: Callable[[list[Case]], None]) -> None:
        wanted = {(case.engine, case.name) for case in asked}
        self._groups = [[case for case in group if (case.engine, case.name) in wanted] for group in groups()]
        self._run = run
        self._held: dict[tuple[str, str], bool] = {}
        self.failures: list[str] = []

    def held(self, case: Case) -> bool:
        """Whether it held together with others; False: run it by itself."""
        if (case.engine, case.name) not in self._held:
            self._try(next(group for group in self._groups if case in group))
        return self._held[case.engine, case.name]

    def _try(self, group: list[Case]) -> None:
        held = False
        if len(group) > 1:
            try:
                self._run(group)
                held = True
            except Exception as error:  # noqa: BLE001 - whatever it was, its halves say which case it is
                self.failures.append(f"{[case.name for case in group]}: {error}")
                self._try(group[: len(group) // 2])
                self._try(group[len(group) // 2 :])
                return
        self._held.update({(member.engine, member.name): held for member in group})
