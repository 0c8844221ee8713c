"""Forms of offices with known contents, made from a seed: other words, other orders of columns, merged blocks, subtotals, notes, mentions."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import Workbook

HEADERS = {
    "row_no": ["序号", "No."], "department": ["单位名称", "单位", "部门"], "level": ["单位层级", "层级"], "organisation": ["单位性质", "性质"],
    "name": ["系统名称", "信息系统名称", "系统"], "kind": ["类别", "系统类别", "类型"], "classified": ["是否涉密", "涉密情况"],
    "status": ["建设状态", "运行情况", "系统状态"], "grade": ["等保级别", "等保"], "os": ["操作系统"], "data": ["数据量", "数据量(GB)"],
    "servers": ["服务器数量", "台数"], "cpu": ["CPU", "CPU核数"], "memory": ["内存(GB)", "内存"], "network": ["所处网络", "网络接入"],
    "remark": ["备注", "说明"], "own": ["处室意见"], "since": ["上线时间"], "depends_on": ["关联系统"],
}  # fmt: skip
WORDS: dict[str, list[Any]] = {
    "level": ["市直"], "organisation": ["政府"], "kind": ["应用系统", "管理系统", "网站", "平台", "APP"],
    "status": ["已建", "正常", "在用", "2015年建成", "运行良好"], "classified": ["否", "不涉密", "非涉密", "×", "不涉及国家秘密", "N"],
    "grade": ["三级", "2", "S2A2G2", "未定级", "二级(已备案)"], "os": ["CentOS 7", "Windows Server 2008", "不详"],
    "data": ["500G", "1.2T", "20", "约100G", "50G/年"], "servers": [2, "3台", "3台虚拟机"], "cpu": ["8核", "4C8G", 16], "memory": ["32G", 64, "16GB"],
    "network": ["政务外网", "水利专网", "互联网"], "own": ["同意", "无"], "since": ["2015年6月", 2014, "2016.3.1"],
    "remark": ["", "无", "每周维护", "不涉密"], "depends_on": ["无"],
}  # fmt: skip
_ALWAYS = ["row_no", "department", "level", "organisation", "name", "kind", "classified", "status"]
_SOMETIMES = ["grade", "os", "data", "servers", "cpu", "memory", "network", "remark", "own", "since", "depends_on"]
_OF_A_SECRET = {"name", "os", "remark", "own", "depends_on", "network", "data"}


@dataclass
class Contents:
    """What is in a file. ``secrets``: words that stand on classified and unanswered rows, and in what others say of them."""

    in_scope: set[str] = field(default_factory=set)
    classified: int = 0
    unanswered: int = 0
    retired: int = 0
    cells: int = 0
    secrets: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.in_scope) + self.classified + self.unanswered + self.retired


def make_form(path: Path, seed: int) -> Contents:
    """Write a workbook of a few sheets; returns what stands in it."""
    chance, contents, workbook = random.Random(seed), Contents(), Workbook()  # noqa: S311 - forms to read, no secrets
    del workbook[workbook.sheetnames[0]]
    for number in range(chance.randint(2, 6)):
        _Sheet(workbook.create_sheet(f"表{number}"), chance, contents, f"{seed}表{number}").fill()
    workbook.save(path)
    return contents


class _Sheet:
    def __init__(self, sheet: Any, chance: random.Random, contents: Contents, tag: str) -> None:
        self.sheet, self.chance, self.contents, self.tag = sheet, chance, contents, tag
        rest = [*_ALWAYS[2:], *chance.sample(_SOMETIMES, chance.randint(3, 9))]
        chance.shuffle(rest)
        self.columns = [*_ALWAYS[:2], *rest]
        self.at = 1
        self.numbered = self.since_total = 0

    def fill(self) -> None:
        for _ in range(self.chance.randint(0, 3)):
            self._write(1, self.chance.choice(["信息系统统计表", "单位：台", "填报日期：2018年5月"]))
            self.at += 1
        for index, column in enumerate(self.columns, start=1):
            self._write(index, self.chance.choice(HEADERS[column]))
        self.at += 1
        for block in range(self.chance.randint(1, 5)):
            self._department(f"市{self.tag}甲{block}局", block)
        if self.chance.random() < 0.5:
            self._total("合计", f"{self.numbered}个")
        if self.chance.random() < 0.5:
            self.at += 1
            self._write(1, "注：以上由各单位填报，涉密系统只填单位。")

    def _department(self, name: str, block: int) -> None:
        first = self.at
        for number in range(self.chance.randint(2, 9)):
            self._row(name, f"{self.tag}单{block}第{number}号系统", f"密{self.tag}{block}{number}玄")
        for column in ("department", self.chance.choice(["own", "remark", "os"])):
            if column in self.columns and (column == "department" or self.chance.random() < 0.5):
                index = self.columns.index(column) + 1
                self.sheet.merge_cells(start_row=first, end_row=self.at - 1, start_column=index, end_column=index)
        if self.chance.random() < 0.4:
            self._total("小计", self.since_total)
        self.at += self.chance.random() < 0.2

    def _row(self, department: str, name: str, secret: str) -> None:
        what = self.chance.choices(["in scope", "classified", "unanswered", "retired"], [8, 1, 1, 1])[0]
        self.numbered += 1
        self.since_total += 1
        values: dict[str, Any] = {column: self.chance.choice(WORDS[column]) for column in self.columns if column in WORDS}
        values |= {"row_no": self.numbered, "department": department, "name": name}
        if what in {"classified", "unanswered"}:
            values |= dict.fromkeys(_OF_A_SECRET & set(self.columns), secret)
            values["classified"] = self.chance.choice(["是", "涉密", "机密"] if what == "classified" else [None, "待定", "内部", ""])
        elif "remark" in values and self.contents.secrets and self.chance.random() < 0.3:
            values["remark"] = f"与{self.chance.choice(self.contents.secrets)}相连"
        if what == "retired":
            values["status"] = self.chance.choice(["停用", "已下线"])
        for index, column in enumerate(self.columns, start=1):
            self._write(index, values[column])
        self.at += 1
        self._remember(what, name, secret)

    def _remember(self, what: str, name: str, secret: str) -> None:
        if what == "in scope":
            self.contents.in_scope.add(name)
        elif what == "retired":
            self.contents.retired += 1
        else:
            self.contents.secrets.append(secret)
            self.contents.classified += what == "classified"
            self.contents.unanswered += what == "unanswered"

    def _total(self, label: str, number: Any) -> None:
        self._write(2, label)
        self._write(self.columns.index("name") + 1, number)
        self.since_total = 0
        self.at += 1

    def _write(self, index: int, value: Any) -> None:
        if value is not None:
            self.sheet.cell(self.at, index).value = value
            self.contents.cells += 1
