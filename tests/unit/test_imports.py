"""Imports point one way, and only the edges touch the world: the contracts of .importlinter hold."""

import subprocess
import sys
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_contracts_of_the_architecture_hold(capsys):
    assert lint_imports(config_filename=str(CHECKOUT / ".importlinter"), no_cache=True) == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_no_exception_is_made():
    assert "ignore_imports" not in (CHECKOUT / ".importlinter").read_text(encoding="utf-8")


def test_every_package_of_ours_has_its_place_in_a_contract():
    text = (CHECKOUT / ".importlinter").read_text(encoding="utf-8")
    packages = {p.parent.name for p in (CHECKOUT / "orchestrator").glob("*/__init__.py")}
    assert {p for p in packages if f"orchestrator.{p}" not in text} == set()


def test_an_inventory_in_yaml_is_read_without_what_forms_are_read_with():
    code = (
        "import sys; from pathlib import Path; from orchestrator.inventory.load import load; "
        "assert load([Path('inventories/demo')]).inventory.systems; "
        "print([name for name in sys.modules if name.startswith(('orchestrator.inventory.sheets', 'orchestrator.inventory.values'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
