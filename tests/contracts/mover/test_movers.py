"""Every case against every mover that has a folder: carried and equal both ways, or refused by name with nothing touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from orchestrator.movers.contract import Direction, Moment
from tests.contracts.mover import photograph, together
from tests.contracts.mover.application import Application
from tests.contracts.mover.cases import Act, Case
from tests.contracts.mover.servers import APPLICATION, Servers
from tests.contracts.mover.story import Story
from tests.contracts.mover.together import Together

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("movers")) as running:
        yield running


def _parameters() -> list[object]:
    parameters: list[object] = []
    for group in together.groups():
        for case in group:
            marks = [pytest.mark.xfail(reason=case.broken)] if case.broken else []
            parameters.append(pytest.param(case, id=f"{case.engine}-{case.name}", marks=marks))
    return parameters


@pytest.fixture(scope="module")
def in_groups(servers: Servers, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Together:
    """Only the cases of this run: a single one that is asked for runs by itself."""
    asked = [item.callspec.params["case"] for item in request.session.items if "case" in getattr(item, "callspec", _None).params]
    return Together(
        [case for case in asked if isinstance(case, Case)], lambda cases: _run(cases, servers, tmp_path_factory.mktemp("together"))
    )


class _None:
    params: ClassVar[dict[str, object]] = {}


@pytest.mark.parametrize("case", _parameters())
def test_case(case: Case, servers: Servers, in_groups: Together, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if in_groups.held(case):
        return
    with capsys.disabled():
        while in_groups.failures:
            print(f"\n  did not hold together: {in_groups.failures.pop()[:1500]}")
    _run([case], servers, tmp_path)


def _run(cases: list[Case], servers: Servers, folder: Path) -> None:
    """One migration of one case, or of several of one kind."""
    case = cases[0] if len(cases) == 1 else together.merge(cases)
    with servers.emptied():
        story = Story(servers, case, folder)
        story.lay_out()
        before, others = story.photograph("source"), story.photograph_others()
        with story.sessions(), Application(servers, case.database, case.live) as application:
            if case.expect == "refused":
                _refused(story, application, cases)
            else:
                _carried(story, application)
            application.rest()
        after = story.photograph("source")
        assert not application.harm, application.harm[:3]
        assert story.photograph_others() == others
        if case.ends != "accepted":
            changes_of_its_own = bool(case.after_copy or case.in_trial)
            differ = [] if changes_of_its_own else before.differences(after, contents=False)
            assert not differ, "the source is not as it was:\n" + "\n".join(differ)
            live = "target" if case.refused_at == "going back" else "source"
            _acknowledged_are_there(story, application, live)


def _refused(story: Story, application: Application, cases: list[Case]) -> None:
    case = story.case
    if case.refused_at == "preflight":
        _name_each(cases, story.check(Moment.PREFLIGHT))
        return
    assert not story.check(Moment.PREFLIGHT)
    if case.refused_at == "copy":
        _name_each(cases, story.check(Moment.COPY))
        return
    story.mover.back_up(story.part)
    story.mover.drop_copy(story.part)
    story.mover.prepare(story.part)
    story.act("source", case.after_copy)
    if case.refused_at == "going back":
        story.switch(Direction.FORWARD, application)
        story.mover.arm(story.part, "armed")
        story.act("target", case.in_trial)
    _name_each(cases, story.check(Moment.GATE))
    if case.refused_at == "gate":
        story.withdraw()


def _name_each(cases: list[Case], findings: list) -> None:
    for number, case in enumerate(cases):
        schema = together.schema_of(number) if len(cases) > 1 else "public"
        _names(replace(case, names=[name.replace("public.", f"{schema}.") for name in case.names]), findings)


def _names(case: Case, findings: list) -> None:
    said = [f"{finding.code}: {finding.message}" for finding in findings]
    of_its_kind = [finding.message for finding in findings if finding.code == case.code]
    assert of_its_kind, f"no finding {case.code}, but {said}"
    for name in case.names:
        assert any(name in message for message in of_its_kind), f"nobody names {name}: {said}"


def _carried(story: Story, application: Application) -> None:
    case = story.case
    for moment in (Moment.PREFLIGHT, Moment.COPY):
        findings = story.mover.check(story.part, moment)
        assert not [f for f in findings if f.severity == "error"], findings
    assert not case.warns or case.warns in {f.code for f in findings}
    _there(story, application, case.after_copy, case.in_trial)
    if case.ends == "accepted":
        _accepted(story)
        return
    _back(story, application)
    if case.ends == "again":
        _there(story, application, [], [])
        _back(story, application)


def _there(story: Story, application: Application, after_copy: list[Act], in_trial: list[Act]) -> None:
    """Copied, switched, the way back armed, and nothing differs."""
    mover, part = story.mover, story.part
    mover.back_up(part)
    assert mover.backed_up(part)
    mover.drop_copy(part)
    mover.prepare(part)
    assert mover.prepared(part)
    story.act("source", after_copy)
    assert not story.check(Moment.GATE)
    story.switch(Direction.FORWARD, application)
    mover.arm(part, f"armed {story.token}")
    assert mover.armed(part)
    _sequences_stand_where_they_stood(story)
    story.act("target", in_trial)
    if in_trial:
        assert not mover.find_alarms(part, f"watched {story.token}")
    _afterwards(story, "target")
    assert not story.check(Moment.GATE)
    application.rest()
    story.settle()
    differ = story.photograph("source").differences(story.photograph("target"))
    assert not differ, "the sides differ:\n" + "\n".join(differ)
    _acknowledged_are_there(story, application, "target")
    application.wake()


def _accepted(story: Story) -> None:
    story.mover.finish(story.part)
    assert story.mover.finished(story.part)
    _afterwards(story, "target")
    with story.servers.connect("target", story.case.database, user=APPLICATION) as owner:
        for statement in story.case.accepted:
            owner.execute(statement.encode())


def _back(story: Story, application: Application) -> None:
    story.switch(Direction.BACK, application)
    _sequences_stand_where_they_stood(story)
    _afterwards(story, "source")
    story.withdraw()
    _afterwards(story, "source")


def _sequences_stand_where_they_stood(story: Story) -> None:
    moving = ["public.ledger_receipt", *story.case.moving]
    differ = photograph.sequences_that_differ(story.servers, story.case.database, moving)
    assert not differ, "\n".join(differ)


def _afterwards(story: Story, side: str) -> None:
    with story.servers.connect(side, story.case.database, user=APPLICATION) as owner:
        for statement in story.case.afterwards:
            owner.execute(statement.encode())


def _acknowledged_are_there(story: Story, application: Application, side: str) -> None:
    told = list(application.acknowledged)  # before the rows are read: it goes on writing
    with story.servers.connect(side, story.case.database, user=APPLICATION) as owner:
        rows = {row[0] for row in owner.execute("SELECT n FROM ledger").fetchall()}
    lost = [number for number in told if number not in rows]
    assert told, "the application never wrote"
    assert not lost, f"{len(lost)} of {len(told)} acknowledged writes are not on the {side}"
