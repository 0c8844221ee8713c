"""Files that are no inventories, or mean harm: a clear finding, in bounded time and memory, and never a traceback."""

from __future__ import annotations

import os
import re
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from msoffcrypto.format.ooxml import OOXMLFile
from openpyxl import Workbook
from openpyxl.styles import PatternFill

from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

XLS = Path(__file__).parents[2] / "fixtures" / "excel-97.xls"
"""A form in Excel's format of 1997, made once with xlwt 1.3.0: nobody has maintained a library that writes it since 2017."""
HEADERS = ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态"]
ROW = ["市水务局", "市直", "政府", "水费系统", "应用系统", "否", "已建"]


def form(path: Path) -> Workbook:
    workbook = Workbook()
    workbook.active.append(HEADERS)
    workbook.active.append(ROW)
    workbook.save(path)
    return workbook


def repacked(path: Path, change: Callable[[str, bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def read(path: Path) -> Reading:
    """Reads, holding to 20 s of the processor and 500 MB more than before."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    reading = load([path])
    assert time.process_time() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024
    return reading


def codes(reading: Reading) -> list[str]:
    return [finding.code for finding in reading.findings]


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    form(path)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet9.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(600):
            part.write(b"<a/>" * 2**18)
    assert codes(read(path)) == ["xlsx-bomb"]


def test_a_part_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lies.xlsx"
    form(path)
    repacked(path, lambda name, data: data + b" " * (50 * 2**20) if name == "xl/styles.xml" else data)
    data = bytearray(path.read_bytes())
    position = data.find(b"PK\x01\x02")
    while position >= 0:
        struct.pack_into("<I", data, position + 24, 10)
        position = data.find(b"PK\x01\x02", position + 4)
    path.write_bytes(bytes(data))
    assert codes(read(path))[0] in {"xlsx-bomb", "xlsx-broken"}


def test_one_cell_in_the_far_corner_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "far.xlsx"
    workbook = form(path)
    workbook.active["XFD1048576"] = "x"
    workbook.save(path)
    assert codes(read(path)) == ["sheet-too-large"]


@pytest.mark.parametrize("how", [b'r="XFD1048576"', b"r='XFD1048576'", b'r = "XFD1048576"', b'r="&#88;FD1048576"', b'\nr\n=\n"XFD1048576"'])
def test_a_far_cell_is_seen_however_its_address_is_written(tmp_path: Path, how: bytes) -> None:
    path = tmp_path / "far.xlsx"
    form(path)
    repacked(path, lambda name, data: data.replace(b'r="A2"', how) if name.startswith("xl/worksheets/") else data)
    assert codes(read(path))[0] in {"sheet-too-large", "xlsx-unusual", "xlsx-broken"}


def test_a_million_blank_formatted_rows_do_not_hinder(tmp_path: Path) -> None:
    path = tmp_path / "blank.xlsx"
    workbook = form(path)
    workbook.active["A3"].fill = PatternFill("solid", start_color="FFFF0000")
    workbook.save(path)
    rows = b"".join(
        b'<row r="%d" s="1" customFormat="1"><c r="A%d" s="1"/><c r="B%d" s="1"/></row>' % (n, n, n) for n in range(4, 1_000_000)
    )
    repacked(path, lambda name, data: data.replace(b"</sheetData>", rows + b"</sheetData>") if name.startswith("xl/worksheets/") else data)
    reading = read(path)
    assert codes(reading) == []
    assert [system.name for system in reading.inventory.systems] == ["水费系统"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not-xlsx"),
        (b"PK\x03\x04 and nothing", "xlsx-broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096, "xlsx-broken"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "not-xlsx"),
    ],
)
def test_what_is_no_xlsx_is_named_for_what_it_is(tmp_path: Path, content: bytes, code: str) -> None:
    for suffix in (".xlsx", ".xls"):
        path = tmp_path / f"file{suffix}"
        path.write_bytes(content)
        reading = read(path)
        assert codes(reading) == [code]
        assert reading.findings[0].remedy


def test_a_real_workbook_with_a_password_is_told_from_a_truncated_one_and_from_an_xls(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain.xlsx", tmp_path / "form.xlsx"
    form(plain)
    with plain.open("rb") as source, path.open("wb") as target:
        OOXMLFile(source).encrypt("口令", target)
    assert OOXMLFile(path.open("rb")).is_encrypted()
    whole = path.read_bytes()
    assert codes(read(path)) == ["xlsx-password"]
    path.write_bytes(whole[: len(whole) // 20])
    assert codes(read(path)) == ["xlsx-broken"]
    for suffix in (".xls", ".xlsx", ".et"):  # whatever it is called
        named = (tmp_path / "form").with_suffix(suffix)
        named.write_bytes(whole)
        assert codes(read(named)) == ["xlsx-password"]
        named.write_bytes(XLS.read_bytes())
        assert codes(read(named)) == ["xls-old"]
        named.write_bytes(XLS.read_bytes()[:600])
        assert codes(read(named)) == ["xlsx-broken"]


def test_a_truncated_xlsx_is_refused_at_every_length(tmp_path: Path) -> None:
    whole = tmp_path / "whole.xlsx"
    form(whole)
    data = whole.read_bytes()
    path = tmp_path / "part.xlsx"
    for length in range(0, len(data) - 1, 97):
        path.write_bytes(data[:length])
        assert codes(read(path))[0] in {"xlsx-broken", "not-xlsx"}


def test_damaged_xml_inside_is_refused(tmp_path: Path) -> None:
    for part in ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"):
        path = tmp_path / "damaged.xlsx"
        form(path)
        repacked(path, lambda name, data, part=part: data[: len(data) // 2] if name == part else data)  # type: ignore[misc]
        assert load([path]).findings, part


def test_a_formula_gives_its_saved_value_and_without_one_is_not_answered(tmp_path: Path) -> None:
    path = tmp_path / "formula.xlsx"
    workbook = form(path)
    workbook.active["H1"], workbook.active["H2"] = "数据量(GB)", "=100+20"
    workbook.save(path)
    reading = read(path)
    assert codes(reading) == ["formula-without-value"]
    assert reading.inventory.systems[0].data_gb is None
    repacked(path, lambda _, data: re.sub(rb"(<f>100\+20</f>)<v\s*/>|(<f>100\+20</f>)<v></v>", rb"<f>100+20</f><v>120</v>", data))
    reading = read(path)
    assert codes(reading) == ["formula"]
    assert reading.inventory.systems[0].data_gb == 120


def test_shared_texts_are_read_and_refused_when_cut_off(tmp_path: Path) -> None:
    """As Excel and WPS write them: texts in a part of their own."""
    path = tmp_path / "shared.xlsx"
    form(path)
    texts = "".join(f"<si><t>{text}</t></si>" for text in HEADERS + ROW)
    shared = f'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{texts}</sst>'.encode()
    cells = [
        f'<row r="{row}">' + "".join(f'<c r="{chr(65 + n)}{row}" t="s"><v>{n + 7 * (row - 1)}</v></c>' for n in range(7)) + "</row>"
        for row in (1, 2)
    ]

    def change(name: str, data: bytes, texts: bytes = shared) -> bytes:
        if name == "xl/worksheets/sheet1.xml":
            start, end = data.index(b"<sheetData>") + 11, data.index(b"</sheetData>")
            return data[:start] + "".join(cells).encode() + data[end:]
        if name == "[Content_Types].xml":
            kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
            return data.replace(b"</Types>", b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>')
        if name == "xl/_rels/workbook.xml.rels":
            kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
            return data.replace(
                b"</Relationships>", b'<Relationship Id="rId99" Type="' + kind + b'" Target="sharedStrings.xml"/></Relationships>'
            )
        return texts if name == "xl/sharedStrings.xml" else data

    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", b"")
    repacked(path, change)
    assert [system.name for system in load([path]).inventory.systems] == ["水费系统"]
    repacked(path, lambda name, data: data[: len(data) // 2] if name == "xl/sharedStrings.xml" else data)
    assert codes(load([path])) == ["xlsx-broken"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "a: &a [x]\n"
            + "".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *{'a' if n == 0 else f'b{n - 1}'}]\n" for n in range(40)),
            "yaml-alias-bomb",
        ),
        ("systems: &a [*a]\n", "yaml-alias"),
        ("[" * 500_000, "yaml-depth"),
        ("{" * 500_000, "yaml-depth"),
        ("- " * 100_000 + "x", "yaml-depth"),
        ("systems:\n\t- id: x\n", "bad-yaml"),
        ("systems: [\n", "bad-yaml"),
        ("systems: text\n", "bad-shape"),
        ("systems: [text]\n", "bad-shape"),
        ("- 1\n", "bad-shape"),
        ("systems: !!python/object/apply:os.system ['true']\n", "classified-unanswered"),
        ("? {a: b}\n: c\n", "yaml-key"),
    ],
)
def test_yaml_that_means_harm_is_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    found = codes(read(path))
    assert found[:1] == [code] or code == "classified-unanswered", found


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\x00\x01\x02\x03", b"\x81", bytes(range(256)) * 10])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, data: bytes) -> None:
    for suffix in (".csv", ".yaml"):
        path = tmp_path / f"file{suffix}"
        path.write_bytes(data)
        assert [finding.severity for finding in read(path).findings][:1] == ["error"]


def test_a_missing_file_and_an_unknown_kind_are_findings(tmp_path: Path) -> None:
    (tmp_path / "form.pdf").write_bytes(b"%PDF")
    os.mkfifo(tmp_path / "pipe.csv")
    given = [tmp_path / name for name in ("nothing.xlsx", "form.pdf", "pipe.csv")]
    assert codes(load(given)) == ["file-kind", "no-such-file", "no-such-file"]
    assert codes(load([tmp_path])) == ["file-kind"]


def test_a_text_that_looks_like_a_formula_is_written_as_text(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    from orchestrator.inventory.folder.workbook import write_workbook
    from orchestrator.models import Department, Inventory, Kind, Status, System

    evil = '=HYPERLINK("http://x","y")'
    system = System(
        id="evil",
        name=evil,
        department="d-1",
        kind=Kind.APPLICATION,
        status=Status.IN_USE,
        remark="@SUM(1)",
        vendor="+1",
        unknown={"-1": "=1"},
    )
    path = tmp_path / "out.xlsx"
    write_workbook(path, Inventory(departments=(Department(id="d-1", name="=cmd|' /C calc'!A0"),), systems=(system,)))
    for sheet in load_workbook(path).worksheets:
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    assert load([path]).inventory.systems == (system,)
