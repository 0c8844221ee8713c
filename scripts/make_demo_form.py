"""Write the demo city as a filled-in spreadsheet: ``python scripts/make_demo_form.py``. A test holds it to the YAML."""

from __future__ import annotations

from pathlib import Path

from orchestrator.inventory.folder.workbook import write_workbook
from orchestrator.inventory.load import load_strict

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    write_workbook(ROOT / "inventories" / "demo-form" / "信息系统迁移统计表.xlsx", load_strict([ROOT / "inventories" / "demo"]).inventory)
