"""The servers of one system on a cloud: made, taken back, looked at. The order of what is done here is what keeps them safe.

Making: look at what the cloud has → take away what an unfinished run of ours left → run id into the journal → plan → judge →
apply → the runs are finished. Taking back: volumes into the journal → out of the state → destroy → look again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.cloud.adopt import find_imports
from orchestrator.cloud.book import Book, KeptVolume
from orchestrator.cloud.changes import read_changes, system_of
from orchestrator.cloud.compare import Comparison, compare, describe_missing, describe_rebuilt
from orchestrator.cloud.judge import judge
from orchestrator.cloud.kinds import FILE, Kind, Kinds, read_kinds
from orchestrator.cloud.listing import CloudListing, ServerDeeds, Thing
from orchestrator.cloud.openings import judge_openings, observe_openings, read_opening
from orchestrator.cloud.patience import ask_again_while_busy
from orchestrator.cloud.questions import CloudOffer, Demand, choose_flavours
from orchestrator.cloud.stand import Position, Stand
from orchestrator.errors import Finding, NeedsPerson, Refused, ToolError
from orchestrator.texts import kept, say
from orchestrator.tools.process import Stopped
from orchestrator.tools.terraform import KnownResource, Server, SystemTerraform, TerraformPlan
from orchestrator.tools.terraform_module import read_providers, variables_of

Say = Callable[[str], None]
LOOK_SECONDS = 5.0
"""How long a look waits for a run that works on the same servers."""
SHOWN_OTHERS = 3
PATIENCE = 20
"""How often Terraform's provider asks again, once a cloud has said that it has too much to do."""


