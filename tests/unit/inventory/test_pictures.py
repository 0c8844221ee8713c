"""Seals, screenshots, text boxes, embedded files: nothing in them is read, and that is said. A WPS file is read by what is in it."""

from __future__ import annotations

import base64
import shutil
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from docx import Document

from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
HEADERS = ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态"]
ROW = ["市水务局", "市直", "政府", "水费系统", "应用系统", "否", "已建"]
EXCEL_97 = Path(__file__).parents[2] / "fixtures" / "excel-97.xls"


def workbook(path: Path, *, picture: bool = False, box: str = "", shape: bool = False, dispimg: bool = False) -> Path:
    seal = path.parent / "seal.png"
    seal.write_bytes(PNG)
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("统计表")
    sheet.write_row(0, 0, [*HEADERS, "截图"] if dispimg else HEADERS)
    sheet.write_row(1, 0, ROW)
    if dispimg:
        sheet.write_formula(1, 7, '=_xlfn.DISPIMG("ID_1",1)', value="x")
    if picture:
        sheet.insert_image("C5", str(seal))
    if box:
        sheet.insert_textbox("C9", box)
    if shape:
        sheet.insert_textbox("C9", "")
    made.add_worksheet("附件")
    made.close()
    return path


def said(reading: Reading) -> list[tuple[str, str, str]]:
    return [(finding.sheet, finding.severity, str(finding.message)) for finding in reading.findings if finding.code == "pictures-not-read"]


@pytest.mark.parametrize(
    ("what", "count"),
    [
        ({"picture": True}, 1),
        ({"box": "涉密系统另报"}, 1),
        ({"picture": True, "box": "x"}, 2),
        ({"dispimg": True}, 1),
        ({"shape": True}, 0),
        ({}, 0),
    ],
)
def test_a_workbook_says_how_many_lie_on_which_sheet(tmp_path: Path, what: dict[str, object], count: int) -> None:
    reading = load([workbook(tmp_path / "a.xlsx", **what)])  # type: ignore[arg-type]
    assert [(sheet, severity) for sheet, severity, _ in said(reading)] == [("统计表", "warning")] * bool(count)
    assert all(f" {count} " in f" {message}" for *_, message in said(reading))
    assert [system.name for system in reading.all_systems()] == ["水费系统"]
    assert "涉密系统另报" not in repr(reading)


def test_a_document_of_word_too(tmp_path: Path) -> None:
    (tmp_path / "seal.png").write_bytes(PNG)
    document = Document()
    table = document.add_table(rows=2, cols=len(HEADERS))
    for index, (head, cell) in enumerate(zip(HEADERS, ROW, strict=True)):
        table.cell(0, index).text, table.cell(1, index).text = head, cell
    document.add_picture(str(tmp_path / "seal.png"))
    document.save(str(tmp_path / "a.docx"))
    reading = load([tmp_path / "a.docx"])
    assert [sheet for sheet, *_ in said(reading)] == ["表1"]
    assert [system.name for system in reading.all_systems()] == ["水费系统"]


def test_an_opendocument_too(tmp_path: Path) -> None:
    cells = [
        "".join(f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row)
        for row in (HEADERS, ROW)
    ]
    rows = "".join(f"<table:table-row>{row}</table:table-row>" for row in cells)
    spaces = " ".join(f'xmlns:{name}="urn:{name}"' for name in ("office", "table", "text", "draw"))
    shapes = "<table:shapes><draw:frame><draw:image/></draw:frame></table:shapes>"
    body = f'<office:body><office:spreadsheet><table:table table:name="甲">{shapes}{rows}</table:table></office:spreadsheet></office:body>'
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("content.xml", f"<office:document-content {spaces}>{body}</office:document-content>")
    reading = load([tmp_path / "a.ods"])
    assert [sheet for sheet, *_ in said(reading)] == ["甲"]
    assert [system.name for system in reading.all_systems()] == ["水费系统"]


# ---------------------------------------------------------------- .et


def test_a_wps_file_that_is_a_workbook_inside_is_read(tmp_path: Path) -> None:
    made = workbook(tmp_path / "made.xlsx", picture=True)
    shutil.copy(made, tmp_path / "a.et")
    reading = load([tmp_path / "a.et"])
    assert ([system.name for system in reading.all_systems()], len(said(reading))) == (["水费系统"], 1)


@pytest.mark.parametrize(
    "data", [EXCEL_97.read_bytes(), EXCEL_97.read_bytes().replace("Workbook".encode("utf-16-le"), "Bookwork".encode("utf-16-le"))]
)
def test_a_wps_file_of_the_old_kind_is_refused_with_what_to_do(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.et").write_bytes(data)
    (finding,) = load([tmp_path / "a.et"]).findings
    assert (finding.code in {"xls-old", "xlsx-broken"}, finding.severity) == (True, "error")
    assert finding.remedy
    if b"W\0o\0r\0k\0b" in data:
        assert "xlsx" in str(finding.remedy)


def test_a_text_that_is_called_so_is_read_and_a_page_of_a_browser_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.et").write_text(",".join(HEADERS) + "\n" + ",".join(ROW) + "\n", "utf-8")
    assert [system.name for system in load([tmp_path / "a.et"]).all_systems()] == ["水费系统"]
    (tmp_path / "b.et").write_text("<html><table><tr><td>系统名称</td></tr></table></html>", "utf-8")
    (finding,) = load([tmp_path / "b.et"]).findings
    assert (finding.code, "xlsx" in str(finding.remedy)) == ("not-xlsx", True)
