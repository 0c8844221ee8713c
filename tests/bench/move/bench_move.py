"""Ten switches forward and ten back under load, beside what people use otherwise: ``make bench-move OUT=FILE``.

    python -m tests.bench.move.bench_move [--out FILE] [--sizes 0.1,1] [--rounds 10] [--engines postgresql,mariadb,files]
                                          [--files 20000,500000] [--sparse 200]

Prints a table and writes ``{"sizes": [{"gb", "forward_ms", "back_ms", "failed", "lost", "duplicated", "copy_s",
"dump_restore_s", "physical_switchover_ms"}]}``. Gaps are those of eight clients with 200 writes a second in all: the longest
time in which none of them had an answer. MariaDB's stand under ``mariadb``, with the errors that its clients saw beside those that were
foretold; trees of files under ``files``, beside `cp -a` and rsync. It asserts nothing; what failed, is lost or doubled stands in the table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.embedded import judge
from tests.bench.move import files, mariadb, rivals
from tests.bench.move.moving import Moving
from tests.bench.move.world import World


def measure_size(gigabytes: float, rounds: int) -> dict[str, Any]:
    """All figures at one size."""
    with _folder() as folder, World(folder, gigabytes) as world:
        world.start_cluster("target")
        found: dict[str, Any] = {"gb": gigabytes, "bytes": world.bytes(), "dump_restore_s": round(rivals.dump_and_restore(world), 1)}
        found |= _switches(world, rounds)
        physical = rivals.physical_switchover(world)
        return found | {"physical_switchover_ms": physical["ms"], "physical_failed": physical["failed"]}


@contextmanager
def _folder() -> Iterator[Path]:
    """One of its own, in which servers of another account may read; it goes with the block."""
    folder = Path(tempfile.mkdtemp(prefix="orc-move-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _switches(world: World, rounds: int) -> dict[str, Any]:
    """Copy, then forward and back ``rounds`` times without another copy; the source is live at the end."""
    spans: list[dict[str, Any]] = []
    with Moving(world) as moving, world.load("switches") as ledger:
        copied = moving.copy()
        for number in range(rounds):
            for direction in ("forward", "back"):
                spans.append(moving.switch(direction))
                time.sleep(2 * judge.AROUND)  # what the judge looks at around one switch shall not reach into the next one
                say(f"{world.gigabytes} GB, {direction} {number + 1} of {rounds}: {spans[-1]['fence_ms']} ms in the fence")
    verdict = world.judge(ledger, "source", spans)
    gaps = {way: [c.longest_gap_ms for c in verdict.cutovers if c.direction == way] for way in ("forward", "back")}
    return {
        "forward_ms": gaps["forward"],
        "back_ms": gaps["back"],
        "failed": verdict.failed,
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "faults": verdict.details,
        "acknowledged": verdict.acknowledged,
        "copy_s": round(copied, 1),
        "fence_ms": [span["fence_ms"] for span in spans],
    }


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


def table(sizes: list[dict[str, Any]]) -> str:
    """The figures as a person reads them."""
    lines = [
        "| GB | switches | forward ms: median, worst | back ms: median, worst | failed / lost / doubled of writes | copy s "
        "| backup and restore s | physical switchover ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size in sizes:
        ways = " | ".join(f"{statistics.median(size[way]):.0f}, {max(size[way]):.0f}" for way in ("forward_ms", "back_ms"))
        lines.append(
            f"| {size['gb']:g} | {len(size['forward_ms'])} + {len(size['back_ms'])} | {ways} | {size['failed']} / {size['lost']} / "
            f"{size['duplicated']} of {size['acknowledged']} | {size['copy_s']} | {size['dump_restore_s']} | {size['physical_switchover_ms']:.0f} |"
        )
    return "\n".join(lines)


def measure_mariadb(gigabytes: float, rounds: int) -> dict[str, Any]:
    """MariaDB's figures at one size."""
    with _folder() as folder:
        return mariadb.measure(folder, gigabytes, rounds)


def mariadb_table(sizes: list[dict[str, Any]]) -> str:
    """The figures as a person reads them."""
    lines = [
        "| MariaDB, GB | switches | forward ms: median, worst | back ms: median, worst | errors, of them foretold "
        "| lost / doubled of writes | copy s |",
        "|---|---|---|---|---|---|---|",
    ]
    for size in sizes:
        ways = " | ".join(f"{statistics.median(size[way]):.0f}, {max(size[way]):.0f}" for way in ("forward_ms", "back_ms"))
        lines.append(
            f"| {size['gb']:g} | {len(size['forward_ms'])} + {len(size['back_ms'])} | {ways} | {size['errors']}, {size['foretold']} | "
            f"{size['lost']} / {size['duplicated']} of {size['acknowledged']} | {size['copy_s']} |"
        )
    return "\n".join(lines)


def measure_files(count: int, sparse_gb: float, rounds: int) -> dict[str, Any]:
    """A tree's figures."""
    with _folder() as folder:
        found = files.measure(folder, count, sparse_gb, rounds)
    say(f"{count} files, {sparse_gb:g} GB sparse: {statistics.median(found['fence_ms']):.0f} ms in the fence")
    return found


def files_table(trees: list[dict[str, Any]]) -> str:
    """The figures as a person reads them."""
    lines = [
        f"| files | sparse GB | the fence's pass of {files.CHANGED + files.NEW} paths, ms: median, worst | first look s | rsync's last pass ms: median, worst "
        "| rsync's first s | cp -a s |",
        "|---|---|---|---|---|---|---|",
    ]
    for tree in trees:
        fence, last = (
            f"{statistics.median(tree[name]):.0f}, {max(tree[name]):.0f}" if name in tree else "-" for name in ("fence_ms", "rsync_last_ms")
        )
        first = f"{tree['rsync_first_s']:.1f}" if "rsync_first_s" in tree else "-"
        lines.append(f"| {tree['files']:,} | {tree['sparse_gb']:g} | {fence} | {tree['watch_s']:.1f} | {last} | {first} | {tree['cp_s']:.1f} |")
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Switches under load, beside backup and restore and a physical switchover.")
    parser.add_argument("--out", type=Path, help="write the figures there, as JSON")
    parser.add_argument("--sizes", default="0.1,1", help="gigabytes, separated by commas")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--engines", default="postgresql,mariadb,files")
    parser.add_argument("--files", default="20000,500000", help="how many, separated by commas")
    parser.add_argument("--sparse", type=float, default=200, help="gigabytes of the one sparse file that a last tree has; 0: none")
    asked = parser.parse_args()
    gigabytes = [float(size) for size in asked.sizes.split(",")]
    found: dict[str, Any] = {}
    if "postgresql" in asked.engines:
        found["sizes"] = [measure_size(size, asked.rounds) for size in gigabytes]
        print(table(found["sizes"]))
    if "mariadb" in asked.engines:
        found["mariadb"] = [measure_mariadb(size, asked.rounds) for size in gigabytes]
        print(mariadb_table(found["mariadb"]))
    if "files" in asked.engines:
        trees = [(int(count), 0.0) for count in asked.files.split(",")]
        trees += [(trees[0][0], asked.sparse)] if asked.sparse else []
        found["files"] = [measure_files(count, sparse, asked.rounds) for count, sparse in trees]
        print(files_table(found["files"]))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