@dataclass
class CloudServers:
    """``inputs``: the module's, without what is added here (run, settled). ``not_ours``: ids that a person said are somebody else's."""

    system: str
    module: Path
    inputs: Mapping[str, Any]
    terraform: SystemTerraform
    listing: CloudListing
    book: Book
    say: Say
    not_ours: frozenset[str] = frozenset()
    offer: CloudOffer | None = None
    """Of a cloud that can be asked what sizes it has: the engine chooses them."""
    applies: int = 0
    """How many were run by this object."""
    _chosen: dict[str, str] = field(default_factory=dict)
    _adopting: frozenset[str] = frozenset()
    _patience: int = 0

    # ------------------------------------------------------------ making

    def make(self) -> dict[str, Server]:
        """The servers that the inputs ask for, and no others. Safe to call again after a kill at any moment.

        Raises Refused (the plan would lose something, or the cloud has what is not known to be ours), ToolError, Stopped. A cloud
        that has too much to do for now is asked again, three times.
        """
        with self.terraform.alone():
            return ask_again_while_busy(self._make, self.say, self._become_patient)

    def _become_patient(self, seconds: float) -> None:
        """From now on Terraform waits as a busy cloud wishes, and asks again for what may have been done the first time."""
        self._patience = PATIENCE
        self.terraform.pause(seconds)

    def _make(self) -> dict[str, Server]:
        if owing := self.book.owing():
            raise Refused(
                say("cloud.still_there", owing=tuple(owing)),
                where=self.system, remedy=say("cloud.resume_takes", owing=owing[-1]),
            )  # fmt: skip
        position = self.book.position()
        self.find_state(position)
        self._look_where_we_are(position)
        if position.stand is Stand.NOTHING and self._half_taken_back():
            self.say(str(say("cloud.first_taken")))
            self.take_back(expected=(), keep_volumes=False)
        self._clear_leftovers(position)
        if position.stand is Stand.NOTHING and self._must_start_over(position):
            self.say(str(say("cloud.start_over")))
            self.take_back(expected=(), keep_volumes=False)
        run = self.book.begin_run(self.module.name, self.listing.place())
        plan = self.plan(position, run)
        if plan.changes or plan.blocked:
            made = self._apply(plan, position, run)
            if position.stand is Stand.NOTHING:
                self._look_for_doubles(position, run)
        else:
            self.check(plan)
            self.terraform.discard(plan)
            made = self.terraform.outputs()
        if missing := sorted(set(self.inputs["servers"]) - made.keys()):
            raise ToolError(
                say("cloud.no_output", missing=tuple(missing)),
                where=str(self.module), remedy=say("cloud.hold_module"),
            )  # fmt: skip
        self.book.finish_runs(position, run)
        return made

    def _apply(self, plan: TerraformPlan, position: Position, run: str) -> dict[str, Server]:
        """Once more, where it failed on what a killed run had asked for and a busy cloud made only meanwhile: after we had looked."""
        try:
            made = self.terraform.apply(plan)
        except ToolError as error:
            belated = () if isinstance(error, Stopped) else self._find_belated(position)
            if not belated:
                raise self._explain(error) from error
            self._remove(belated)
            try:
                made = self.terraform.apply(self.plan(position, run))
            except ToolError as again:
                raise self._explain(again) from again
        self.applies += 1
        return made

    def _look_for_doubles(self, position: Position, run: str) -> None:
        """Nothing is handed over that is there twice. A question whose answer was lost is asked again, and makes a second one: by this
        run's mark it is taken away. Another engine that began beside this one, with a journal of its own, saw nothing of ours
        either: what it made is named. Raises Refused."""
        comparison = self.compare(Position(self.system, position.stand, position.unfinished | {run}))
        # A rule bears no mark, and there cannot be two of one meaning: one that is not ours somebody has just opened.
        self._remove([thing for thing in comparison.leftovers if thing.kind is not Kind.RULE])
        if comparison.refusals:
            raise Refused(say("cloud.doubled", system=self.system), findings=comparison.refusals, where=self.system)

    def _find_belated(self, position: Position) -> Sequence[Thing]:
        """What runs before this one left. Empty where the cloud does not answer: what it said before is what matters then."""
        try:
            return self.compare(position).leftovers
        except ToolError:
            return ()

    def plan(self, position: Position, run: str = "") -> TerraformPlan:
        """What Terraform would do now. Changes nothing. Raises Refused where it cannot say so because somebody put a server aside."""
        try:
            return self.terraform.plan(self._all_inputs(position, run))
        except ToolError as error:
            aside = [] if isinstance(error, Stopped) else self._put_aside(position)
            if not aside:
                raise
            raise Refused(say("cloud.cannot_plan", system=self.system, said=error.says), findings=aside, where=self.system) from error

    def _put_aside(self, position: Position) -> list[Finding]:
        """Servers in a state that Terraform's provider may have no word for (suspended, say). Empty where the cloud does not answer."""
        try:
            things = self.list_things()
        except ToolError:
            return []
        return [finding for finding in describe_missing(things, self.inputs["servers"], position) if finding.code == "server-status"]

    def _all_inputs(self, position: Position, run: str) -> dict[str, Any]:
        declared = variables_of(self.module)
        added: dict[str, Any] = {"run": run, "settled": position.stand is not Stand.NOTHING}
        if self.offer is not None and position.stand is Stand.NOTHING and "flavors" in declared:
            added["flavors"] = self._flavours(self.offer)
        return {**self.inputs, **{name: value for name, value in added.items() if name in declared}, **self._wait_settings()}

    def _wait_settings(self) -> dict[str, Any]:
        """How patient the provider is, where the module says that it can be: nothing, until a cloud was busy."""
        can_be = any("patience" in provider.settings.values() for provider in read_providers(self.module).values())
        return {"patience": self._patience} if self._patience and can_be else {}

    def _flavours(self, offer: CloudOffer) -> dict[str, str]:
        """Chosen once for this object; said with the reason, and put into the journal. Raises Refused where none fits."""
        if not self._chosen:
            chosen, findings = choose_flavours(Demand(self.system, self.inputs), offer.flavours())
            if findings:
                raise Refused(say("cloud.no_size", count=len(findings)), findings=findings, where=self.system)
            for name, choice in chosen.items():
                self.say(str(say("cloud.flavour_chosen", name=name, flavour=choice.flavour.name, why=choice.why)))
            self.book.choose_flavours({
                name: {"flavour": choice.flavour.name, "id": choice.flavour.id, "why": kept(choice.why)} for name, choice in chosen.items()
            })  # fmt: skip
            self._chosen = {name: choice.flavour.id for name, choice in chosen.items()}
        return self._chosen

    def check(self, plan: TerraformPlan) -> None:
        """Judges a plan; drift is said. Raises Refused with every finding."""
        position = self.book.position()
        judgement = judge(read_changes(plan.shown, self.kinds), position, self.kinds, adopting=self._adopting)
        for note in judgement.notes:
            self.say(str(say("cloud.note", says=note.says, mend=note.mend)))
        if judgement.refusals:
            raise Refused(
                say("cloud.plan_loses", system=self.system),
                findings=judgement.refusals, where=self.system,
            )  # fmt: skip

    @property
    def kinds(self) -> Kinds:
        return read_kinds(self.module)

    def _half_taken_back(self) -> list[KeptVolume]:
        """Volumes that were taken out of the state to go with their servers, and are still there: the taking back was cut short."""
        return [volume for volume in self.book.kept() if not volume.handed_over]

    def _must_start_over(self, position: Position) -> bool:
        """Whether what stands half made cannot become what is asked for: a volume is protected, and other attributes are ignored."""
        if not self.terraform.resources():
            return False
        plan = self.plan(position)
        self.terraform.discard(plan)
        changes = read_changes(plan.shown, self.kinds).actions
        other = any(action.kind is Kind.ASKED and action.action != "create" for action in changes)
        broken = any(known.tainted and self._kind(known) is Kind.VOLUME for known in self.terraform.known())
        if not (other or broken or plan.blocked):
            return False
        self.check(plan)  # what is not proved to be ours is refused by name, and nothing is taken away
        return True

    # ------------------------------------------------------------ looking

    def _look_where_we_are(self, position: Position) -> None:
        """In another project than the one that holds its servers they all seem deleted. Raises Refused."""
        there, here = self.book.place(), self.listing.place()
        if there and here and there != here and (position.stand is not Stand.NOTHING or self.terraform.resources()):
            raise Refused(
                say("cloud.other_place", system=self.system, there=there, here=here), where=self.system, remedy=say("cloud.log_in_there")
            )

    def find_state(self, position: Position) -> None:
        """A lost, cut-off or old state is put back from its newest copy, and that is said. Raises NeedsPerson where there is none to put back."""
        if not self._put_state_back() and position.stand is not Stand.NOTHING:
            raise NeedsPerson(
                say("cloud.state_lost"),
                where=str(self.terraform.folder),
                remedy=say("cloud.adopt_again", system=self.system),
            )

    def _put_state_back(self) -> bool:
        """Whether there is a state now that is the last that was written."""
        if self.terraform.has_state and not self.terraform.is_behind:
            return True
        copy = self.terraform.restore_copy()
        if copy is not None:
            self.say(str(say("cloud.state_restored", name=copy.name)))
        return copy is not None

    def adopt(self) -> list[str]:
        """Servers that were handed over, whose state is lost or lacks some of it, taken up again as they are. Returns the adopted addresses.

        Nothing is made but records in the state. Raises Refused where the state lacks nothing or a resource has no match on the
        cloud; NeedsPerson when it did not end in a plan without changes.
        """
        with self.terraform.alone():
            return self._adopt()

    def _adopt(self) -> list[str]:
        position = self.book.position()
        self._look_where_we_are(position)
        if position.stand is Stand.NOTHING:
            raise Refused(say("cloud.none_handed", system=self.system), where=self.system, remedy=say("cloud.migrate_makes"))
        plan = self.plan(position)
        self.terraform.discard(plan)
        left = self._left_alone() | self._known_ids()
        imports = find_imports(plan.shown, [thing for thing in self.list_things() if thing.id not in left], self.kinds, self.system)
        if not imports and self.terraform.resources():
            raise Refused(say("cloud.state_known", system=self.system), where=self.system, remedy=say("cloud.nothing_to_adopt"))
        adopting = self.terraform.plan(self._all_inputs(position, ""), imports=imports)
        self._adopting = frozenset(imports.values())
        self.terraform.apply(adopting)
        again = self.plan(position)
        self.terraform.discard(again)
        if again.changes:
            raise NeedsPerson(
                say("cloud.adopted_changes", address=tuple(change.address for change in again.changes)),
                where=str(self.terraform.folder), remedy=say("cloud.read_plan"),
            )  # fmt: skip
        return sorted(imports)

    def look(self, expected: Sequence[str]) -> list[Finding]:
        """What was changed outside since the servers were handed over, and what the cloud says of them. Changes nothing. Raises
        Refused while a run works on them: what it is just changing is no news."""
        with self.terraform.alone(LOOK_SECONDS):
            return self._look(expected)

    def _look(self, expected: Sequence[str]) -> list[Finding]:
        position = self.book.position()
        self._look_where_we_are(position)
        try:
            plan = self.plan(position)
        except Refused as refused:
            planned = list(refused.findings)
        else:
            self.terraform.discard(plan)
            judgement = judge(read_changes(plan.shown, self.kinds), position, self.kinds)
            planned = [*judgement.refusals, *judgement.notes]
        things = self.list_things()
        comparison = self.compare(position, things)
        servers = self._known_servers()
        missing = describe_missing(things, expected, position, servers) if self.kinds.listing != "none" else []
        planned = [finding for finding in planned if finding not in missing]
        there = {thing.id for thing in things}
        standing = {name: ident for name, ident in servers.items() if ident in there}
        rebuilt = describe_rebuilt(self.listing, standing, position) if isinstance(self.listing, ServerDeeds) else []
        return [*missing, *rebuilt, *planned, *comparison.refusals, *comparison.notes, *self.observe_openings()]

    def _known_servers(self) -> dict[str, str]:
        """Name → the cloud's id, of the servers that the state holds."""
        return {known.index: _cloud_id(known) for known in self._known() if self._kind(known) is Kind.SERVER}

    def observe_openings(self) -> list[Finding]:
        """What is reached on the servers from here and should not be, or the other way round; of a module without rules nothing."""
        rules = [read_opening(known.values) for known in self._known() if self._kind(known) is Kind.RULE]
        openings = [opening for opening in rules if opening is not None]
        if not openings:
            return []
        return judge_openings(observe_openings(self.terraform.outputs().values(), openings), openings, self.system)

    def release(self, ids: Sequence[str], why: str) -> list[KeptVolume]:
        """Delete volumes that were kept, by a person's word. Raises Refused for any that is not kept for this system."""
        kept = {volume.id: volume for volume in self.book.kept()}
        unknown = [ident for ident in ids if ident not in kept]
        if unknown:
            raise Refused(
                say("cloud.not_kept", system=self.system, unknown=tuple(unknown)), where=self.system, remedy=say("cloud.kept_lists")
            )
        volumes = [kept[ident] for ident in (ids or kept)]
        for volume in volumes:
            self.listing.remove(Thing(Kind.VOLUME, volume.id, volume.name, self.system))
            self.book.release(volume, why)
        return volumes

    def compare(self, position: Position, things: Sequence[Thing] | None = None) -> Comparison:
        """What the cloud has (``things``: listed just now) against what the state knows. Changes nothing."""
        return compare(self.list_things() if things is None else things, self._known_ids(), position, left=self._left_alone())

    def _left_alone(self) -> frozenset[str]:
        """Ids that stay by a person's word, and volumes that an earlier migration left and that are kept."""
        return self.not_ours | {volume.id for volume in self.book.kept()}

    def _known_ids(self) -> frozenset[str]:
        """What the state holds, as the cloud calls it."""
        return frozenset(_cloud_id(resource) for resource in self._known())

    def _known(self) -> tuple[KnownResource, ...]:
        """What the state holds. Raises Refused where it is another system's, put here by mistake: a plan by it, or a destroy, would take
        that one's servers away."""
        known = self.terraform.known()
        others = {f"{resource.address}: {owner}": None for resource in known if (owner := system_of(resource.values)) not in ("", self.system)}
        if others:
            raise Refused(
                say("cloud.state_of_another", system=self.system, others=tuple(others)[:SHOWN_OTHERS]),
                where=str(self.terraform.folder), remedy=say("cloud.put_own_state"),
            )  # fmt: skip
        return known

    def list_things(self) -> list[Thing]:
        """Everything on the cloud that bears this system's mark or one of its servers' names."""
        return self.listing.list_things(self.system, frozenset(self.inputs["servers"]))

    def _clear_leftovers(self, position: Position) -> None:
        """Take away what our unfinished runs left. Raises Refused, naming all of it, where anything is not proved to be ours."""
        comparison = self.compare(position)
        for note in comparison.notes:
            self.say(note.message)
        if comparison.refusals:
            raise Refused(
                say("cloud.cloud_unknown", system=self.system),
                findings=comparison.refusals, where=self.system,
            )  # fmt: skip
        self._remove(comparison.leftovers)

    def _remove(self, things: Sequence[Thing]) -> None:
        for thing in things:
            self.say(str(say("cloud.leftover_gone", label=thing.label)))
            self.listing.remove(thing)
            self.book.removed(thing.label, thing.id, thing.run)

    def _explain(self, error: ToolError) -> ToolError:
        """The cloud's own reason, of a server or volume in error, which Terraform does not pass on."""
        try:
            things = self.list_things()
        except ToolError:
            return error
        reasons = [
            say("cloud.thing_failed", label=thing.label, status=thing.status, why=thing.why or say("cloud.no_reason"))
            for thing in things
            if "ERROR" in thing.status.upper()
        ]
        if not reasons:
            return error
        return ToolError(
            say("cloud.said_also", what=error.says, reasons=tuple(reasons)), where=error.place, remedy=error.mend, retryable=True
        )

    # ------------------------------------------------------------ taking back

    def take_back(self, *, expected: Sequence[str], keep_volumes: bool) -> None:
        """Destroy the servers; see ``_take_back``. A cloud that has too much to do for now is asked again, three times."""
        deed = partial(self._take_back, expected=expected, keep_volumes=keep_volumes)
        with self.terraform.alone():
            ask_again_while_busy(deed, self.say, self._become_patient)

    def _take_back(self, *, expected: Sequence[str], keep_volumes: bool) -> None:
        """Destroy the servers. ``expected``: names of those that the journal says were handed over.

        With ``keep_volumes`` their volumes stay until a person releases them; without, what lay on them was never handed over.
        Again is fine. Raises ToolError when there is nothing to destroy where servers are expected, and we did not begin to take
        them away ourselves; NeedsPerson when something of ours is left.
        """
        position = self.book.position()
        self._put_state_back()
        self._look_where_we_are(position)
        things = self.list_things()
        self._look_for_locks(things)
        self._look_for_neighbours(things)
        known = self._known()
        if keep_volumes:
            self._look_for_unknown(known)
        if not known:
            self._take_back_by_mark(things, expected, keep_volumes=keep_volumes)
        volumes = [resource for resource in known if self._kind(resource) is Kind.VOLUME]
        disks = [
            KeptVolume(resource.ident, str(resource.values.get("name") or resource.index), handed_over=keep_volumes)
            for resource in volumes
            if "/" not in resource.ident
        ]
        self.book.keep(disks)
        self.book.take_away(expected)
        self._take_leftovers(position, things if known else None)  # a port that no state knows keeps its security group: Terraform would wait for it, and fail
        self.terraform.forget(list(dict.fromkeys(resource.address for resource in volumes)))  # one that is deposed has the same
        self._destroy(Position(self.system, Stand.NOTHING, position.unfinished))
        left = self._take_leftovers(position)
        if keep_volumes:
            if disks:
                self.say(str(say("cloud.kept_until", name=tuple(disk.name for disk in disks))))
        else:
            self._release(self._half_taken_back())  # whatever else is there: these are ours, and nothing was ever put on them
        self._refuse_what_is_left(left)

    def _destroy(self, position: Position) -> None:
        """Once more, where it failed on what a killed run had asked for and a busy cloud made only after we had looked: its port, say,
        holds the security group."""
        try:
            self.terraform.destroy(self._inputs_to_destroy())
        except ToolError as error:
            belated = () if isinstance(error, Stopped) else self._find_belated(position)
            if not belated:
                raise
            self._remove(belated)
            self.terraform.destroy(self._inputs_to_destroy())

    def _kind(self, resource: KnownResource) -> Kind:
        return self.kinds.kind_of(resource.resource_type, resource.name)

    def _look_for_unknown(self, known: Sequence[KnownResource]) -> None:
        """What the module does not name may be a volume that something was copied to: it is not destroyed with the servers."""
        unknown = [resource.address for resource in known if self._kind(resource) is Kind.UNKNOWN]
        if unknown:
            raise NeedsPerson(
                say("cloud.module_silent", name=self.module.name, unknown=tuple(unknown)),
                where=str(self.module / FILE),
                remedy=say("cloud.name_types"),
            )

    def _look_for_locks(self, things: Sequence[Thing]) -> None:
        """A locked server would be left standing, and the others destroyed: so it is asked for first."""
        locked = [thing.label for thing in things if thing.kind is Kind.SERVER and thing.detail.get("locked")]
        if locked:
            raise ToolError(
                say("cloud.locked", locked=tuple(locked)), where=self.system,
                remedy=say("cloud.unlock"),
            )  # fmt: skip

    def _look_for_neighbours(self, things: Sequence[Thing]) -> None:
        """A group that somebody else's port uses cannot go: Terraform would destroy the servers and then wait for it ten minutes."""
        ours = {thing.id for thing in things if thing.kind is Kind.PORT and thing.system == self.system}
        groups = [thing for thing in things if thing.kind is Kind.ACCESS and thing.system == self.system]
        foreign = {port: label for group in groups for port, label in group.detail.get("users", {}).items() if port not in ours}
        foreign = {port: label for port, label in foreign.items() if port not in self._known_ids()} if foreign else {}
        if foreign:
            raise ToolError(
                say("cloud.group_shared", ports=tuple(sorted(foreign.values())), system=self.system),
                where=self.system, remedy=say("cloud.take_group_off"),
            )  # fmt: skip

    def _inputs_to_destroy(self) -> dict[str, Any]:
        """Those of the last plan, since today's may be refused; and nothing is looked up by name, since it may be retired."""
        last = self.terraform.last_inputs() or dict(self.inputs)
        settled = {"settled": True} if "settled" in variables_of(self.module) else {}
        return {**last, **settled, **self._wait_settings()}

    def _take_back_by_mark(self, things: Sequence[Thing], expected: Sequence[str], *, keep_volumes: bool) -> None:
        """The state knows nothing. What bears the mark of a run of ours is taken away by it; its volumes as ``take_back`` says."""
        runs = self.book.runs()
        ours = [thing for thing in things if thing.system == self.system and thing.run in runs]
        missing = set(expected) - {thing.name for thing in ours if thing.kind is Kind.SERVER} - self.book.being_taken_away()
        if missing and self.kinds.listing != "none":
            raise ToolError(
                say("cloud.journal_says", missing=tuple(sorted(missing))),
                where=str(self.terraform.folder),
                remedy=say("cloud.find_out"),
            )
        kept = {volume.id for volume in self.book.kept()}
        volumes = [thing for thing in ours if thing.kind is Kind.VOLUME and thing.id not in kept]
        self.book.keep(KeptVolume(thing.id, thing.name, handed_over=keep_volumes) for thing in volumes)
        self.book.take_away(expected)
        going = {thing.id for thing in ours}
        # A server group bears no mark: it goes by its system's name, where nobody else's server is in it.
        groups = [thing for thing in things if thing.kind is Kind.PLACEMENT and thing.name == self.system and going.issuperset(thing.used_by)]
        self._remove([*(thing for thing in ours if thing.kind is not Kind.VOLUME), *groups])

    def _refuse_what_is_left(self, comparison: Comparison) -> None:
        """Terraform said that it destroyed everything, and the cloud was asked whether that is so."""
        if comparison.refusals:
            raise NeedsPerson(
                say("cloud.still_has", message=tuple(finding.says for finding in comparison.refusals)),
                where=self.system,
                remedy=comparison.refusals[0].mend,
            )

    def _take_leftovers(self, position: Position, things: Sequence[Thing] | None = None) -> Comparison:
        """Takes away what is proved to be of our runs and stands in no state. Returns what was seen."""
        comparison = self.compare(Position(self.system, Stand.NOTHING, position.unfinished), things)
        self._remove(comparison.leftovers)
        return comparison

    def _release(self, disks: Sequence[KeptVolume]) -> None:
        for disk in disks:
            self.listing.remove(Thing(Kind.VOLUME, disk.id, disk.name, self.system))
            self.book.release(disk, "it was never handed over")


def _cloud_id(resource: KnownResource) -> str:
    """Of Terraform's own record of a server: the server's name."""
    return resource.index if resource.resource_type == "terraform_data" else resource.ident
