"""Forms of offices with known contents, made from a seed: other words, other orders of columns, merged blocks, subtotals, notes, mentions.

The habits are those that offices were seen to have: hidden rows, sheets and columns, comments, links, formulas, ticked boxes, headings of sections,
repeated headers, headers of several rows, rows that number the columns, notes and people below the form or beside it, further sheets about its systems, sizes in one
cell, files in other encodings, names in file and sheet titles, short and spaced mentions of what a classified system is called; the same form again, later.
"""

from __future__ import annotations

import csv
import random
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.utils import get_column_letter

CODED = "数据库（1Oracle 2SQL Server 3达梦8 4无）"
HEADERS = {
    "row_no": ["序号", "No."], "department": ["单位名称", "单位", "部门"], "level": ["单位层级", "层级"], "organisation": ["单位性质", "性质"],
    "name": ["系统名称", "信息系统名称", "系统"], "kind": ["类别", "系统类别", "类型"], "classified": ["是否涉密", "涉密情况", "是否\n涉密"],
    "status": ["建设状态", "运行情况", "系统状态"], "grade": ["等保级别", "等保"], "os": ["操作系统"], "data": ["数据量", "数据量(GB)"],
    "servers": ["服务器数量", "台数"], "cpu": ["CPU", "CPU核数"], "memory": ["内存(GB)", "内存"], "network": ["所处网络", "网络接入"],
    "remark": ["备注", "说明"], "own": ["处室意见"], "since": ["上线时间"], "depends_on": ["关联系统"],
    "leaving": ["是否拟停用", "清理意见", "处置意见"], "runs_at": ["现部署位置", "部署环境"], "office": ["负责处室", "责任科室"],
    "dbms": ["数据库类型", "数据库", CODED], "middleware": ["中间件"], "operator": ["运维单位"],
}  # fmt: skip
SIZES = {"2*8核/64G/2*600G": 16, "8C/16G/500G": 8, "2颗10核，内存4条32G，4T硬盘": 20, "CPU：8核；内存：16G；硬盘：500G": 8, "1路12核/64G": 12, "16核32线程 128G 100G+2T": 16}
"""A machine in one cell → its cores."""
WORDS: dict[str, list[Any]] = {
    "kind": ["应用系统", "管理系统", "网站", "平台", "APP"],
    "status": ["已建", "正常", "在用", "2015年建成", "运行良好", "已建成并投入使用"],
    "classified": ["否", "不涉密", "非涉密", "×", "不涉及国家秘密", "N", "□是 ☑否", "是（ ）否（√）", "Ｎ", " 否 "],
    "grade": ["三级", "2", "S2A2G2", "未定级", "二级(已备案)", "Ⅲ级"], "os": ["CentOS 7", "Windows Server 2008", "不详", "ＣｅｎｔＯＳ　７"],
    "data": ["500G", "1.2T", "20", "约100G", "50G/年", "500 GiB;500 GiB", "系统盘40G、数据盘2*500G"],
    "servers": [2, "3台", "3台虚拟机", "２"], "cpu": ["8核", "4C8G", 16, *SIZES], "memory": ["32G", 64, "16GB"],
    "network": ["政务外网", "水利专网", "互联网"], "own": ["同意", "无"], "since": ["2015年6月", 2014, "2016.3.1"],
    "remark": ["", "无", "每周维护", "不涉密"], "depends_on": ["无"], "leaving": ["否", "保留", "继续使用", "保留并上云"], "runs_at": ["自建机房", "运营商机房", "局机房", "联通机房托管"],
    "office": ["信息科", "法规处", "办公室"],
    "dbms": ["MySQL 5.7", "PostgreSQL", "Oracle 11g", "无"], "middleware": ["Tomcat", "东方通", "无"], "operator": ["自行运维", "某某公司"],
}  # fmt: skip
GROUPS = {
    "level": "单位情况", "organisation": "单位情况", "name": "系统基本情况", "kind": "系统基本情况", "status": "系统基本情况", "since": "系统基本情况", "classified": "安全情况", "grade": "安全情况",
    "os": "技术情况", "cpu": "服务器配置", "memory": "服务器配置", "servers": "服务器配置", "dbms": "技术情况", "middleware": "技术情况", "network": "部署情况", "runs_at": "部署情况",
}  # fmt: skip
"""What stands above columns in a header of several rows."""
ENDING = ["是", "关停", "拟下线", "建议停用"]
ELSEWHERE = ["其他云", "省统建", "国家统建", "省级政务云", "阿里云", "省厅统一部署"]
MOVED = ["已迁至省政务云", "已上阿里云"]
"""Statuses that say where a system runs now."""
UNITS = {"data": "GB", "servers": "台", "cpu": "核", "memory": "GB"}
"""What stands in a row of its own below headers."""
NUMBERED = ["12", "①", "第1列", "A"]
BELOW: list[list[list[Any]]] = [
    [["填表说明："], ["序号", "指标", "填写要求"], [1, "是否涉密", "填是或否"], [2, "建设状态", "填已建或在建"]],
    [["代码表"], ["代码", "名称", "说明"], ["01", "应用系统", "业务类"], ["02", "数据库", "数据类"]],
    [["联系方式"], ["姓名", "部门", "电话"], ["张三", "信息科", "0724-2345678"], ["李四", "办公室", "0724-2345679"]],
    [["填报人", "审核人", "单位负责人"], ["张三", "李四", "王五"]],
]  # fmt: skip
BESIDE: list[list[list[Any]]] = [
    [["填表说明"], ["1. 单位名称填全称"], ["2. 涉密系统只填单位"], ["3. 数据量填现有总量"]], [["代码", "名称"], ["01", "应用系统"], ["02", "数据库"], ["03", "停用"]],
    [[None], ["①本表由各单位信息科填写，月底前报送"], ["②有疑问请与市大数据局联系，电话见通知"]],
]  # fmt: skip
_ALWAYS = ["row_no", "department", "level", "organisation", "name", "kind", "classified", "status"]
_SOMETIMES = [*HEADERS][len(_ALWAYS) :]
_OF_A_SECRET = {"name", "os", "remark", "own", "depends_on", "network", "data", "middleware", "operator"}
_YES = ["是", "涉密", "机密", "☑是 □否", "秘密★10年", "Y"]
_NO_ANSWER = [None, "待定", "内部", "", "□是 □否", "是/否"]
_ASKS_THE_OTHER_WAY = ["是否非涉密", "非涉密系统（是/否）", "是否为非涉密信息系统"]
_TURNED = {"否": "是", " 否 ": "是", "×": "√", "N": "Y", "Ｎ": "Y", "□是 ☑否": "☑是 □否", "是（ ）否（√）": "是（√）否（ ）"}
_TURNED |= {answer: other for other, answer in [*_TURNED.items()] if answer != "是"} | {"是": "否"}
_ASKS_OTHERWISE = [
    "该系统是否涉及国家秘密？", "是否为涉密信息系统", "涉不涉密", "本系统是否处理、存储国家秘密信息（是/否）", "系统有没有秘密",
    "5、贵单位该系统是否涉密或者含有工作秘密？", "保密审查结论", "Is it classified?",
]  # fmt: skip
"""Whether it is classified, in words that no form knows."""
_SAYS_OTHERWISE = {
    "in scope": ["B.否", "否", "2、不涉密", "②否", "（2）否", "B.不涉及国家秘密"], "classified": ["A.是", "是", "1、涉密", "①是", "是（机密级）", "涉", "√"],
    "unanswered": ["内部", "C.不清楚", "说不准", "A.是 B.否", "敏感"],
}  # fmt: skip
_RARE = "淼焱垚犇羴骉犟嚞赑屭龘靐齉齾爨馕囍朤槑曌"
"""Letters of which names of two are made: nothing else in a form has them."""


