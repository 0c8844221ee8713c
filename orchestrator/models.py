"""The nouns of the domain (see the glossary in docs/glossary.md). Pure data: no I/O, no behaviour beyond validation."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

SystemId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
HostName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""Host names are used as inventory keys, folder names and log labels: an allow-list, not a free string."""
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_NAMED = "[A-Za-z]([0-9A-Za-z.:-]{0,252}[0-9A-Za-z])?|[0-9][0-9.]*([A-Za-z]|[A-Za-z:-][0-9A-Za-z.:-]{0,252}[0-9A-Za-z])"
Address = Annotated[str, StringConstraints(pattern=rf"^({_BYTE}(\.{_BYTE}){{3}}|{_NAMED})$", max_length=254)]
"""A name, or an address in numbers: what is of digits and dots alone is four bytes."""
Port = Annotated[int, Field(ge=1, le=65535)]
SqlName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_$]{0,62}$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00\n\r]{1,1000}$")]
UnitName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9:_.\\@-]{0,250}$")]
"""A unit of systemd, ``queue@3.service``; without a suffix a service."""
SecretRef = Annotated[str, StringConstraints(pattern=r"^(env|file|vault|prefect):[^\x00\n\r]{1,500}$")]
"""``env:NAME``, ``file:/path``, ``vault:/path#key``, ``prefect:block-name``: a reference, never a value."""
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]{0,63}$")]
Skill = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-4]):[0-5]\d$")]


def _as_text(value: Any) -> Any:
    """``2015`` and ``443`` are numbers in YAML."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


PartialDate = Annotated[
    str, BeforeValidator(_as_text), StringConstraints(pattern=r"^(19|20)\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$")
]
"""A day, a month or a year, as precise as it is known: ``2015-06-30``, ``2015-06``, ``2015``."""
PortRange = Annotated[str, BeforeValidator(_as_text), StringConstraints(pattern=r"^[1-9]\d{0,4}(-[1-9]\d{0,4})?$")]
"""``443``, or ``8080-8090``."""


class Noun(BaseModel):
    """Base of every noun: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, defer_build=True)


class Level(StrEnum):
    MUNICIPAL = "municipal"  # 市直
    COUNTY = "county"  # 县、市、区


class OrganisationType(StrEnum):
    GOVERNMENT = "government"  # 政府
    PARTY_MASS = "party_mass"  # 党群 (outside the count, R1)
    INSTITUTION = "institution"  # 事业单位
    OTHER = "other"


class Kind(StrEnum):
    DATABASE = "database"  # 数据库
    APPLICATION = "application"  # 应用系统


class Status(StrEnum):
    IN_USE = "in_use"  # 已建
    UNDER_CONSTRUCTION = "under_construction"  # 在建
    RETIRED = "retired"  # 停用


class Network(StrEnum):
    GOVERNMENT_EXTRANET = "government_extranet"  # 政务外网
    GOVERNMENT_INTRANET = "government_intranet"  # 政务内网
    INTERNET = "internet"  # 互联网
    DEDICATED = "dedicated"  # 专网


class RunsAt(StrEnum):
    """Where a system runs now."""

    OWN_ROOM = "own_room"  # 自建机房
    CITY_CLOUD = "city_cloud"  # 市政务云: the target of this programme, nothing left to move
    OTHER_CLOUD = "other_cloud"  # 省政务云、公有云
    CARRIER_ROOM = "carrier_room"  # 运营商机房、托管
    SERVICE = "service"  # 租用服务、上级统建: run by others as a whole


class LicenceBinding(StrEnum):
    """What the software's licence is bound to, and what must therefore come along or be issued anew."""

    NONE = "none"  # 不绑定
    DONGLE = "dongle"  # 加密狗
    MACHINE = "machine"  # 绑定主机: MAC address, processor, disk
    ONLINE = "online"  # 联网授权


