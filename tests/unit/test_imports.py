"""Imports point one way, and only the edges touch the world: the contracts of .importlinter hold."""

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
