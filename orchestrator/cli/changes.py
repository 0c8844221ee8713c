"""What an import changes, as people say it: the form's own words for kinds, columns and choices. JSON keeps ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from orchestrator.texts import Name, Words, say

if TYPE_CHECKING:
    from orchestrator.inventory.folder.merge import Change
    from orchestrator.inventory.forms import Column

_MARKS = {"added": "+", "removed": "-"}
_KINDS = {
    "system": Name("系统", "system"), "department": Name("单位", "department"), "room": Name("机房", "room"),
    "classified row": Name("涉密行", "classified row"), "unanswered row": Name("未答行", "unanswered row"),
}  # fmt: skip
_OTHERS = {"grade_answered": Name("等保级别是否已答", "grade answered"), "unknown": Name("原样保留", "kept as it is"), "interruption": Name("中断预算", "interruption")}
_BOOLEANS = {"True": Name("是", "yes"), "False": Name("否", "no")}


def lines(changes: Iterable[Change]) -> Iterator[Words]:
    """One line each."""
    for change in changes:
        said: dict[str, Words | Name] = {"mark": _MARKS.get(change.what, "~"), "kind": _KINDS.get(change.kind, change.kind), "id": change.id}
        if change.field:
            of, before, after = column(change.kind, change.field), value(change, change.before), value(change, str(change.after))
            yield say("inventory.change_of_field", **said, column=of, before=before, after=after)
        elif change.after:
            yield say("inventory.change_with_name", **said, name=change.after)
        else:
            yield say("inventory.change", **said)


def column(kind: str, field: str) -> Name | str:
    """What a field is called on the form; ``unknown 处室意见`` is the column of that name."""
    known = _columns(kind).get(field)
    of, _, own = field.partition(" ")
    if known is not None:
        return known.name
    return own or _OTHERS.get(of) or _sheets().get(of) or field


def value(change: Change, written: str) -> Name | str:
    """A choice by its word."""
    from orchestrator.inventory.values import choices

    known = _columns(change.kind).get(change.field)
    words = choices().get(known.type, {}) if known else {}
    return Name(words[written][0], written) if written in words else _BOOLEANS.get(written, written)


@cache
def _columns(kind: str) -> dict[str, Column]:
    from orchestrator.inventory.forms import forms

    return {one.field: one for one in forms().get(f"{kind}s", forms()["systems"]).columns}


@cache
def _sheets() -> dict[str, Name]:
    from orchestrator.inventory.forms import forms

    return {form.id: Name(form.zh, form.en) for form in forms().values()}
