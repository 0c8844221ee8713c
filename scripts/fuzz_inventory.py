"""Fuzz the readers: ``python scripts/fuzz_inventory.py SECONDS [SEED]``. Real forms are broken in ways that files break, YAML is given shapes
that nobody expects, and all of it must be answered with findings within limits of CPU time. Prints how many inputs, by kind; every crash with the seed that makes it again.
"""

from __future__ import annotations

import heapq
import io
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from openpyxl import load_workbook
from openpyxl.comments import Comment

from orchestrator.inventory.check import as_json
from orchestrator.inventory.load import load

ROOT = Path(__file__).resolve().parent.parent
SLOWEST = 20.0
TOKENS = [
    b"=1+1", b"\xff", b"\x00", b"<", b">", b"&", b'"', b"'", b"*a", b"&a ", b"- ", b": ", b"{", b"[", b"]", b"}", b"\n", b"\t", b"!!", b"|", b"%", b"<<: ",
    b"999999999999999999999", b"-1", b"1e999", b"nan", b"XFD1048576", b'r="A0"', b't="s"', b't="e"', b"<v>99999999</v>", b"<mergeCell ref=\"A1:XFD9\"/>",
    "是".encode(), "合计".encode(), "注:".encode(), "序号".encode(), "系统名称".encode(), "是否涉密".encode(), "\u202e".encode(), b"\xef\xbb\xbf",
]  # fmt: skip


def seeds() -> dict[str, list[bytes]]:
    """Real inputs by suffix."""
    forms = [*ROOT.glob("inventories/demo-form/*.xlsx"), *ROOT.glob("tests/fixtures/*.xlsx")]
    commented = io.BytesIO()
    workbook = load_workbook(forms[-1])
    for cell in ("A1", "I7", "G9", "M15"):
        workbook.worksheets[0][cell].comment = Comment("批注 comment\n13812345678", "office")
    workbook.save(commented)
    csvs = [file.read_bytes() for file in ROOT.glob("tests/cases/inventory/*/*.csv")]
    yamls = [
        file.read_bytes() for file in [*ROOT.glob("inventories/demo/*.yaml"), *ROOT.glob("tests/cases/inventory/yaml-words/systems.yaml")]
    ]
    return {".xlsx": [commented.getvalue(), *(file.read_bytes() for file in forms)], ".csv": csvs, ".yaml": yamls}


def broken(data: bytes, dice: random.Random) -> bytes:
    """A few of the ways bytes break."""
    buffer = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 4, 16])):
        at = dice.randrange(len(buffer) + 1)
        kind = dice.randrange(6)
        if kind == 0 and at < len(buffer):
            buffer[at] = dice.randrange(256)
        elif kind == 1:
            buffer[at:at] = dice.choice(TOKENS)
        elif kind == 2:
            del buffer[at : at + dice.choice([1, 2, 10, 100, 1000])]
        elif kind == 3:
            piece = buffer[at : at + dice.choice([1, 10, 200])]
            buffer[at:at] = piece * dice.choice([1, 2, 50])
        elif kind == 4:
            other = dice.randrange(len(buffer) + 1)
            size = dice.choice([4, 20, 100])
            buffer[at : at + size], buffer[other : other + size] = buffer[other : other + size], buffer[at : at + size]
        else:
            del buffer[at : len(buffer) if dice.random() < 0.2 else at + 1]
    return bytes(buffer[: 4 * 2**20])


SHAPES: list[Any] = [True, None, 0, -1.5, "x", "是", "", [], [5], [[]], ["x", {}], {}, {"a": 1}, {"name": []}, "a\u0085b", "\x1b[31m"]


def reshaped(data: bytes, dice: random.Random) -> bytes:
    """Good YAML in which a few things have a shape that nobody expects there."""
    document = yaml.safe_load(data)
    for _ in range(dice.choice([1, 1, 2, 5])):
        at = document
        while True:
            key = dice.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[key], dict | list) or not at[key] or dice.random() < 0.3:
                at[key] = dice.choice(SHAPES)
                break
            at = at[key]
        if not document:
            break
    return yaml.safe_dump(document, allow_unicode=True).encode()


def broken_workbook(data: bytes, dice: random.Random) -> bytes:
    """Parts inside broken, the package whole: what a careless program leaves behind."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        names = source.namelist()
        victim = dice.choice(
            [name for name in names if any(word in name for word in ("sheet", "workbook", "comment")) or dice.random() < 0.2]
        )
        for name in names:
            target.writestr(name, broken(source.read(name), dice) if name == victim else source.read(name))
    return out.getvalue()


def main(seconds: float, seed: int) -> int:
    started, counts, outcomes, failures = time.monotonic(), Counter[str](), Counter[str](), 0
    slowest: list[tuple[float, int, str]] = []
    given = seeds()
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() - started < seconds:
            seed += 1
            dice = random.Random(seed)  # noqa: S311 - it breaks files, it keeps no secrets
            suffix = dice.choice([".xlsx", ".xlsx", ".csv", ".yaml", ".yaml"])
            data = dice.choice(given[suffix])
            whole = suffix == ".xlsx" and dice.random() < 0.85
            path = Path(folder) / f"file{suffix}"
            shaped = suffix == ".yaml" and dice.random() < 0.5
            path.write_bytes(broken_workbook(data, dice) if whole else reshaped(data, dice) if shaped else broken(data, dice))
            began = time.process_time()
            try:
                reading = load([path])
                as_json(reading)
                outcomes["read, with findings" if reading.findings else "read clean"] += 1
            except Exception:  # noqa: BLE001 - whatever it is, it is a find
                failures += 1
                print(f"seed {seed} {suffix}\n{traceback.format_exc(limit=-4)}", flush=True)
            took = time.process_time() - began
            slowest = heapq.nlargest(3, [*slowest, (round(took, 2), seed, suffix)])
            counts[suffix] += 1
            if took > SLOWEST:
                print(f"seed {seed} {suffix}: {took:.1f} s", flush=True)
                failures += 1
    print(
        f"{sum(counts.values())} inputs in {seconds:.0f} s {dict(counts)}; {dict(outcomes)}; failures {failures}; slowest (CPU s, seed) {slowest}; last seed {seed}"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