class Strategy(StrEnum):
    """What becomes of a system: one of the three ways of R3, in order of preference, or one of two in which nothing moves."""

    CLOUD_DEPLOYMENT = "cloud_deployment"  # 部署上云
    DEVICE_RELOCATION = "device_relocation"  # 设备迁移和云平台部署相结合
    HOSTING = "hosting"  # 整体搬迁、服务托管
    RETIRE = "retire"  # 停用退出
    ALREADY_ELSEWHERE = "already_elsewhere"  # 已在云上，或由上级、厂商运行

    @property
    def moves(self) -> bool:
        """Whether there is something to migrate: it is planned, counted against the targets, and run."""
        return self not in {Strategy.RETIRE, Strategy.ALREADY_ELSEWHERE}


class Excluded(StrEnum):
    """Why a system is outside the count (R1, R2)."""

    CLASSIFIED = "classified"
    PARTY_MASS = "party_mass"
    RETIRED = "retired"


class Department(Noun):
    id: SystemId
    name: Name
    name_en: str | None = None
    level: Level = Level.MUNICIPAL
    organisation_type: OrganisationType = OrganisationType.GOVERNMENT


class Room(Noun):
    """A machine room (机房). ``self_built`` rooms must close (R12)."""

    id: SystemId
    name: Name
    owner: str | None = None
    """The department by its id; as it was written, where it is on no list."""
    self_built: bool = True
    exception: str | None = None


class Landing(Noun):
    """Where a whole server (整机) is brought to by its file systems: a folder that is filled from outside while nothing runs from it, and
    is booted afterwards. That is all that a container's root and a disk in rescue mode have in common, and all that is relied on."""

    name: HostName
    """The machine that the folder stands on while it is filled."""
    address: Address
    ssh_port: Port = 22
    ssh_user: UserName = "root"
    root: AbsolutePath
    """The new server's root. Everything in it is replaced, and taken away when the migration goes back."""
    own: AbsolutePath | None = None
    """A folder on the same machine with what the new server has of its own (``etc/hosts``, ``etc/fstab``, ``etc/network`` …): laid over
    the root before it boots, never carried back."""
    boots: Literal["container", "machine"] = "container"
    """A container shares its machine's kernel. A machine has one of its own, and a boot loader: they are put onto the disk whose only
    file system is mounted at the folder, which is let go before the boot and mounted again once it is off."""
    boot: Annotated[tuple[str, ...], Field(min_length=1)]
    """argv on that machine by which what stands in the folder is switched on; it may return before it is up."""
    off: Annotated[tuple[str, ...], Field(min_length=1)]
    """argv by which it is shut down; it may be off already. Of a machine: its disk is there again when it returns, or soon after."""
    console: tuple[str, ...] = ()
    """argv on that machine that prints the end of what the new server wrote to its console: told when it does not come up."""
    boot_seconds: Annotated[float, Field(gt=0)] = 300
    """How long it may take until every service is healthy; then the old server is started again."""
    stop_seconds: Annotated[float, Field(gt=0)] = 300
    """How long all services together may take to stop."""
    exclude: tuple[AbsolutePath, ...] = ()
    """What is not carried at all, beside what no server needs: whoever names a mount here takes care of it."""
    per_side: tuple[AbsolutePath, ...] = ()
    """What each side keeps for itself, beside the usual."""
    at_rest: tuple[AbsolutePath, ...] = ()
    """Trees that mean something only while nobody writes, beside those that are found open for writing and the databases' folders."""
    readdress: tuple[AbsolutePath, ...] = ()
    """Files in which the old address becomes the new one on the new server."""
    keep_units: tuple[UnitName, ...] = ()
    """Units that go on running on the side that is stopped, beside what it needs to be reached."""


