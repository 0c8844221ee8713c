"""``make bench-office``: forms with known contents, from the file to the report, by the commands that a city types.

Counted in every city: rows lost, false counts, and words of classified or unanswered rows in what was printed and in every file that was written
(journal, report, work plan, answer sheet, workbooks unpacked). Ends with 1 when any of them is not 0. CELLS=300000 is the default.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from openpyxl import load_workbook

from orchestrator.cli.main import main as orchestrator
from tests.support.office_generator import Contents, make_form

FORMS_OF_A_CITY = 8
COUNTED = ("classified", "unanswered", "retired", "party_mass")


class City:
    """A folder that ``init`` made, and all that its commands printed."""

    def __init__(self, folder: Path, first_seed: int) -> None:
        self.folder, self.printed, self.first_seed = folder / "city", io.StringIO(), first_seed
        given = folder / "given"
        given.mkdir(parents=True)
        self.contents = [make_form(given / f"form{seed}.xlsx", seed, otherwise=seed % 4 == 0) for seed in range(first_seed, first_seed + FORMS_OF_A_CITY)]
        self.forms = [str(path) for contents in self.contents for path in contents.files]
        self.says("init", str(self.folder))
        os.chdir(self.folder)

    def says(self, *arguments: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = orchestrator(list(arguments))
        said = out.getvalue() + err.getvalue()
        self.printed.write(said)
        if code == 1:
            sys.__stderr__.write(f"exit 1: {arguments[:3]} {said[-500:]}\n")
        return out.getvalue()

    def run(self) -> list[str]:
        """From the forms to the report; returns what is wrong."""
        self._answer()
        checked = json.loads(self.says("inventory", "check", "--json", *self.forms))
        for lang in ("zh", "en"):
            self.says("inventory", "check", "--lang", lang, *self.forms)
        self.says("inventory", "ask", "questions.xlsx", *self.forms)
        self.says("inventory", "import", "--into", "inventory", "--partial", "--yes", *self.forms)
        shown = json.loads(self.says("inventory", "check", "--json"))
        names = sorted({name for contents in self.contents for name in contents.in_scope})
        for arguments in (["assess"], ["assess", "--json"], ["explain", names[0]], ["baseline", "freeze", "--despite-unanswered", "--reason", "x"], ["plan", "--json"], ["plan", "show"]):
            self.says(*arguments)
        office = json.loads(self.says("inventory", "show", "--json"))["departments"][0]["id"]
        self.says("workplan", "--department", office)
        self.says("report")
        report = self.says("report", "--json")
        self.says("inventory", "template", "filled.xlsx", "--filled-from", "inventory")
        wrong = [f"{where}: {fault}" for where, said in (("form", checked), ("folder", shown)) for fault in self._miscounted(said["counts"])]
        in_scope = {name for contents in self.contents for name in contents.in_scope}
        kept = {system["name"] for system in json.loads(self.says("inventory", "show", "--json"))["systems"]}
        wrong += [f"missing: {len(in_scope - kept)}"] if in_scope - kept else []
        wrong += [f"too many: {len(kept - in_scope)}"] if kept - in_scope else []
        return [*wrong, *(["no report"] if "{" not in report else [])]

    def _answer(self) -> None:
        """As a hasty office does, until nothing is left of this: what is proposed for columns, and of sheets that ask in other words that none of their rows is classified."""
        otherwise = [f"form{seed}" for seed, contents in enumerate(self.contents, start=self.first_seed) if contents.asks_otherwise]
        for number in range(4 if otherwise else 0):
            self.says("inventory", "ask", f"asked{number}.xlsx", *self.forms)
            book = load_workbook(f"asked{number}.xlsx")
            sheet, answered = book.worksheets[0], 0
            for row in sheet.iter_rows(min_row=3):
                kind, places = row[8].value, str(row[5].value)
                is_answered = kind == "columns" or (kind == "sheet" and any(form in places for form in otherwise))
                row[6].value = ("均非涉密" if kind == "sheet" else row[6].value) if is_answered else None
                row[7].value = "王小明"
                answered += bool(row[6].value)
            if not answered:
                return
            book.save(f"back{number}.xlsx")
            self.says("inventory", "answer", f"back{number}.xlsx")

    def _miscounted(self, counts: dict[str, int]) -> Iterator[str]:
        expected = {name: sum(getattr(contents, name) for contents in self.contents) for name in COUNTED}
        expected |= {"in_scope": sum(len(contents.in_scope) for contents in self.contents)}
        expected |= {"to_retire": sum(contents.to_retire for contents in self.contents)}
        expected |= {"already_elsewhere": sum(contents.elsewhere for contents in self.contents)}
        for name, number in expected.items():
            if counts[name] != number:
                yield f"{name} {counts[name]}, not {number}"

    def leaks(self) -> list[str]:
        """Where a word of a classified or unanswered row stands."""
        found = []
        for place, data in [("printed", self.printed.getvalue().encode()), *written(self.folder)]:
            text = data.decode("utf-8", errors="ignore")
            texts = (text, re.sub(r"[\s\u200b]|\\u200b", "", text), data.decode("utf-16-le", errors="ignore"))
            for contents in self.contents:
                found += [f"{place}: {secret}" for secret in contents.secrets if any(secret in said for said in texts)]
        return found


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file beneath the folder, its name first, workbooks and documents unpacked; escaped letters as they are."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield str(path.relative_to(folder)), str(path.relative_to(folder)).encode()
        data = path.read_bytes()
        yield path.name, data
        if b"\\u" in data:
            yield path.name, re.sub(rb"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)).encode("utf-8", "surrogatepass"), data)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path.name}/{name}", archive.read(name)


def measure(folder: Path, seed: int) -> tuple[list[Contents], list[str], list[str]]:
    city = City(folder, seed)
    return city.contents, city.run(), city.leaks()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args()
    began, home, seed = time.process_time(), Path.cwd(), options.seed
    forms: list[Contents] = []
    wrong: list[str] = []
    leaked: list[str] = []
    while sum(contents.cells for contents in forms) < options.cells:
        with tempfile.TemporaryDirectory() as place:
            contents, faults, leaks = measure(Path(place), seed)
            os.chdir(home)
        forms += contents
        wrong += [f"seeds from {seed}: {fault}" for fault in faults]
        leaked += [f"seeds from {seed}: {leak}" for leak in leaks]
        seed += FORMS_OF_A_CITY
    rows, withheld = sum(contents.rows for contents in forms), sum(contents.classified + contents.unanswered for contents in forms)
    print(f"{len(forms)} forms in {sum(len(contents.files) for contents in forms)} files, {sum(contents.cells for contents in forms)} cells")
    print(f"{rows} rows, {withheld} of them classified or unanswered; {len(wrong)} false counts, {len(leaked)} words that are nobody's business")
    print(f"{time.process_time() - began:.0f} s of CPU")
    print("\n".join([*wrong[:40], *leaked[:40]]))
    return 1 if wrong or leaked else 0


if __name__ == "__main__":
    raise SystemExit(main())
