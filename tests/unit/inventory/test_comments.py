"""Comments in cells: told by their cell and never by their words, never taken as data, and no way in for a bomb."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

HEADERS = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态", "备注", "联系人"]
LEGACY = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments"
THREADED = "http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"


def form(path: Path, comments: dict[str, str], answer: str = "否") -> Path:
    rows = [HEADERS, [1, "市林业局", "市直", "政府", "林权系统", "应用系统", answer, "已建"]]
    return build(path, [{"name": "统计表", "rows": rows, "comments": comments}])


def with_part(path: Path, name: str, content: bytes, kind: str = LEGACY) -> Path:
    """The workbook with a further part of comments on its first sheet, or another content of the one it has."""
    with zipfile.ZipFile(path) as archive:
        parts = {entry: archive.read(entry) for entry in archive.namelist()}
    relations = "xl/worksheets/_rels/sheet1.xml.rels"
    if name not in parts:
        parts[relations] = parts[relations].replace(
            b"</Relationships>", f'<Relationship Id="x" Type="{kind}" Target="/{name}"/></Relationships>'.encode()
        )
    parts[name] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in parts.items():
            archive.writestr(entry, data)
    return path


def told(reading: Reading) -> set[str]:
    """Cells whose comments are reported."""
    return {f.cell for f in reading.findings if f.code == "comment-in-cell" and f.severity == "warning"}


def test_a_comment_is_told_at_its_cell_and_is_no_data(tmp_path: Path) -> None:
    reading = load([form(tmp_path / "form.xlsx", {"I2": "office:\n 数据库在 \n\n二楼"})])
    assert told(reading) == {"I2"}
    assert not [word for word in ("office", "数据库在", "二楼") if word in repr(reading)]
    assert [system.remark for system in reading.inventory.systems] == [None]
    assert reading.errors == []


@pytest.mark.parametrize("answer", ["是", "", "待定"])
def test_a_comment_on_a_row_that_is_or_may_be_classified_leaves_nothing(tmp_path: Path, answer: str) -> None:
    reading = load([form(tmp_path / "form.xlsx", {"B2": "玄武岩", "I2": "玄武岩", "A3": "玄武岩", "I1": "玄武岩"}, answer)])
    assert told(reading) == {"A3", "I1"}
    assert "玄武岩" not in repr(reading)


def test_a_comment_on_an_open_row_that_names_a_classified_system_of_another_row_is_not_repeated(tmp_path: Path) -> None:
    rows = [
        HEADERS,
        [1, "市林业局", "市直", "政府", "林权系统", "应用系统", "否", "已建"],
        [2, "市林业局", "市直", "政府", "玄武岩", "应用系统", "是", "已建"],
    ]
    path = build(tmp_path / "form.xlsx", [{"name": "统计表", "rows": rows, "comments": {"I2": "与玄武岩共用数据库，问小张 13812345678"}}])
    reading = load([path])
    assert told(reading) == {"I2"}
    assert not [word for word in ("玄武岩", "小张", "13812345678") if word in repr(reading)]


def test_a_thread_is_told_of_once(tmp_path: Path) -> None:
    path = form(tmp_path / "form.xlsx", {"I2": "[Threaded comment] Your version of Excel …", "H2": "单独的"})
    thread = (
        "<ThreadedComments>"
        + "".join(f'<threadedComment ref="I2" id="{n}"><text>{w}</text></threadedComment>' for n, w in enumerate(("是哪台?", "二号机")))
        + "</ThreadedComments>"
    )
    reading = load([with_part(path, "xl/threadedComments/threadedComment1.xml", thread.encode(), THREADED)])
    assert told(reading) == {"H2", "I2"}


def test_more_than_fifty_in_a_column_are_counted(tmp_path: Path) -> None:
    rows = [HEADERS, *([n, "市林业局", "市直", "政府", f"系统{n}", "应用系统", "否", "已建"] for n in range(60))]
    path = build(tmp_path / "form.xlsx", [{"name": "统计表", "rows": rows, "comments": {f"I{n + 2}": "x" for n in range(60)}}])
    found = [f.message for f in load([path]).findings if f.code == "comment-in-cell"]
    assert len(found) == 51
    assert any("另有 10 处" in message for message in found)


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "lol"}">' for n in range(12))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'<comments><commentList><comment ref="I2"><text><t>' + b"x" * (17 * 2**20) + b"</t></text></comment></commentList></comments>", "xlsx-bomb"),
        (f'<!DOCTYPE c [{LAUGHS}]><comments><comment ref="I2"><text>&a11;</text></comment></comments>'.encode(), "xlsx-broken"),
        (b'<!DOCTYPE c [<!ENTITY f SYSTEM "file:///etc/passwd">]><comments><comment ref="I2"><text>&f;</text></comment></comments>', "xlsx-broken"),
        (b"<comments>" * 100_000, "xlsx-broken"),
        (b"<comments><comment", "xlsx-broken"),
        (b"\xff\xfe\x00", "xlsx-broken"),
        (b'<?xml version="1.0" encoding="x-none"?><comments/>', "xlsx-broken"),
    ],
    ids=["huge", "laughs", "file", "deep", "cut", "bytes", "encoding"],
)  # fmt: skip
def test_harm_in_the_comments_is_a_finding(tmp_path: Path, content: bytes, code: str) -> None:
    path = form(tmp_path / "form.xlsx", {"I2": "x"})
    name = next(name for name in zipfile.ZipFile(path).namelist() if "comment" in name and name.endswith(".xml"))
    (finding,) = load([with_part(path, name, content)]).findings
    assert finding.code == code
    assert "批注" in finding.message + finding.remedy


def test_comments_with_odd_addresses_do_not_matter(tmp_path: Path) -> None:
    odd = "".join(
        f'<comment ref="{cell}" authorId="99"><text><t>x</t></text></comment>' for cell in ("", "0", "A0", "A1:B2", "ZZZZ1", "a1", "I2")
    )
    path = form(tmp_path / "form.xlsx", {"H2": "x"})
    assert told(load([with_part(path, "xl/comments/more.xml", f"<comments>{odd}</comments>".encode())])) == {"H2", "I2"}


def test_a_sheet_that_is_named_a_thousand_times_is_read_once(tmp_path: Path) -> None:
    """A copied ``<sheet/>`` of the workbook once cost its whole sheet again: one mutation of a fuzz run took sixteen seconds."""
    path = form(tmp_path / "form.xlsx", {})
    with zipfile.ZipFile(path) as archive:
        book = archive.read("xl/workbook.xml")
    sheet = re.search(rb"<sheet [^>]*/>", book)
    assert sheet is not None
    again = b"".join(sheet.group(0).replace("统计表".encode(), "统计表".encode() + b"%d" % (n % 2) * (n % 3)) for n in range(1000))
    reading = load([with_part(path, "xl/workbook.xml", book.replace(sheet.group(0), again))])
    assert reading.rows == 1
