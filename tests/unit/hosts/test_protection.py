"""What a host shows of its protection, compared with what it takes over from and with what its grade demands."""

from __future__ import annotations

import pytest

from orchestrator.hosts.protection import Protection, find_lacking, find_weaker
from orchestrator.models import Sites, Standard

GOOD = frozenset({"filtered", "audited", "forwarded", "clock"})


def shown(*seen: str, administrators: tuple[str, ...] = ("root",), active: tuple[str, ...] = ()) -> Protection:
    return Protection(frozenset(seen), frozenset(administrators), frozenset(active))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (shown(*GOOD), shown(*GOOD), []),
        (shown(), shown(*GOOD), []),
        (shown(*GOOD), shown(), ["audit", "clock", "filter", "logs"]),
        (shown(), shown("passwords", "root-by-password"), ["as root", "by password"]),
        (shown("passwords"), shown(), []),
        (shown(administrators=("root", "ops")), shown(administrators=("root",)), []),
        (shown(), shown(administrators=("root", "cloud-init", "ops")), ["cloud-init"]),
    ],
)
def test_weaker_than_the_old_host(before: Protection, after: Protection, words: list[str]) -> None:
    found = sorted(str(one) for one in find_weaker(Protection.from_json(before.to_json()), after, ours={"ops"}))
    assert len(found) == len(words)
    assert all(any(word in one for one in found) for word in words)
    assert not any("ops" in one for one in found)


def test_what_a_grade_demands_and_a_host_lacks_is_named_each_by_itself() -> None:
    strict = Standard(
        from_grade=3, filtered=True, audited=True, forwarded=True, clock=True, passwords=False,
        backup=("bareos-fd.service",), monitoring=("node-exporter.service",), agents=("bastion.service",),
    )  # fmt: skip
    units = ("bareos-fd.service", "node-exporter.service", "bastion.service")
    assert find_lacking(shown(*GOOD, active=units), strict) == []
    found = " ".join(str(one) for one in find_lacking(shown("passwords"), strict))
    assert all(word in found for word in (*units, "audit", "clock", "filter", "logs", "password"))
    assert find_lacking(shown("passwords"), Standard(from_grade=1)) == []


@pytest.mark.parametrize(("grade", "held"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 3]), (None, [1, 2, 3])])
def test_standards_add_up_to_the_grade(grade: int | None, held: list[int]) -> None:
    sites = Sites(sites=(), standards=tuple(Standard(from_grade=number) for number in (3, 1, 2)))
    assert [one.from_grade for one in sites.standards_for(grade)] == held
