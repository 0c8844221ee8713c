"""The words of the work plan, Chinese and English: what the opinion demands, what is arranged here, steps, checks, ways back."""

from __future__ import annotations

from typing import Any

from orchestrator.models import Strategy, Verdict
from orchestrator.policy.assess import STRATEGY_EN, STRATEGY_ZH

STRATEGY = {"zh": STRATEGY_ZH, "en": STRATEGY_EN}
DEMANDED = {
    "zh": (
        "涉密系统不迁移。",
        "条件成熟、架构相对简单的优先，确保稳妥、有序、平滑。",
        "三不影响：不影响正常办公、不影响群众办事、不影响系统运行。",
        "三不变：安全管理责任不变、数据归属关系不变、安全管理标准不变。",
        "做好容灾备份。",
        "未经验收或者验收不合格的，不得投入使用。",
    ),
    "en": (
        "Classified systems are not migrated.",
        "What is ripe and relatively simple goes first, so that the whole is safe, orderly and smooth.",
        "No impact on normal office work, on citizens' business, on running systems.",
        "Responsibility for security, ownership of data and security standards stay unchanged.",
        "Backup and disaster recovery are provided.",
        "What was not accepted, or failed acceptance, is not put into use.",
    ),
}
WORDS: dict[str, dict[str, Any]] = {
    "zh": {
        "title": "{name}信息系统迁移接入工作方案",
        "subtitle": "依据计划摘要 {digest} 编制；计划变更后本方案须重新编制",
        "draft": "（草案：该计划尚未批准）",
        "basis": "总体要求",
        "basis_text": "本方案由全市迁移计划生成，明确本单位各系统的迁移方式、时间安排、责任人、检查内容和回退办法。",
        "demanded": "依据文件的要求",
        "schedule": "迁移范围和时间安排",
        "not_planned": "未列入计划的系统",
        "why": "原因",
        "no": "序号",
        "counts": "本单位纳入统计的系统共 {all} 个，本方案安排迁移 {planned} 个；不在统计范围内（含涉密）的 {excluded} 个，不作任何技术记载。",
        "window_note": "本方案安排：割接只在窗口内进行；窗口内来不及回退的时刻一到，未开始切换的割接自动放弃，业务仍在原系统运行。",
        "system": "系统",
        "code": "系统编码",
        "strategy": "迁移方式",
        "wave": "阶段/波次",
        "prepared_from": "准备开始",
        "window": "割接窗口",
        "trial_until": "试运行至",
        "item": "项目",
        "content": "内容",
        "grade": "等级保护",
        "ungraded": "未定级",
        "open": "待填报",
        "architecture": "系统架构",
        "database": "数据库",
        "data": "数据量",
        "servers": "服务器数量",
        "needs": "依赖系统",
        "together": "须同时迁移的系统",
        "none": "无",
        "list": "、",
        "and": "；",
        "hours": "服务时间",
        "budget": "中断预算",
        "security_owner": "安全责任单位",
        "data_owner": "数据归属单位",
        "contact": "联系人",
        "of_system": "系统 {number}：{name}",
        "why_strategy": "迁移方式及理由：{strategy}",
        "why_order": "时间安排的理由",
        "steps": "实施步骤",
        "checks": "检查内容",
        "back": "回退办法",
        "default": "已建、在建系统默认部署上云。",
        "overridden": "迁移方式由 {name} 改定为{strategy}，记录在案；策略原结论为{policy}。",
        "policy_reasons": "以下是策略得出原结论“{policy}”的理由，不是改定的理由：",
        "beside": "（改定，策略原为{policy}）",
        "duties": "职责分工",
        "role": "角色",
        "duty": "职责",
        "sign": "签字确认",
        "signature": "签字",
        "date": "日期",
        "sign_roles": "单位负责人|市智慧城市建设办公室|运维负责人",
        "gap": "业务最长中断 {ms} 毫秒、失败请求 {failed} 次（由外部探针实测）",
        "outage": "公告停机 {time}",
        "travel": "设备搬运公告停用 {time}",
        "at_most": "可中断时长 {time}",
        "duty_rows": (
            ("本单位", "核实系统信息，确认割接窗口，组织业务验证，签署初验、终验意见。"),
            ("市智慧城市建设办公室", "审定计划和本方案，协调云平台资源，组织验收。"),
            ("运维", "演练、备份及恢复验证、割接、试运行值守、回退。"),
            ("监理、第三方测评机构", "按政策要求提供监理意见和测评报告。"),
        ),
    },
    "en": {
        "title": "Migration work plan of {name}",
        "subtitle": "Made from plan {digest}; to be made anew when the plan changes",
        "draft": " (draft: nobody has approved this plan yet)",
        "basis": "Principles",
        "basis_text": "Generated from the city's migration plan: for each system how, when, by whom, what is checked, how it goes back.",
        "demanded": "Demanded by the municipal opinion",
        "schedule": "Scope and schedule",
        "not_planned": "Systems that are not planned",
        "why": "Why",
        "counts": "Systems in the count: {all}, planned here: {planned}, outside of the count (classified included): {excluded}.",
        "window_note": "Arranged here: cutovers happen inside their windows only; once no time is left to go back within it, a cutover "
        "that has not switched is given up and the old system goes on.",
        "no": "No.",
        "system": "System",
        "code": "Code",
        "strategy": "Strategy",
        "wave": "Phase / wave",
        "prepared_from": "Prepared from",
        "window": "Cutover window",
        "trial_until": "Trial run until",
        "item": "Item",
        "content": "Content",
        "grade": "Protection grade",
        "ungraded": "not graded",
        "open": "to be filled in",
        "architecture": "Architecture",
        "database": "Database",
        "data": "Data",
        "servers": "Servers",
        "needs": "Depends on",
        "together": "Moves together with",
        "none": "none",
        "list": ", ",
        "and": "; ",
        "hours": "Service hours",
        "budget": "Interruption budget",
        "security_owner": "Responsible for security",
        "data_owner": "Owner of the data",
        "contact": "Contact",
        "of_system": "System {number}: {name}",
        "why_strategy": "Strategy and reasons: {strategy}",
        "why_order": "Why at this time",
        "steps": "Steps",
        "checks": "What is checked",
        "back": "How it goes back",
        "default": "Systems in use or being built are deployed on the cloud by default.",
        "overridden": "The strategy was changed to {strategy} by {name}, on record; policy said {policy}.",
        "policy_reasons": "Policy's reasons for {policy}, which are not the reasons of the change:",
        "beside": " (changed; policy said {policy})",
        "duties": "Duties",
        "role": "Role",
        "duty": "Duty",
        "sign": "Sign-off",
        "signature": "Signature",
        "date": "Date",
        "sign_roles": "Head of department|Smart-city office|Head of operations",
        "gap": "longest interruption {ms} ms, {failed} failed requests (measured from outside)",
        "outage": "announced outage {time}",
        "travel": "device away for {time} as announced",
        "at_most": "may be interrupted for {time}",
        "duty_rows": (
            ("This department", "Checks the facts, confirms the window, verifies the business, signs initial and final acceptance."),
            ("Smart-city office", "Approves plan and work plan, provides cloud resources, organises acceptance."),
            ("Operations", "Rehearsal, backup verified by a restore, cutover, watch over the trial run, going back."),
            ("Supervision, third-party tester", "Opinions and test reports where policy asks for them."),
        ),
    },
}
_STEPS = {
    "zh": {
        Strategy.CLOUD_DEPLOYMENT: (
            "核对环境、权限和窗口",
            "在云平台建立目标环境并纳入监控、备份",
            "备份并以恢复验证",
            "复制数据并持续同步",
            "在一次性副本上演练（外发功能关闭）",
            "初验",
            "窗口内割接：暂停会话、核对同步、切换、恢复",
            "核对两侧数据",
            "试运行（反向同步，随时可回退）",
            "终验",
        ),
        Strategy.DEVICE_RELOCATION: (
            "核对环境、设备和窗口",
            "在云平台建立目标环境，准备设备机位和线路",
            "备份并以恢复验证",
            "复制数据并持续同步",
            "演练",
            "初验",
            "窗口内割接数据和应用",
            "按公告时间搬运设备，到位后核验并切换设备线路",
            "核对两侧数据",
            "试运行",
            "终验",
        ),
        Strategy.HOSTING: (
            "核对机位、供电、线路和搬运条件",
            "备份并以恢复验证",
            "初验",
            "公告停机，正常关机，冷备份并异地恢复核对",
            "下架、搬运、上架、加电",
            "改址、启动、核验",
            "试运行（新写入同步到备用环境或登记为风险）",
            "终验",
        ),
    },
    "en": {
        Strategy.CLOUD_DEPLOYMENT: (
            "Check environment, rights and window",
            "Build the target with monitoring and backup",
            "Back up, verify by a restore",
            "Copy the data and keep it in sync",
            "Rehearse on a throwaway copy, outside effects off",
            "Initial acceptance",
            "Cut over in the window: pause sessions, confirm sync, switch, resume",
            "Compare both sides",
            "Trial run with reverse replication: going back loses nothing",
            "Final acceptance",
        ),
        Strategy.DEVICE_RELOCATION: (
            "Check environment, device and window",
            "Build the target; prepare rack space and lines for the device",
            "Back up, verify by a restore",
            "Copy the data and keep it in sync",
            "Rehearse",
            "Initial acceptance",
            "Cut over data and application in the window",
            "Carry the device at the announced time, verify it, switch its link",
            "Compare both sides",
            "Trial run",
            "Final acceptance",
        ),
        Strategy.HOSTING: (
            "Check rack space, power, lines and transport",
            "Back up, verify by a restore",
            "Initial acceptance",
            "Announced outage: clean shutdown, cold backup restored elsewhere and compared",
            "Dismount, carry, mount, power on",
            "Re-address, start, verify",
            "Trial run (new writes go to a stand-in or are declared exposed)",
            "Final acceptance",
        ),
    },
}
_NO_SOURCE = {
    "zh": ("核对环境和权限", "在云平台建立目标环境并纳入监控、备份", "部署应用和数据库", "测评、初验", "接入并对外开放", "试运行", "终验"),
    "en": (
        "Check environment and rights",
        "Build the target with monitoring and backup",
        "Deploy application and database",
        "Tests, initial acceptance",
        "Connect and open",
        "Trial run",
        "Final acceptance",
    ),
}
_CHECKS = {
    "zh": (
        "割接前：备份已恢复验证，同步延迟在限值内，无阻塞会话，联络人在岗",
        "割接后：业务健康检查、逐表行数和校验和比对、互联互通逐项核对",
        "三不变：安全责任、数据归属、安全标准迁移前后一致",
        "中断时长和失败请求由外部探针实测，与预算对照",
    ),
    "en": (
        "Before: backup verified by a restore, replication lag within its limit, no blocking session, contacts present",
        "After: health checks, rows and checksums table by table, every link",
        "Unchanged: responsibility, ownership, standards",
        "Interruption and failed requests measured from outside, against the budget",
    ),
}
_DEVICE_CHECK = {"zh": "设备：序列号、配置和签名结果前后一致", "en": "Device: serial number, configuration and answers as before"}
_BACK = {
    "zh": (
        "切换前：放弃本次割接，重新开放原系统，业务不受影响",
        "切换后、终验前：按同样程序切回，已确认的写入全部保留",
        "终验后：不再切回，原系统方可下线",
    ),
    "en": (
        "Before the switch: give up, reopen the source, nobody notices",
        "After it, until final acceptance: back by the same order, every write kept",
        "After final acceptance: no way back; the source may be decommissioned",
    ),
}
_BACK_HOSTING = {
    "zh": ("搬运前：重新开机，业务继续", "搬运后：按实测时间倒推最晚折返时刻，超过即折返运回", "数据由已核对的冷备份和新写入记录恢复"),
    "en": (
        "Before transport: power on again",
        "After it: carried back, decided by a turn-back time computed from measured times",
        "Data from the compared cold backup and the recorded new writes",
    ),
}


def steps_of(strategy: Strategy, verdict: Verdict, lang: str) -> tuple[str, ...]:
    """The steps in words; a system without a live source has its own."""
    return _NO_SOURCE[lang] if verdict.no_source else _STEPS[lang][strategy]


def checks_of(strategy: Strategy, lang: str) -> tuple[str, ...]:
    """What is checked before and after."""
    return (*_CHECKS[lang], _DEVICE_CHECK[lang]) if strategy is Strategy.DEVICE_RELOCATION else _CHECKS[lang]


def going_back(strategy: Strategy, lang: str) -> tuple[str, ...]:
    """How it goes back, before and after the switch."""
    return _BACK_HOSTING[lang] if strategy is Strategy.HOSTING else _BACK[lang]
