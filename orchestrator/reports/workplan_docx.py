"""The work plan as a Word document: A4, Chinese official typography, real headings, numbered lists and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.reports.workplan import Grid, Heading, Items, Text, WorkPlan


def write_docx(work_plan: WorkPlan, path: Path) -> None:
    """Write the document. Text from outside goes in as text: python-docx escapes it, control characters are dropped."""
    import docx
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm, Pt

    document = docx.Document()
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.top_margin, section.bottom_margin, section.left_margin, section.right_margin = Cm(3), Cm(2.5), Cm(2.6), Cm(2.4)
    body = "仿宋" if work_plan.lang == "zh" else "Times New Roman"
    head = "黑体" if work_plan.lang == "zh" else "Arial"
    for style, font, size in (
        ("Normal", body, 12),
        ("Heading 1", head, 15),
        ("Heading 2", head, 12.5),
        ("Title", head, 22),
        ("List Number", body, 12),
    ):
        _font(document.styles[style], font, Pt(size))
    _no_border(document.styles["Title"])
    title = document.add_heading(_clean(work_plan.title), 0)
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    subtitle = document.add_paragraph(_clean(work_plan.subtitle))
    subtitle.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for block in work_plan.blocks:
        if isinstance(block, Heading):
            document.add_heading(_clean(block.text), block.level)
        elif isinstance(block, Text):
            document.add_paragraph(_clean(block.text)).paragraph_format.first_line_indent = Pt(24)
        elif isinstance(block, Items):
            for number, item in enumerate(block.items, 1):
                line = document.add_paragraph(f"{number}. {_clean(item)}").paragraph_format
                line.left_indent, line.space_after = Cm(0.8), Pt(2)
        elif block.rows:
            _table(document, block)
    _page_number(section.footer.paragraphs[0])
    document.core_properties.title = _clean(work_plan.title)
    document.core_properties.author = ""
    document.save(str(path))


def _table(document: Any, block: Grid) -> None:
    from docx.oxml import OxmlElement
    from docx.shared import Cm, Pt

    table = document.add_table(rows=1, cols=len(block.headers))
    table.style = "Table Grid"
    table.autofit = False
    widths = [Cm(16 * width / sum(block.widths)) for width in block.widths]
    for cell, text in zip(table.rows[0].cells, block.headers, strict=True):
        cell.text = _clean(text)
        cell.paragraphs[0].runs[0].bold = True
        _shade(cell)
    repeat = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(repeat)  # the header stands on every page
    for row in block.rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = _clean(text)
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width  # the grid: LibreOffice goes by it, Word by the cells
    for row in table.rows:
        whole = OxmlElement("w:cantSplit")
        row._tr.get_or_add_trPr().append(whole)  # a row is not torn apart by a page's end
        if block.tall:
            row.height = Cm(1)
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = width
            for paragraph in cell.paragraphs:
                paragraph.paragraph_format.space_after = Pt(0)
                for run in paragraph.runs:
                    run.font.size = Pt(10)
    document.add_paragraph()


def _shade(cell: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    shade = OxmlElement("w:shd")
    for name, value in (("w:val", "clear"), ("w:color", "auto"), ("w:fill", "E7E6E6")):
        shade.set(qn(name), value)
    cell._tc.get_or_add_tcPr().append(shade)


def _no_border(style: Any) -> None:
    from docx.oxml.ns import qn

    for border in style.element.findall(f".//{qn('w:pBdr')}"):
        border.getparent().remove(border)


def _page_number(paragraph: Any) -> None:
    """Number of the page, — 3 —, in the middle of the foot, as official documents have it (GB/T 9704)."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    paragraph.add_run("— ")
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph._p.append(field)
    paragraph.add_run(" —")


def _font(style: Any, name: str, size: Any) -> None:
    from docx.oxml.ns import qn
    from docx.shared import RGBColor

    style.font.name, style.font.size = name, size
    style.font.color.rgb = RGBColor(0, 0, 0)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for slot in ("w:eastAsia", "w:ascii", "w:hAnsi"):
        fonts.set(qn(slot), name)
    for slot in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme"):
        fonts.attrib.pop(qn(slot), None)


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
