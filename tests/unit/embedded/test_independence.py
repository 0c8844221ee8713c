"""The load, the judge and the saboteur share no code with the engine."""

import ast
import sys
from pathlib import Path

import pytest

import orchestrator.embedded

FOLDER = Path(orchestrator.embedded.__file__).parent


@pytest.mark.parametrize("module", ["load", "judge", "sabotage"])
def test_only_the_standard_library_psycopg_and_cryptography(module):
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    names = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - set(sys.stdlib_module_names) <= {"psycopg", "cryptography"}