@dataclass
class Contents:
    """What is in a file. ``secrets``: words that stand on classified and unanswered rows, and in what others say of them."""

    in_scope: set[str] = field(default_factory=set)
    to_retire: int = 0
    elsewhere: int = 0
    """Of those in scope."""
    classified: int = 0
    unanswered: int = 0
    retired: int = 0
    party_mass: int = 0
    cells: int = 0
    secrets: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    cores: dict[str, float] = field(default_factory=dict)
    """System in scope → what its size says."""
    turned: set[str] = field(default_factory=set)
    """Systems that were in scope the first time, and are classified now."""
    asks_otherwise: str = ""
    """The words in which all its sheets ask whether a system is classified, where no form knows them."""
    touched: bool = False
    """Whether a formula looks at a classified row."""

    @property
    def rows(self) -> int:
        return len(self.in_scope) + self.classified + self.unanswered + self.retired + self.party_mass


def make_form(path: Path, seed: int, *, again: bool = False, otherwise: bool = False) -> Contents:
    """Write a workbook of a few sheets, or each sheet as a text in one of the encodings that offices send, beside ``path``; returns what stands in it.
    ``again``: the same form some time later, when some of its systems are classified. ``otherwise``: it asks for that in words that no form knows."""
    contents = _make_form(path, seed, again=again, otherwise=otherwise)
    contents.secrets += sorted(contents.turned)  # not before: what others say of classified systems is as it was
    return contents


