"""The work plan as docx and html, and the picture of the plan: what must stand in them, and what must not."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.models import Inventory, Plan, Reason, Strategy, Verdict
from orchestrator.planning.plan import make_plan
from orchestrator.planning.programme import Programme
from orchestrator.reports.plan_picture import plan_picture
from orchestrator.reports.workplan import work_plan
from orchestrator.reports.workplan_docx import write_docx
from orchestrator.reports.workplan_html import to_html
from tests.bench.instances import instance
from tests.support.demo_city import demo_city

City = tuple[Inventory, dict[str, Verdict], Programme, Plan]
MUST = (
    """
市自然资源和规划局信息系统迁移接入工作方案|不动产登记系统|设备迁移和云平台部署相结合|2026-01-05 00:00|每天 00:00-24:00|市民办事门户
设备搬运公告停用 5 分钟|业务最长中断 1000 毫秒|三不影响|回退办法|签字确认|吴工|单位负责人
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.fixture
def city() -> City:
    inventory, verdicts, programme = demo_city()
    systems = tuple(one.model_copy(update={"phone": "13800000000"}) for one in inventory.systems)
    inventory = inventory.model_copy(update={"systems": systems})
    return inventory, verdicts, programme, make_plan(inventory, verdicts, programme, inventory_digest="i", policy_digest="p")


def text_of(file: Path) -> str:
    import docx

    document = docx.Document(str(file))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def test_the_docx_says_all_of_it_and_no_phone_number(city: City, tmp_path: Path) -> None:
    inventory, verdicts, _, plan = city
    file = tmp_path / "plan.docx"
    write_docx(work_plan(inventory, verdicts, plan, "natural-resources"), file)
    text = text_of(file)
    assert [one for one in MUST if one not in text] == []
    assert "13800000000" not in text


def test_the_docx_is_an_a4_document_with_headings_and_repeated_table_headers(city: City, tmp_path: Path) -> None:
    import docx

    inventory, verdicts, _, plan = city
    file = tmp_path / "plan.docx"
    write_docx(work_plan(inventory, verdicts, plan, "市自然资源和规划局"), file)
    document = docx.Document(str(file))
    section = document.sections[0]
    assert section.page_width is not None
    assert section.page_height is not None
    assert (round(section.page_width.cm, 1), round(section.page_height.cm, 1)) == (21.0, 29.7)
    assert sum(paragraph.style is not None and paragraph.style.name == "Heading 1" for paragraph in document.paragraphs) >= 5
    assert all("w:tblHeader" in table.rows[0]._tr.xml for table in document.tables)


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice (soffice) is not on PATH: the conversion is tried only where it is")
def test_libreoffice_opens_the_docx(city: City, tmp_path: Path) -> None:
    inventory, verdicts, _, plan = city
    write_docx(work_plan(inventory, verdicts, plan, "natural-resources"), tmp_path / "plan.docx")
    command = [
        "soffice",
        "--headless",
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--convert-to",
        "txt:Text",
        "--outdir",
        str(tmp_path),
    ]
    subprocess.run([*command, str(tmp_path / "plan.docx")], check=True, timeout=120, capture_output=True)
    text = (tmp_path / "plan.txt").read_text(encoding="utf-8", errors="replace")
    assert [one for one in MUST if one not in text] == []


