"""The report's words for what the journal keeps as codes. Tests hold them to the engine's and the steps' own words."""

from __future__ import annotations

from orchestrator import texts
from orchestrator.models import Excluded, Kind, Level, Status
from orchestrator.policy.assess import STRATEGY_EN, STRATEGY_ZH
from orchestrator.reports.values import Mark, Words

ENDINGS = ("accepted", "rolled_back_before_cutover", "rolled_back_after_cutover", "rolled_back_target_lost", "cancelled", "needs_a_person")
STATES: dict[str, tuple[str, str]] = {
    # the six endings
    **{ending: texts.both(f"ending.{ending}") for ending in ENDINGS},
    # under way
    "forward": ("迁移中", "under way"),
    "trial_run": ("试运行", "trial run"),
    "going_back": ("正在回切", "going back"),
    "undoing": ("正在撤销", "undoing"),
    "retired": ("已停用退出", "retired: switched off, kept, its room freed"),
    # nothing is migrated
    "retire": ("拟停用，不迁移", "to be retired, not migrated"),
    "already_elsewhere": ("已在别处运行，无需迁移", "elsewhere already, nothing to migrate"),
    # not begun
    "planned": ("已列入计划", "planned"),
    "not_planned": ("未列入计划", "not planned"),
}
STRATEGIES = {str(key): (zh, STRATEGY_EN[key]) for key, zh in STRATEGY_ZH.items()}
_GATES = ("initial_acceptance", "approve_cutover", "approve_retirement", "final_acceptance", "target_lost")
GATES = {name: texts.both(f"gate.{name}") for name in _GATES}
OUTCOMES = {"approved": ("同意", "approved"), "refused": ("不同意", "refused"), "done": ("完成", "done")}
GATE_COMMANDS = {"initial_acceptance": "accept", "approve_cutover": "approve", "approve_retirement": "approve", "final_acceptance": "accept"}
OPEN = {
    "error": ("错误", "error"),
    "warning": ("警告", "warning"),
    "alarm": ("告警", "alarm"),
    "owed": ("待清理", "clean-up owed"),
}
DIRECTIONS = {
    "forward": ("切换上云", "to the cloud"),
    "back": ("回切", "back to the source"),
    "forward_given_up": ("切换上云（未成，仍在原处）", "to the cloud, given up"),
    "back_given_up": ("回切（未成，仍在云上）", "back to the source, given up"),
}
OUTAGES = {"device_outage": ("设备搬迁停用", "device travels"), "hosting_outage": ("整体搬迁停机", "whole relocation"),
           "vendor_outage": ("厂商实施停机", "vendor's migration"), "server_outage": ("整机搬迁停机", "whole server")}
