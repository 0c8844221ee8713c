"""A policy: data with a schema, loaded whole or refused with every fault."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.errors import Finding, Refused
from orchestrator.inventory.schema import fit, place_of, read_document
from orchestrator.inventory.yaml_in import BadYaml, Map, documents_of
from orchestrator.models import Strategy
from orchestrator.policy.expressions import BadCondition, Condition, compile_conditions
from orchestrator.texts import say

Points = Annotated[int, Field(ge=-100, le=100)]
Words = Annotated[str, Field(max_length=500)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Effect(Part):
    strategy: Strategy | None = None
    readiness: Points = 0
    complexity: Points = 0
    mark: Literal["vendor_run", "needs_restart", "no_source", "end_of_support", "not_first"] | None = None


class Rule(Part):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
    when: Annotated[str, Field(min_length=1, max_length=1000)]
    effect: Effect
    zh: Words = ""
    en: Words = ""
    source: Literal["opinion", "ours", ""] = ""
    mend: dict[str, bool | float | str] = Field(default_factory=dict)
    """Facts as they would be if what the rule complains of were mended."""
    mend_zh: Words = ""
    mend_en: Words = ""
    facts_only_if: str = ""
    """The facts of this rule are asked for only where this condition holds."""


class Default(Part):
    strategy: Strategy = Strategy.CLOUD_DEPLOYMENT
    zh: Words
    en: Words
    source: Literal["opinion", "ours", ""] = ""


class Fact(Part):
    type: Literal["bool", "number", "text", "list"]
    weight: Annotated[int, Field(ge=0, le=100)] = 0
    of: str = ""
    """The inventory's field it is derived from, where the names differ."""
    values: tuple[bool | float | str, ...] = ()
    asked_if: str = ""
    """Where this condition does not hold, nobody is asked for it and it is not missing."""
    zh: Words
    en: Words


class Remark(Part):
    """Words in a free text that put a fact in doubt. They never decide: the fact is open until somebody answers."""

    fact: str
    words: Annotated[tuple[Words, ...], Field(min_length=1)]
    """``*`` stands for a few letters. Width, case and spaces do not matter."""
    unless: tuple[Words, ...] = ()
    """A text that holds one of these raises nothing: ``没有源代码，有安装包``."""
    also_in: tuple[str, ...] = ()
    """Fields that are looked at beside the free texts."""
    suggests: bool | str = True
    """What the words suggest. An answer that says the same is not doubted."""
    beside: bool = False
    """The answer stands and the doubt is told beside it; where nothing was answered there is nothing to doubt."""
    weight: Annotated[int, Field(ge=0, le=100)] = 10
    """Points of confidence."""
    zh: Words
    en: Words


class Thresholds(Part):
    ready: Annotated[int, Field(ge=0, le=100)] = 70
    simple: Annotated[int, Field(ge=0, le=100)] = 40


class Weights(Part):
    missing_readiness: Annotated[int, Field(ge=0, le=100)] = 2


class Policy(BaseModel):
    """Frozen. ``conditions`` holds every condition by its text, parsed once."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,), defer_build=True)

    version: Literal[1]
    precedence: tuple[Strategy, ...] = (
        Strategy.RETIRE,
        Strategy.ALREADY_ELSEWHERE,
        Strategy.HOSTING,
        Strategy.DEVICE_RELOCATION,
        Strategy.CLOUD_DEPLOYMENT,
    )
    default: Default
    thresholds: Thresholds = Thresholds()
    weights: Weights = Weights()
    limits: dict[str, float] = Field(default_factory=dict)
    movers: tuple[str, ...] = ()
    engines_without_data: tuple[str, ...] = ()
    cloud_processors: tuple[str, ...] = ()
    cloud_os: tuple[str, ...] = ()
    synonyms: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = Field(default_factory=dict)
    end_of_support: tuple[tuple[dt.date, tuple[str, ...]], ...] = ()
    """The last day of support, and the products that it is of as people write them."""
    doubts: tuple[Remark, ...] = ()
    facts: dict[str, Fact]
    rules: tuple[Rule, ...]

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        texts = [text for rule in self.rules for text in (rule.when, rule.facts_only_if)] + [fact.asked_if for fact in self.facts.values()]
        return compile_conditions([text for text in texts if text], self.facts)


def load_policy(path: Path | None = None) -> Policy:
    """The policy in ``path`` (a file, or a folder that may hold ``policy.yaml``), else the one that ships.

    Raises ``Refused`` with every fault, each at its place.
    """
    if path is not None and path.is_dir():
        path = path / "policy.yaml" if (path / "policy.yaml").exists() else None
    if path is None:
        return _shipped()
    return _build(read_document(path), path)


def policy_digest(policy: Policy) -> str:
    """SHA-256 over the canonical JSON of a policy."""
    text = json.dumps(policy.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _shipped() -> Policy:
    text = (resources.files("orchestrator.policy") / "policy.yaml").read_text("utf-8")
    return _build(documents_of(text, "policy.yaml")[0], Path("policy.yaml"))


def _build(document: Map, file: Path) -> Policy:
    remedy, name = say("policy.see_docs"), file.name
    policy = fit(Policy, document, file, "bad-policy")
    places: list[tuple[str, tuple[str | int, ...], str]] = [
        (rule.when, ("rules", number, "when"), rule.id) for number, rule in enumerate(policy.rules)
    ]
    places += [(rule.facts_only_if, ("rules", number, "facts_only_if"), rule.id) for number, rule in enumerate(policy.rules)]
    places += [(fact.asked_if, ("facts", name, "asked_if"), name) for name, fact in policy.facts.items()]
    faults = []
    for text, at, owner in places:
        try:
            compile_conditions([text] if text else [], policy.facts)
        except BadCondition as bad:
            faults.append(Finding("bad-condition", "error", say("policy.bad_condition", owner=owner, fault=str(bad)), remedy, file=name, cell=str(place_of(document, at))))
    seen: set[str] = set()
    for number, rule in enumerate(policy.rules):
        if rule.id in seen:
            faults.append(
                Finding(
                    "duplicate-rule",
                    "error",
                    say("policy.duplicate_rule", rule=rule.id),
                    remedy,
                    file=name,
                    cell=str(place_of(document, ("rules", number, "id"))),
                )
            )
        seen.add(rule.id)
    if faults:
        raise Refused(say("policy.bad_conditions"), findings=faults, where=name)
    return policy


__all__ = ["BadYaml", "Policy", "load_policy", "policy_digest"]