class Host(Noun):
    name: HostName
    address: Address
    ssh_port: Port = 22
    ssh_user: UserName = "root"
    become: UserName | None = None
    """Account that the work is done as, through sudo, when another one logs in. None: root where systemd runs, else who logs in."""
    manager: Literal["systemd", "processes"] = "systemd"
    """What keeps its services: systemd, or nothing (plain processes)."""
    root: AbsolutePath | None = None
    """Where its own files begin, when it is not a machine of its own: a folder of the one that it shares with other hosts."""
    python: AbsolutePath | None = None
    """Interpreter for what runs on it. None: the distribution's."""
    os: str | None = None
    vcpus: Annotated[int, Field(ge=1)] | None = None
    memory_gb: Annotated[float, Field(gt=0)] | None = None
    disk_gb: Annotated[float, Field(gt=0)] | None = None
    room: str | None = None
    """By its id; as it was written, where it is on no list of rooms."""
    processor: str | None = None
    """Processor architecture as a department writes it, e.g. ``x86_64``, ``sparc``."""
    new_address: Address | None = None
    """At the cloud centre; only of a machine that is carried there (hosting), or brought there whole (``landing``)."""
    landing: Landing | None = None
    """Where it is brought to as it is, by its file systems, while it stands where it stands."""
    target: HostName | None = None
    """The server at the cloud centre that takes over from it, by name; where none is named, it is called as this one is, with a suffix."""


class Database(Noun):
    name: SqlName
    engine: str
    """``postgresql``, ``mariadb``, ``mysql``, or a vendor-run engine (``oracle``, ``sqlserver``, ``dm``, ``kingbase``…)."""
    version: str | None = None
    host: HostName
    port: Port = 5432
    role: SqlName | None = None
    """The role the application logs in with."""
    secret: SecretRef | None = None
    admin_role: SqlName | None = None
    """The role the engine logs in with (superuser or equivalent); never the application's."""
    admin_secret: SecretRef | None = None
    size_gb: Annotated[float, Field(ge=0)] | None = None
    shared_storage_cluster: bool | None = None
    data_directory: AbsolutePath | None = None
    """Needed for hosting only: what is backed up cold and compared after transport."""
    wal_level: Literal["minimal", "replica", "logical"] | None = None
    """PostgreSQL, as discovered: anything but ``logical`` means a restart before replication can begin."""


class FileTree(Noun):
    host: HostName
    path: AbsolutePath
    size_gb: Annotated[float, Field(ge=0)] | None = None


class HealthCheck(Noun):
    """How to see from outside that a service is alive. ``expected``: HTTP status, or text the answer must contain."""

    kind: Literal["http", "https", "tcp", "sql"]
    target: str
    """HTTP: path (``/health``); TCP: empty; SQL: a statement that must return one row. ``https``: the service itself speaks TLS."""
    expected: str | None = None
    host_name: Address | None = None
    """HTTP: the Host header, and the name in a TLS handshake, where one web server answers for several names."""
    on_host: bool = False
    """Asked from the host itself: it listens on the host's own loopback only."""


class ConfigFile(Noun):
    """A configuration file that a service needs, and what in it is different where it stands next. Each side keeps its own."""

    path: AbsolutePath
    format: Literal["yaml", "ini", "env", "properties", "php", "json"]
    set: dict[Annotated[str, StringConstraints(min_length=1, max_length=300)], str] = Field(default_factory=dict)
    """By key (``production.host``, ``$db_host``): a literal, a reference as in a service's environment, ``@database.password`` too, or
    a text with references in braces. The file has these keys, or the edit is refused: a misspelt one would change nothing that is read."""
    add: dict[Annotated[str, StringConstraints(min_length=1, max_length=300)], str] = Field(default_factory=dict)
    """The same for keys that the file need not have: set where they stand, else added."""

    @property
    def edits(self) -> dict[str, str]:
        """Every key and its value."""
        return self.set | self.add


class Service(Noun):
    name: SystemId
    host: HostName
    command: tuple[str, ...] = ()
    """argv that starts it; never a shell line."""
    unit: UnitName | None = None
    """Unit of systemd, instead of ``command``: a service, a template's instance, a timer."""
    cron: AbsolutePath | None = None
    """A file of cron's, ``/etc/cron.d/NAME``, instead of ``command``: its jobs are the service."""
    account: UserName | None = None
    """Account that ``command`` runs as. A unit says it itself."""
    shared: bool = False
    """Other systems use it too (a web server): it is reloaded, never stopped."""
    start_seconds: Annotated[float, Field(gt=0)] | None = None
    """How long it takes until it answers. None: 20."""
    port: Port | None = None
    health: HealthCheck | None = None
    singleton: bool | None = None
    """Two instances at once are unsafe (schedulers, queue consumers, schema migrators). None: not answered yet."""
    environment: dict[EnvName, str] = Field(default_factory=dict)
    """Environment of the process. A value is a literal, or exactly one of the references listed in docs/inventory.md
    (``@listen.address``, ``@listen.port``, ``@database.host``, ``@database.port``, ``@database.name``,
    ``@database.role``, ``@database.secret_file``, ``@device.host``, ``@device.port``; with several of a kind ``@database.NAME.host`` …), looked up in a table: never
    evaluated."""
    files: tuple[ConfigFile, ...] = ()
    """Configuration files that come along, edited."""
    entry: HostName | None = None
    """Name of the public entry (HTTP load balancer backend) that citizens reach it by."""