@pytest.mark.parametrize(
    ("lang", "texts"),
    [
        ("zh", ("由 os:zhang 改定为整体搬迁、服务托管，记录在案；策略原结论为部署上云", "由 os:zhang 改定：省厅要求", "得出原结论“部署上云”的理由，不是改定的理由",
                "以部署上云为首选方式", "（改定，策略原为部署上云）")),
        ("en", ("changed to whole relocation with hosting by os:zhang, on record; policy said cloud deployment", "Overridden by os:zhang",
                "s reasons for cloud deployment, which are not the reasons of the change", "the first choice", "(changed; policy said cloud deployment)")),
    ],
)  # fmt: skip
def test_beside_an_override_stands_what_policy_said_and_whose_the_reasons_are(
    city: City, lang: str, texts: tuple[str, ...], tmp_path: Path
) -> None:
    inventory, verdicts, programme, _ = city
    reasons = (
        Reason(rule="override", zh="由 os:zhang 改定：省厅要求", en="Overridden by os:zhang: the province asks for it"),
        Reason(rule="default", zh="以部署上云为首选方式", en="Cloud deployment is the first choice"),
    )
    over = {"strategy": Strategy.HOSTING, "policy_strategy": Strategy.CLOUD_DEPLOYMENT, "overridden_by": "os:zhang", "reasons": reasons}
    verdicts["weather-bulletin"] = verdicts["weather-bulletin"].model_copy(update=over)
    plan = make_plan(inventory, verdicts, programme, inventory_digest="i", policy_digest="p")
    document = work_plan(inventory, verdicts, plan, "meteorology", lang)
    write_docx(document, tmp_path / "plan.docx")
    for printed in (to_html(document), text_of(tmp_path / "plan.docx")):
        assert [text for text in texts if text not in printed] == []


def test_html_in_english_escapes_what_comes_from_outside(city: City) -> None:
    inventory, verdicts, programme, _ = city
    evil = tuple(
        one.model_copy(update={"name_en": "<script>alert(1)</script>", "contact": '"><img src=x>'})
        if one.id == "property-register"
        else one
        for one in inventory.systems
    )
    inventory = inventory.model_copy(update={"systems": evil})
    plan = make_plan(inventory, verdicts, programme, inventory_digest="i", policy_digest="p")
    page = to_html(work_plan(inventory, verdicts, plan, "natural-resources", "en"))
    assert "Migration work plan of Natural Resources Bureau" in page
    assert "device relocation combined with cloud deployment" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_an_unknown_department_is_refused_with_the_known_ones(city: City) -> None:
    inventory, verdicts, _, plan = city
    with pytest.raises(UsageError, match="no department") as refused:
        work_plan(inventory, verdicts, plan, "nobody")
    assert "natural-resources" in refused.value.remedy


def test_a_system_that_is_not_planned_is_listed_with_the_reason(city: City) -> None:
    inventory, verdicts, programme, _ = city
    lost = tuple(one.model_copy(update={"depends_on": ("gone",)}) if one.id == "weather-bulletin" else one for one in inventory.systems)
    inventory = inventory.model_copy(update={"systems": lost})
    last = programme.phases[-1].model_copy(update={"percent": 80})
    programme = programme.model_copy(update={"phases": (programme.phases[0], last)})
    plan = make_plan(inventory, verdicts, programme, inventory_digest="i", policy_digest="p")
    for lang, heading, reason in (("zh", "未列入计划的系统", "依赖 gone"), ("en", "Systems that are not planned", "depends on gone")):
        page = to_html(work_plan(inventory, verdicts, plan, "meteorology", lang=lang))
        assert heading in page and reason in page


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_picture_is_one_svg_with_targets_waves_and_capacity(lang: str) -> None:
    inventory, verdicts, programme = instance(120, 3, slack=1.6, cloud_slack=1.4)
    plan = make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
    picture = plan_picture(plan, inventory, programme, lang)
    root = ET.fromstring(picture)  # noqa: S314 - our own text
    texts = " ".join("".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text"))
    for phase in plan.phases:
        assert str(phase.needed) in texts
        assert str(phase.due) in texts
    circles = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    owner = {one.id: one.department for one in inventory.systems}
    drawn = {(one.window_start.isocalendar()[:2], one.strategy, owner[one.system]) for one in plan.entries}
    assert len(circles) == len(drawn) + 3  # and the legend
    total = sum(one.vcpus or 0 for one in inventory.systems if verdicts[one.id].strategy != "hosting")
    assert f"{total:g}" in texts
    assert "<script" not in picture


def test_a_department_name_cannot_break_out_of_the_picture(city: City) -> None:
    inventory, _, programme, plan = city
    departments = tuple(one.model_copy(update={"name": "<b onload=x>"}) for one in inventory.departments)
    picture = plan_picture(plan, inventory.model_copy(update={"departments": departments}), programme)
    assert "<b onload" not in picture