KINDS = {Kind.DATABASE: ("数据库", "database"), Kind.APPLICATION: ("应用系统", "application")}
LEVELS = {Level.MUNICIPAL: ("市直", "municipal"), Level.COUNTY: ("县、市、区", "county")}
STATUSES = {
    Status.IN_USE: ("已建", "in use"),
    Status.UNDER_CONSTRUCTION: ("在建", "under construction"),
    Status.RETIRED: ("停用", "retired"),
}
EXCLUDED = {
    Excluded.CLASSIFIED: ("涉密系统（不迁移）", "classified (not migrated)"),
    Excluded.PARTY_MASS: ("党群部门（不计入）", "party and mass organisations (not counted)"),
    Excluded.RETIRED: ("停用", "retired"),
}
UNANSWERED = "unanswered"
"""A row whose classification nobody answered: handled as a classified one, never called one."""
APART = {
    UNANSWERED: ("是否涉密未填（答复前不计入）", "classification not answered (not counted until it is)"),
    "retire": ("拟停用（不迁移）", "to be retired (not migrated)"),
    "already_elsewhere": ("已在别处运行（无需迁移）", "elsewhere already (nothing to migrate)"),
}
READINGS = {
    "all_together": ("全部合计", "all together"),
    "per_kind": ("按类别分别计算", "per kind"),
    "per_department": ("按单位分别计算", "per department"),
}
CHANGES = {
    "added": ("新增", "added"),
    "moved": ("统计口径变更", "counted otherwise"),
    "retired": ("停用", "retired"),
    "classified": ("认定为涉密", "found classified"),
    "elsewhere": ("已在别处运行", "elsewhere already"),
}
CATEGORIES = {
    "population": ("人口", "population"),
    "legal_entities": ("法人", "legal entities"),
    "spatial_geography": ("空间地理", "spatial geography"),
    "macro_economy": ("宏观经济", "macro-economy"),
    "buildings": ("建筑物", "buildings"),
    "credit": ("信用", "credit"),
    "tax": ("税收", "tax"),
    "health": ("健康", "health"),
    "traffic": ("交通", "traffic"),
}
SHARING = {
    "unconditional": ("无条件共享", "unconditional"),
    "conditional": ("有条件共享", "conditional"),
    "not_shared": ("不予共享", "not shared"),
}
FORMS = {"front_end_server": ("前置机", "front-end server"), "api": ("接口", "API"), "file": ("文件", "file")}
EVENTS: dict[str, tuple[str, str]] = {
    "plan_saved": ("保存计划", "plan saved"),
    "plan_approved": ("批准计划", "plan approved"),
    "migration_started": ("开始迁移", "migration started"),
    "migration": ("迁移状态变化", "migration changed"),
    "taken_up": ("人工接手", "taken up by a person"),
    "step": ("步骤", "step"),
    "gate_opened": ("等待决定", "gate opened"),
    "gate_reopened": ("重新等待决定", "gate asked anew"),
    "gate_decided": ("作出决定", "gate decided"),
    "task_opened": ("下达人工任务", "task opened"),
    "task_done": ("人工任务完成", "task done"),
    "evidence_accepted": ("证明材料已核", "evidence accepted"),
    "task_reopened": ("人工任务重新下达", "task asked for anew"),
    "measured": ("实测中断", "interruption measured"),
    "breach": ("实测中断（超出预算）", "interruption measured (over budget)"),
    "copied": ("复制记录", "copied"),
    "purged": ("清除涉密内容", "purged"),
    "purge-left": ("清除后待人工处理的文件", "files left by a purge"),
    "words-removed": ("移除涉密文字", "words removed"),
    "catalogue_registered": ("目录登记", "catalogue entry"),
    "catalogue_deregistered": ("目录注销", "catalogue entry removed"),
    "quiet_since": ("停用后静默起算", "quiet since"),
    "vendor_asked": ("下发核对语句", "statements handed out"),
    "vendor_differs": ("两侧核对不一致", "both sides differ"),
    "left_removing": ("开始清除遗留", "removing what was left"),
    "left_removed": ("清除遗留", "leftover removed"),
    "room_freed": ("腾退机房", "room freed"),
    "device_outage_announced": ("公告设备停用", "device outage announced"),
    "outage_announced": ("公告停机", "outage announced"),
    "writes_exposed": ("申报暂存单点的写入", "writes declared exposed"),
    "way_back_alarm": ("回退通道告警", "way-back alarm"),
    "alarm_cleared": ("告警解除", "alarm over"),
    "clean_up_owed": ("目标待清理", "clean-up owed"),
    "clean_up_done": ("目标已清理", "clean-up done"),
    "lost_with_the_target": ("随目标丢失", "lost with the target"),
    "judged": ("外部裁判核查", "judged from outside"),
    "mended": ("原因已排除", "cause mended"),
    "policy-override": ("改定迁移方式", "strategy overridden"),
    "baseline-frozen": ("冻结统计基线", "baseline frozen"),
    "baseline-change": ("基线变更", "baseline changed"),
    "flag_hold": ("全市暂停切换", "hold of all cutovers"),
}
ROWS: dict[str, tuple[str, str]] = {
    "inventory": ("信息系统迁移统计表", "inventory"),
    "plan": ("迁移计划", "plan"),
    "programme": ("工作安排（program.yaml）", "programme (program.yaml)"),
    "policy": ("策略规则", "policy rule"),
    "journal": ("检索审计日志事件", "audit trail searched, events"),
    "measurements": ("测量记录", "measurement"),
    "gates": ("决定记录", "gate"),
    "tasks": ("人工任务", "human task"),
    "steps": ("步骤记录", "step"),
    "migrations": ("迁移记录", "migration"),
    "findings": ("发现记录", "finding"),
    "alarms": ("告警记录", "alarm"),
    "owed": ("待清理记录", "clean-up"),
    "flags": ("标志", "flag"),
}


def words(table: dict[str, tuple[str, str]], code: str) -> Words:
    """The table's words for a code; the code itself when it is not in the table."""
    zh, en = table.get(code, (code, code))
    return Words(zh=zh, en=en)


def mark(table: dict[str, tuple[str, str]], code: str) -> Mark:
    """The same with its code."""
    return Mark(code=str(code), words=words(table, code))