class Device(Noun):
    """Dedicated special equipment (专用特殊设备)."""

    name: SystemId
    model: str
    address: Address | None = None
    """None: nobody told it (a dongle has none); it is asked for before the system can move."""
    port: Port | None = None
    management: Literal["ssh_cli", "manual"] = "manual"
    management_port: Port = 22
    management_user: UserName | None = None
    secret: SecretRef | None = None
    serial: str | None = None
    needs: str | None = None
    """What the new site must provide (power, rack units, cabling)."""
    travel_outage_minutes: Annotated[float, Field(gt=0)] | None = None
    """Announced outage while it travels."""
    new_address: Address | None = None
    """At the cloud centre."""


class Link(Noun):
    """R8."""

    peer: str
    direction: Literal["in", "out", "both"] = "both"
    address: Address | None = None
    port: Port | None = None
    purpose: Literal["vertical", "horizontal", "chutian_cloud"] = "horizontal"


class Window(Noun):
    """When a cutover may happen. ``end`` ≤ ``start`` crosses midnight; ``24:00`` is the end of the day."""

    days: Literal["daily", "workday", "weekend", "holiday"] | tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = "daily"
    start: Clock
    end: Clock


class SharingClass(StrEnum):
    UNCONDITIONAL = "unconditional"  # 无条件共享
    CONDITIONAL = "conditional"  # 有条件共享
    NOT_SHARED = "not_shared"  # 不予共享


class DataResource(Noun):
    """One entry of the catalogue (政务信息资源目录, R13)."""

    name: Name
    database: SqlName | None = None
    basic_category: Literal["population", "legal_entities", "spatial_geography", "macro_economy", "buildings"] | None = None
    theme: Literal["credit", "tax", "health", "traffic"] | None = None
    source_of_truth: bool | None = None
    sharing: SharingClass | None = None
    form: Literal["front_end_server", "api", "file"] | None = None
    update_frequency: str | None = None


class InterruptionBudget(Noun):
    """R5. Longest client-visible gap and failed requests that one cutover may cost."""

    gap_ms: Annotated[int, Field(gt=0)] = 1000
    failed_requests: Annotated[int, Field(ge=0)] = 0
    outage_minutes: Annotated[float, Field(ge=0)] | None = None
    """Announced outage, for hosting and vendor-run databases."""