def _make_form(path: Path, seed: int, *, again: bool, otherwise: bool) -> Contents:
    chance, contents, workbook = random.Random(seed), Contents(), Workbook()  # noqa: S311 - forms to read, no secrets
    del workbook[workbook.sheetnames[0]]
    contents.asks_otherwise = random.Random(f"{seed} asks").choice(_ASKS_OTHERWISE) if otherwise else ""  # noqa: S311 - of its own, as the shape
    as_text = chance.random() < 0.25
    sheets = []
    for number in range(chance.randint(2, 6)):
        sheet = _Sheet(workbook.create_sheet(f"表{number}"), chance, contents, f"{seed}表{number}", as_text=as_text, again=again)
        sheet.fill()
        sheets.append(sheet)
    if as_text:
        contents.files = [_write_text(path.with_name(f"{path.stem}-{sheet.sheet.title}"), sheet.sheet, chance) for sheet in sheets]
        return contents
    _add_further(workbook, sheets, contents, random.Random(f"{seed} further"))  # noqa: S311 - of its own, as the shape
    if (cards := random.Random(f"{seed} cards")).random() < 0.4:  # noqa: S311 - as well
        _add_cards(workbook.create_sheet("登记卡"), contents, cards)
    if chance.random() < 0.3 and len(sheets) > 1:
        sheets[-1].sheet.sheet_state = "hidden"
    if contents.secrets and chance.random() < 0.3:
        sheets[0].sheet.title = f"{chance.choice(contents.secrets)}台账"[:31]
        path = path.with_name(f"{chance.choice(contents.secrets)}{path.stem}.xlsx")
    workbook.save(path)
    _save_values(path, {workbook.index(sheet.sheet) + 1: sheet.formulas_left() for sheet in sheets})
    contents.files = [path]
    return contents


def _add_further(workbook: Workbook, sheets: list[_Sheet], contents: Contents, chance: random.Random) -> None:
    """Sheets that say more of the systems of all others: their machines, their databases, without a word on whose they are. They stand before or behind."""
    rows = [row for sheet in sheets for row in sheet.named]
    names = [name for name, _ in rows]
    kinds = {"资源情况": (["系统名称", "内存", "存储"], ["16G", "500G"]), "数据库": (["系统名称", "数据库类型", "版本", "数据量"], ["MySQL", "5.7", "77G"])}
    for title, (head, values) in kinds.items():
        if chance.random() < 0.2:
            sheet = workbook.create_sheet(title, 0 if chance.random() < 0.5 else None)
            told = [(name, is_open) for name, is_open in rows if names.count(name) == 1 and chance.random() < 0.7]
            _append(sheet, head, contents)
            for name, is_open in told:
                row = [name, *(values if is_open else [f"{name}盘", *values[1:]])]
                _append(sheet, row, contents)
                again = chance.choice(["", "", "", "merged", "同上", *([] if is_open else [None])])  # a further server, or database, of the same
                if again != "":
                    _append(sheet, [None if again == "merged" else again, *row[1:]], contents)
                if again == "merged":
                    sheet.merge_cells(start_row=sheet.max_row - 1, end_row=sheet.max_row, start_column=1, end_column=1)


