"""The load, the judge and the saboteur share no code with the engine."""

import ast
import sys
from pathlib import Path

import pytest

import orchestrator.embedded

FOLDER = Path(orchestrator.embedded.__file__).parent


ITSELF = {"orchestrator.embedded.judge_postgresql", "orchestrator.embedded.judge_mariadb"}


@pytest.mark.parametrize("module", ["load", "judge", "judge_postgresql", "judge_mariadb", "sabotage"])
def test_only_the_standard_library_the_drivers_and_cryptography(module):
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.split(".")[0] for name in names - ITSELF} - set(sys.stdlib_module_names)
    assert foreign <= {"psycopg", "pymysql", "cryptography"}