class System(Noun):
    """One information system: the unit that is counted and moved. Countable with the first block filled,
    plannable with the second, movable with the third (docs/inventory.md)."""

    # countable
    id: SystemId
    name: Name
    name_en: str | None = None
    department: SystemId
    kind: Kind
    status: Status
    row_no: int | None = None
    # plannable
    protection_grade: Annotated[int, Field(ge=1, le=5)] | None = None
    """等保 (GB/T 22239). None: not graded (未定级) or not answered; ``grade_answered`` tells them apart."""
    grade_answered: bool = False
    architecture: str | None = None
    os: str | None = None
    dbms: str | None = None
    data_gb: Annotated[float, Field(ge=0)] | None = None
    servers: Annotated[int, Field(ge=0)] | None = None
    vcpus: Annotated[float, Field(ge=0)] | None = None
    memory_gb: Annotated[float, Field(ge=0)] | None = None
    storage_gb: Annotated[float, Field(ge=0)] | None = None
    virtualised: bool | None = None
    special_equipment: bool | None = None
    special_equipment_note: str | None = None
    room: str | None = None
    network: Network | None = None
    depends_on: tuple[SystemId, ...] = ()
    users: Literal["internal", "public", "both"] | None = None
    service_hours: str | None = None
    max_interruption_minutes: Annotated[float, Field(ge=0)] | None = None
    vendor: str | None = None
    installable: bool | None = None
    supported: bool | None = None
    processor: str | None = None
    shared_storage_cluster: bool | None = None
    # asked where it is known; what is not answered stays None (a list: empty)
    middleware: str | None = None
    domains: tuple[Address, ...] = ()
    """Names or addresses that its users reach it by, without scheme, port and path."""
    user_count: Annotated[int, Field(ge=0)] | None = None
    concurrent_users: Annotated[int, Field(ge=0)] | None = None
    in_service_since: PartialDate | None = None
    runs_at: RunsAt | None = None
    retiring: bool | None = None
    """To be switched off or replaced (拟停用), whether or not the date is known."""
    planned_end: PartialDate | None = None
    database_owner: SystemId | None = None
    """The system whose database it uses. None: its own, or not answered."""
    file_gb: Annotated[float, Field(ge=0)] | None = None
    """Files apart from databases; ``data_gb`` does not hold them."""
    backup: str | None = None
    operator: str | None = None
    """Who runs it from day to day (运维单位), as it is written."""
    open_ports: tuple[PortRange, ...] = ()
    licence_binding: LicenceBinding | None = None
    end_of_support: PartialDate | None = None
    """Until when the makers support the software it stands on."""
    annual_cost_wan: Annotated[float, Field(ge=0)] | None = None
    """年运维费, in 万元."""
    domestic: str | None = None
    """国产化情况, as it is written."""
    # movable
    security_owner: str | None = None
    data_owner: str | None = None
    protection_standard: str | None = None
    """What security is held to, as the department writes it, e.g. ``GB/T 22239-2019``. None: GB/T 22239 as it applies to its grade."""
    contact: str | None = None
    phone: str | None = None
    """Personal data: never in reports or logs."""
    remark: str | None = None
    hosts: tuple[Host, ...] = ()
    databases: tuple[Database, ...] = ()
    file_trees: tuple[FileTree, ...] = ()
    services: tuple[Service, ...] = ()
    devices: tuple[Device, ...] = ()
    links: tuple[Link, ...] = ()
    windows: tuple[Window, ...] = ()
    data_resources: tuple[DataResource, ...] = ()
    interruption: InterruptionBudget | None = None
    trial_run_seconds: Annotated[float, Field(ge=0)] | None = None
    unknown: dict[str, str] = Field(default_factory=dict)
    """Columns of the department's form that we do not know: kept and listed, never interpreted."""


class ExcludedRow(Noun):
    """A row outside the count. A classified one holds nothing but department, row number and the fact (R2)."""

    department: SystemId
    reason: Excluded
    row_no: int | None = None
    answered: bool = True
    """False: treated as classified until its department answers whether it is."""
    system: System | None = None
    """Only for reasons other than ``classified``."""


class Inventory(Noun):
    departments: tuple[Department, ...] = ()
    rooms: tuple[Room, ...] = ()
    systems: tuple[System, ...] = ()
    """In the count, all levels; sorted by id."""
    excluded: tuple[ExcludedRow, ...] = ()


# ---------------------------------------------------------------- what policy says (R3, R4)


class Reason(Noun):
    """One rule that spoke: its id, its words, the fact it looked at and where that fact came from."""

    rule: str
    zh: str
    en: str
    source: str = ""
    fact: str = ""
    place: str = ""


Score = Annotated[int, Field(ge=0, le=100)]