def _append(sheet: Any, row: list[Any], contents: Contents) -> None:
    sheet.append(row)
    contents.cells += len(row)


def _add_cards(sheet: Any, contents: Contents, chance: random.Random) -> None:
    """Cards of one system each, beside each other, and below these others."""
    gap, is_staggered = chance.choice([0, 1]), chance.random() < 0.3
    tag = chance.randint(1000, 9999)
    order = chance.choice([["department", "name"], ["name", "department"], ["classified", "department", "name"]])
    order += [column for column in ("level", "organisation", "kind", "classified", "status", "dbms", "remark") if column not in order]
    for number in range(chance.randint(2, 6)):
        what = chance.choice(["in scope", "in scope", "classified", *([] if contents.asks_otherwise else ["unanswered"])])
        secret = f"密{tag}卡{number}玄"
        name = f"{tag}卡第{number}号系统" if what == "in scope" else secret
        values = {"department": "市卡局", "level": "市直", "organisation": "政府", "name": name, "kind": "应用系统", "status": "已建", "classified": "否"}
        if what == "in scope":
            values |= {"dbms": "MySQL 5.7", "remark": "无"} if chance.random() < 0.5 else {}
            contents.in_scope.add(name)
        else:
            values |= {"classified": "是" if what == "classified" else None, "dbms": f"{secret}库", "remark": secret}  # type: ignore[dict-item]
            contents.secrets.append(secret)
            contents.classified += what == "classified"
            contents.unanswered += what == "unanswered"
        top, left = number // 2 * (len(order) + 2), number % 2 * (2 + gap)
        for at, column in enumerate(order, start=top + 1 + (number % 2 if is_staggered and gap else 0)):
            sheet.cell(at, left + 1, HEADERS[column][0])
            sheet.cell(at, left + 2, values.get(column))
            contents.cells += 2


def _write_text(path: Path, sheet: Any, chance: random.Random) -> Path:
    encoding, suffix, separator = chance.choice([("gb18030", ".csv", ","), ("utf-8-sig", ".csv", ";"), ("utf-16", ".txt", "\t"), ("utf-8", ".tsv", "\t")])
    path = path.with_name(path.name + suffix)
    with path.open("w", encoding=encoding, newline="", errors="replace") as file:
        csv.writer(file, delimiter=separator).writerows(["" if cell is None else cell for cell in row] for row in sheet.iter_rows(values_only=True))
    return path


def _save_values(path: Path, formulas: dict[int, dict[str, str]]) -> None:
    """openpyxl writes no values of formulas: put them in, as Excel does."""
    if not any(formulas.values()):
        return
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for number, values in formulas.items():
        name = f"xl/worksheets/sheet{number}.xml"
        text = parts[name].decode()
        for cell, value in values.items():
            text, count = re.subn(rf'<c r="{cell}"([^>]*)>(<f>[^<]*</f>)<v ?/?>(?:</v>)?</c>', rf'<c r="{cell}"\1 t="str">\2<v>{value}</v></c>', text)
            assert count == 1, cell
        parts[name] = text.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


