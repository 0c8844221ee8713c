"""The work plan as one self-contained HTML page that prints on A4."""

from __future__ import annotations

from html import escape

from orchestrator.reports.workplan import Grid, Heading, Items, Text, WorkPlan

STYLE = """
@page { size: A4; margin: 25mm 24mm }
body { font: 12pt/1.7 "FangSong", "仿宋", "Noto Serif CJK SC", serif; max-width: 180mm; margin: 10mm auto; color: #111 }
h1, h2, h3 { font-family: "SimHei", "黑体", "Noto Sans CJK SC", sans-serif; line-height: 1.4; break-after: avoid }
h1 { text-align: center; font-size: 20pt } h2 { font-size: 15pt } h3 { font-size: 12.5pt }
p.sub { text-align: center } p.text { text-indent: 2em }
table { border-collapse: collapse; width: 100%; margin: 0.6em 0; font-size: 10.5pt } thead { display: table-header-group }
table.tall td { height: 10mm }
th { background: #e7e6e6 }
th, td { border: 1px solid #444; padding: 3px 6px; text-align: left; vertical-align: top } tr { break-inside: avoid }
"""


def to_html(work_plan: WorkPlan) -> str:
    """The page. Every text from outside is escaped; nothing is loaded from anywhere."""
    parts = [f"<h1>{escape(work_plan.title)}</h1>", f'<p class="sub">{escape(work_plan.subtitle)}</p>']
    for block in work_plan.blocks:
        if isinstance(block, Heading):
            level = block.level + 1
            parts.append(f"<h{level}>{escape(block.text)}</h{level}>")
        elif isinstance(block, Text):
            parts.append(f'<p class="text">{escape(block.text)}</p>')
        elif isinstance(block, Items):
            parts.append("<ol>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ol>")
        else:
            parts.append(_table(block))
    lang = "zh-CN" if work_plan.lang == "zh" else "en"
    head = f'<meta charset="utf-8"><title>{escape(work_plan.title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="{lang}"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _table(block: Grid) -> str:
    total = sum(block.widths)
    columns = "".join(f'<col style="width:{100 * width / total:.1f}%">' for width in block.widths)
    head = "".join(f"<th>{escape(text)}</th>" for text in block.headers)
    rows = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in block.rows)
    kind = ' class="tall"' if block.tall else ""
    return f"<table{kind}><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