class Verdict(Noun):
    system: SystemId
    strategy: Strategy
    readiness: Score
    """Missing answers count as bad ones: a system that nobody knows is not ripe."""
    complexity: Score
    """By what is known; ``complexity_range`` says how far missing answers could move it."""
    readiness_range: tuple[Score, Score] | None = None
    complexity_range: tuple[Score, Score] | None = None
    """From every missing answer being good to every one being bad."""
    ripe: bool = False
    simple: bool = False
    """条件成熟、架构相对简单, by the policy's thresholds."""
    confidence: Score = 100
    reasons: tuple[Reason, ...] = ()
    would_change: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()
    doubts: tuple[Reason, ...] = ()
    """What a remark or a note says against an answer. It never decides: the answer is open until somebody looks."""
    vendor_run: bool = False
    needs_restart: bool = False
    no_source: bool = False
    end_of_support: bool = False
    not_first: bool = False
    """Never in the first wave, whatever its scores."""
    overridden_by: str | None = None
    policy_strategy: Strategy | None = None
    """What policy said before an override."""


# ---------------------------------------------------------------- the plan (R4, R7)


class PlanEntry(Noun):
    system: SystemId
    strategy: Strategy
    phase: str
    wave: int
    order: int
    """Position within the wave: what it depends on has a lower one, or an equal one inside a cycle (moved together)."""
    window_start: dt.datetime
    window_end: dt.datetime
    window_rule: str
    preparation_starts: dt.date | None = None
    """Monday of the first week of its preparation."""
    accepted_by: dt.datetime | None = None
    """End of its trial run when it is cut over in this window: it counts from then on."""
    together_with: tuple[SystemId, ...] = ()
    """The other systems of its cycle of dependencies: prepared, cut over and accepted as one."""
    state: Literal["planned", "done", "under_way"] = "planned"
    reasons: tuple[Reason, ...] = ()
    """Why in this week, and why no earlier."""
    facts: dict[str, Any] = {}
    """What planning knew about the system, by field: names each that has changed since."""


class PlanCount(NamedTuple):
    """A part of a phase's scope (a kind, a department): how many count, are needed, are accepted by the due date."""

    part: str
    in_scope: int
    needed: int
    planned: int


class PlanPhase(Noun):
    """``planned``: accepted by the end of ``due``, trial run included. Whether that is enough: ``planning.shortfall``."""

    id: str
    in_scope: int
    needed: int
    planned: int
    due: dt.date
    name: str = ""
    name_en: str | None = None
    percent: float | None = None
    starts: dt.date | None = None
    by_kind: tuple[PlanCount, ...] = ()
    by_department: tuple[PlanCount, ...] = ()


class PlanWave(Noun):
    """A week with cutovers."""

    number: int
    starts: dt.date
    ends: dt.date
    systems: tuple[SystemId, ...]
    """In the order of their cutovers."""


class Said(Noun):
    """What kept English words were made from (``texts.pack``): codes and values, for readers of another language."""

    message: JsonValue = None
    remedy: JsonValue = None


class _WithSaid(Noun):
    """Has English words, and beside them what they were made from; a plan of an older release has only the words, and its digest stays."""

    said: Said | None = None

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = dump(self)
        if data.get("said") is None:
            data.pop("said", None)
        return data


class PlanNote(_WithSaid):
    """What a reader of the plan must know: a warning, a system that is not planned, a live violation."""

    code: str
    message: str
    remedy: str = ""
    system: str = ""


class MovedPromise(_WithSaid):
    """A re-plan gave a system another week than the former plan did."""

    system: SystemId
    promised: dt.datetime
    now: dt.datetime | None = None
    """None: not planned any more."""
    why: str = ""


class PlanBaseline(Noun):
    """The frozen denominator that the targets were counted against (R7)."""

    frozen: dt.date
    changes: int
    """Recorded since it was frozen: added, retired, found classified."""
    systems: int


class Plan(Noun):
    """A value: what moves when. ``digest`` is SHA-256 over its canonical JSON without the digest."""

    digest: str
    inventory_digest: str
    policy_digest: str
    entries: tuple[PlanEntry, ...]
    phases: tuple[PlanPhase, ...]
    programme_digest: str = ""
    programme: dict[str, Any] = {}
    """The settings of ``program.yaml`` that it was made of."""
    counting: str = "all_together"
    baseline: PlanBaseline | None = None
    """None: nobody had frozen one, the inventory of that day was counted."""
    starts: dt.date | None = None
    target: dict[str, Any] = {}
    """Where servers are made: the Terraform module and its own inputs (``[cloud.inputs]``)."""
    waves: tuple[PlanWave, ...] = ()
    notes: tuple[PlanNote, ...] = ()
    moved: tuple[MovedPromise, ...] = ()
    """Only in a re-plan: broken promises."""
    replaces: str = ""
    """Only in a re-plan: digest of the former plan."""