class _Sheet:
    def __init__(self, sheet: Any, chance: random.Random, contents: Contents, tag: str, *, as_text: bool, again: bool) -> None:
        self.sheet, self.chance, self.contents, self.tag, self.as_text = sheet, chance, contents, tag, as_text
        self.later = random.Random(f"{tag} later") if again else None  # noqa: S311 - what has changed since
        self.named: list[tuple[str, bool]] = []
        """What its rows are called, and whether they say that they are not classified."""
        rest = [*_ALWAYS[2:], *chance.sample(_SOMETIMES, chance.randint(3, 9))]
        chance.shuffle(rest)
        self.columns = [*_ALWAYS[:2], *rest]
        self.headers = [chance.choice(HEADERS[column]) for column in self.columns]
        self.turned = chance.random() < 0.1
        if self.turned:
            self.headers[self.columns.index("classified")] = chance.choice(_ASKS_THE_OTHER_WAY)
        if contents.asks_otherwise:
            self.turned, self.headers[self.columns.index("classified")] = False, contents.asks_otherwise
        self.shape = random.Random(f"{tag} shape")  # noqa: S311 - of its own: what stands in the rows does not change with it
        self.is_grouped = self.shape.random() < 0.3
        self.is_deep = self.shape.random() < 0.4
        """Whether 是否涉密 stands in a third row."""
        self.numbers = self.shape.choice(NUMBERED) if self.shape.random() < 0.3 else ""
        self.has_units = self.shape.random() < 0.3
        self.sign = ""
        """What stands for the department from its second row on."""
        self.at = self.first = 1
        self.header_at = 0
        self.numbered = self.since_total = 0
        self.doubted = False
        """Whether a remark of the block makes a row unanswered."""
        self.formulas: dict[str, str] = {}
        self.walls: list[int] = []

    def fill(self) -> None:
        for _ in range(self.chance.randint(0, 3)):
            self._write(1, self.chance.choice(["信息系统统计表", "单位：台", "填报日期：2018年5月"]))
            self.at += 1
        self._header()
        for block in range(self.chance.randint(1, 5)):
            if block and self.chance.random() < 0.1:
                self._header()
            self._department(f"市{self.tag}甲{block}局", block)
        if self.chance.random() < 0.5:
            self._total("合计", f"{self.numbered}个")
        elif self.shape.random() < 0.5:
            self._write(1, self.shape.choice(["合计：共{}个系统", "共计 {} 个", "系统数量：{}", "以上共{}项"]).format(self.numbered))
            self.at += 1
        if self.chance.random() < 0.5:
            self.at += 1
            self._write(1, "注：以上由各单位填报，涉密系统只填单位。")
        if self.shape.random() < 0.3:
            self._below()
        if self.shape.random() < 0.2:
            self._beside()
        if not self.as_text and self.chance.random() < 0.2:
            self.sheet.column_dimensions[get_column_letter(self.chance.randint(1, len(self.columns)))].hidden = True

    def formulas_left(self) -> dict[str, str]:
        """Those that no merged cell has swallowed, with their values."""
        return {cell: value for cell, value in self.formulas.items() if str(self.sheet[cell].value).startswith("=")}

    def _header(self) -> None:
        self.header_at = self.header_at or self.at
        paths = [self._path(column, header) for column, header in zip(self.columns, self.headers, strict=True)]
        depth = max(map(len, paths))
        for level in range(depth):
            for index, path in enumerate(paths):
                if level < len(path) and not self._goes_on(paths, index, level):
                    self._head(paths, index, level, depth)
            self.at += 1
        if self.has_units:
            for index, column in enumerate(self.columns, start=1):
                self._write(index, UNITS.get(column))
            self.at += any(column in UNITS for column in self.columns)
        if self.numbers:
            for index in range(1, len(self.columns) + 1):
                self._write(index, {"12": index, "①": chr(ord("①") + index - 1) if index <= 20 else f"({index})", "第1列": f"第{index}列", "A": get_column_letter(index)}[self.numbers])
            self.at += 1

    def _path(self, column: str, header: str) -> list[str]:
        """Its words, those of the groups above it first."""
        group = GROUPS.get(column) if self.is_grouped else None
        if group is None:
            return [header]
        return [group, "保密", header] if column == "classified" and self.is_deep else [group, header]

    @staticmethod
    def _goes_on(paths: list[list[str]], index: int, level: int) -> bool:
        """Whether the group of the column before is this one's too."""
        return index > 0 and level < len(paths[index]) - 1 and level < len(paths[index - 1]) - 1 and paths[index - 1][: level + 1] == paths[index][: level + 1]

    def _head(self, paths: list[list[str]], index: int, level: int, depth: int) -> None:
        self._write(index + 1, paths[index][level])
        right, bottom = index, self.at
        while right + 1 < len(paths) and self._goes_on(paths, right + 1, level):
            right += 1
        if level == len(paths[index]) - 1:
            bottom = self.at + depth - 1 - level
        if not self.as_text and (right, bottom) != (index, self.at):
            self.sheet.merge_cells(start_row=self.at, start_column=index + 1, end_row=bottom, end_column=right + 1)

    def _below(self) -> None:
        self.at += self.shape.random() < 0.7
        for row in self.shape.choice(BELOW):
            for index, value in enumerate(row, start=1):
                self._write(index, value)
            self.at += 1

    def _beside(self) -> None:
        """Behind an empty column, from the header on."""
        notes, at = self.shape.choice(BESIDE), self.at
        said = f"{self.shape.choice(self.contents.secrets)}按保密规定另报，不在本表填写" if self.contents.secrets else None
        self.at = self.header_at
        for row in [*notes, *([[f"4. {said}"]] if said and len(notes[1]) == 1 else [])]:
            for index, value in enumerate(row, start=len(self.columns) + 2):
                self._write(index, value)
            self.at += 1
        self.at = at

    def _department(self, name: str, block: int) -> None:
        first, self.doubted = self.at, False
        self.first = first
        self.sign = self.shape.choice(["同上", "〃"]) if self.shape.random() < 0.25 else ""
        kind = self.chance.choices([("市直", "政府"), ("市直", "事业单位"), ("县区", "政府"), ("市直", "党群")], [6, 2, 2, 1])[0]
        for number in range(self.chance.randint(2, 9)):
            secret = f"密{self.tag}{block}{number}玄"
            if self.chance.random() < 0.3:
                secret = self._short_name() or secret
            self._row(name, kind, f"{self.tag}单{block}第{number}号系统", secret)
        for column in ("department", self.chance.choice(["own", "os", *([] if self.doubted else ["remark"])])):
            if column in self.columns and not self.as_text and (column == "department" or self.chance.random() < 0.5):
                index = self.columns.index(column) + 1
                self.sheet.merge_cells(start_row=first, end_row=self.at - 1, start_column=index, end_column=index)
        if self.chance.random() < 0.4:
            self._total("小计", self.since_total)
        self.at += self.chance.random() < 0.2

    def _short_name(self) -> str | None:
        name = "".join(self.chance.sample(_RARE, 2))
        return None if any(name in secret for secret in self.contents.secrets) else name

    def _row(self, department: str, kind: tuple[str, str], name: str, secret: str) -> None:
        what = self.chance.choices(["in scope", "classified", "unanswered", "retired", "to retire", "elsewhere"], [8, 1, 1, 1, 1, 1])[0]
        if (what, kind[1]) == ("retired", "党群") or {"to retire": "leaving", "elsewhere": "runs_at"}.get(what, "name") not in self.columns:
            what = "in scope"
        self.numbered += 1
        self.since_total += 1
        values: dict[str, Any] = {column: self.chance.choice(WORDS[column]) for column in self.columns if column in WORDS}
        values |= {"row_no": self.numbered, "department": department, "level": kind[0], "organisation": kind[1], "name": name}
        if what in {"classified", "unanswered"}:
            called = f"{secret}{self.chance.choice(['', '系统', '平台'])}"
            values |= dict.fromkeys(_OF_A_SECRET & set(self.columns), called)
            self._close(values, what)
            secret = secret if what == "classified" else called  # only what says that it is classified is known by its short name, too
        elif "remark" in values and self.contents.secrets and self.chance.random() < 0.3:
            values["remark"] = f"与{self._mention()}相连"
        if what == "retired":
            values["status"] = self.chance.choice(["停用", "已下线"])
        if what == "to retire":
            values["leaving"] = self.shape.choice(ENDING)
        if what == "elsewhere":
            values["runs_at"] = self.shape.choice(ELSEWHERE)
            if self.shape.random() < 0.3:
                values |= {"runs_at": None, "status": self.shape.choice(MOVED)}
        if self.later is not None and what == "in scope" and kind[1] != "党群" and self.later.random() < 0.1:
            values["classified"] = "是"
            self.contents.turned.add(name)
        if CODED in self.headers:
            values["dbms"] = self.shape.choice([1, 2, "3", "4无"])
        if self.sign and self.at > self.first:
            values |= dict.fromkeys(("department", "level", "organisation"), self.sign)
        if self.turned:
            values["classified"] = _TURNED.get(values["classified"], values["classified"])
        if self.contents.asks_otherwise:
            says = "in scope" if values["classified"] == "否" or what not in _SAYS_OTHERWISE else what
            values["classified"] = self.shape.choice(_SAYS_OTHERWISE["classified" if name in self.contents.turned else says])
        for index, column in enumerate(self.columns, start=1):
            self._write(index, values[column])
        self._decorate(what, secret)
        if name in self.contents.turned:
            self.contents.classified += 1
        else:
            self._remember(what, kind, name, secret, values.get("cpu"))
        self.named.append((str(values["name"]), what not in {"classified", "unanswered"} and name not in self.contents.turned))
        self.at += 1

    def _close(self, values: dict[str, Any], what: str) -> None:
        values["classified"] = self.chance.choice(_YES if what == "classified" else _NO_ANSWER)
        if what == "unanswered" and "remark" in values and self.chance.random() < 0.3:  # it says no, and speaks of secrets
            values |= {"classified": "否", "remark": "部分数据涉密"}
            self.doubted = True

    def _mention(self) -> str:
        """One of the secrets as somebody else may write it."""
        secret = self.chance.choice(self.contents.secrets)
        spaced = secret[0] + self.chance.choice([" ", "　", "\u200b", ""]) + secret[1:]
        return self.chance.choice([secret, spaced, f"{secret}系统"])

    def _decorate(self, what: str, secret: str) -> None:
        """What a workbook may say besides: a comment, a hidden row, a link, a formula that looks at a classified row."""
        if self.as_text:
            return
        closed = what in {"classified", "unanswered"}
        if self.chance.random() < 0.05:
            said = secret if closed or not self.contents.secrets else self.chance.choice(self.contents.secrets)
            self.sheet.cell(self.at, self.columns.index("name") + 1).comment = Comment(f"原为{said}", "office")
        if self.chance.random() < 0.05:
            self.sheet.row_dimensions[self.at].hidden = True
        if closed:
            self.walls.append(self.at)
            return
        name = self.sheet.cell(self.at, self.columns.index("name") + 1)
        if self.chance.random() < 0.05:
            name.value = f'=HYPERLINK("http://10.1.1.1/","{name.value}")'
        if "own" in self.columns and self.walls and self.chance.random() < 0.1:
            index = self.columns.index("own") + 1
            row = self.chance.choice(self.walls)
            self.sheet.cell(self.at, index).value = f"={get_column_letter(index)}{row}"
            self.formulas[f"{get_column_letter(index)}{self.at}"] = str(self.sheet.cell(row, index).value or "")
            self.contents.touched = True

    def _remember(self, what: str, kind: tuple[str, str], name: str, secret: str, size: Any = None) -> None:
        if what in {"classified", "unanswered"}:
            self.contents.secrets.append(secret)
            self.contents.classified += what == "classified"
            self.contents.unanswered += what == "unanswered"
        elif kind[1] == "党群":
            self.contents.party_mass += 1
        elif what == "retired":
            self.contents.retired += 1
        else:
            self.contents.in_scope.add(name)
            if size in SIZES:
                self.contents.cores[name] = SIZES[size]
            self.contents.to_retire += what == "to retire"
            self.contents.elsewhere += what == "elsewhere"

    def _total(self, label: str, number: Any) -> None:
        self._write(2, label)
        self._write(self.columns.index("name") + 1, number)
        self.since_total = 0
        self.at += 1

    def _write(self, index: int, value: Any) -> None:
        if value is not None:
            self.sheet.cell(self.at, index).value = value
            self.contents.cells += 1