# ---------------------------------------------------------------- where things run


class PgBouncerGateway(Noun):
    """Holds a site's PostgreSQL sessions. The file has one ``name = host=… port=…`` line a database."""

    host: HostName
    address: Address
    port: Port
    admin_role: SqlName
    secret: SecretRef
    databases_file: AbsolutePath


class HttpGateway(Noun):
    """HAProxy with its runtime API, on TCP or as a socket file on its host."""

    host: HostName
    address: Address
    runtime_port: Port | None = None
    runtime_socket: AbsolutePath | None = None
    """Where there is no ``runtime_port``; needs ``ssh``."""
    ssh: Host | None = None
    """How its host is reached: for the socket file, and for a switch that outlives its restart."""
    config_file: AbsolutePath | None = None
    """What HAProxy reads when it starts; needs ``ssh``. Without it a restart forgets a switch."""


class TcpGateway(HttpGateway):
    """HAProxy in TCP mode before databases without a pooler: it holds new connections (docs/gateway.md)."""

    folder: AbsolutePath
    """Where the words lie by which it holds, and the places to which it leads."""
    ports: dict[str, Port] = Field(default_factory=dict)
    """By a database's name: the port at ``address`` where its clients come in."""


class Site(Noun):
    """A place where machines stand: an old room or the cloud centre."""

    id: SystemId
    kind: Literal["room", "cloud"]
    address_range: str
    gateway: Host
    servers: tuple[Host, ...] = ()
    """Machines that stand there already, for the Terraform module ``existing``."""
    pgbouncer: PgBouncerGateway | None = None
    haproxy: HttpGateway | None = None
    tcp: TcpGateway | None = None


class Entry(HttpGateway):
    """The load balancer at the edge of the city's network by which citizens reach HTTP services."""

    ports: dict[str, Port] = Field(default_factory=dict)
    """By a service's ``entry``: the port at ``address`` where citizens reach it."""
    tls: tuple[str, ...] = ()
    """Those of ``ports`` where citizens speak TLS, wherever it ends: here, or at the service."""
    backends: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """By a service's ``entry``: HAProxy's backends that are its. Needed where several systems share a web server and a port of the entry."""


class Standard(Noun):
    """What every server on the cloud must show that takes over a system of this protection grade or a higher one (R10, R14)."""

    from_grade: Annotated[int, Field(ge=1, le=5)]
    network: str | None = None
    """Where such servers stand, in CIDR form. Of several that apply the one of the highest grade holds."""
    filtered: bool = False
    """What is not allowed in is refused: policy ``drop``, or a last rule that drops or rejects."""
    audited: bool = False
    """auditd is at work."""
    forwarded: bool = False
    """What is logged goes to another machine too."""
    clock: bool = False
    """Something keeps the clock: chrony, ntp or systemd-timesyncd."""
    passwords: bool = True
    """False: sshd lets nobody in by password."""
    backup: tuple[UnitName, ...] = ()
    """Units at work by which the server is backed up."""
    monitoring: tuple[UnitName, ...] = ()
    agents: tuple[UnitName, ...] = ()
    """Whatever else must be at work: a scanner, a bastion's agent."""


class Sites(Noun):
    sites: tuple[Site, ...]
    entry: Entry | None = None
    standards: tuple[Standard, ...] = ()
    peers: dict[str, Host] = Field(default_factory=dict)
    """By a link's ``peer``: a machine of that party, or beside it, where we may log in: from there it is tried who reaches us."""

    def standards_for(self, grade: int | None) -> list[Standard]:
        """Those that hold for a system of this grade, the highest last; all of them where nobody knows its grade."""
        return sorted((one for one in self.standards if grade is None or one.from_grade <= grade), key=lambda one: one.from_grade)
