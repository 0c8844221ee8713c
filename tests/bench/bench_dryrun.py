"""A dry run of many movable systems, beside a shell loop of the same checks: ``python -m tests.bench.bench_dryrun [SIZE …]``.

Prints, asserts nothing. The systems are copies of the demo city's portal with names of their own, on machines that stand
already. The loop does for each system what the dry run does by itself: `terraform plan` of the module with its inputs and
`ansible-playbook --syntax-check`, one process after the other.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from orchestrator.tools import programs

CHECKOUT = Path(__file__).resolve().parents[2]
SIZES = (50, 200, 1000)
LOOPED = 10
"""Systems that the shell loop is measured on; its time grows with their number."""


def city(folder: Path, count: int) -> None:
    """An inventory of ``count`` movable systems."""
    shutil.copytree(CHECKOUT / "inventories/demo", folder / "inventory")
    file = folder / "inventory/administrative-service.yaml"
    document = yaml.safe_load(file.read_text("utf-8"))
    portal = next(system for system in document["systems"] if system["id"] == "citizen-portal")
    copies, servers = [], []
    for number in range(count):
        text = json.dumps(portal, ensure_ascii=False, default=str)
        for name in ("portal-app", "portal-db", "portal-web-1", "portal-web-2"):
            text = text.replace(f'"{name}"', f'"{name}-{number}"')
        copies.append({**json.loads(text), "id": f"portal-{number}", "name": f"门户{number}", "row_no": number + 100})
        for host in copies[-1]["hosts"]:
            place = len(servers)
            address = f"198.18.{place // 250}.{place % 250 + 1}"
            servers.append({"name": f"{host['name']}-cloud", "address": address, "ssh_user": "ops", "become": "root"})
    document["systems"] = copies
    file.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "utf-8")
    for other in (folder / "inventory").glob("*.yaml"):
        kept = yaml.safe_load(other.read_text("utf-8"))
        if other != file and isinstance(kept, dict) and "systems" in kept:
            other.write_text(yaml.safe_dump({**kept, "systems": []}, allow_unicode=True, sort_keys=False), "utf-8")
    sites = yaml.safe_load((folder / "inventory/sites.yaml").read_text("utf-8"))
    next(site for site in sites["sites"] if site["kind"] == "cloud")["servers"] = servers
    (folder / "inventory/sites.yaml").write_text(yaml.safe_dump(sites, allow_unicode=True, sort_keys=False), "utf-8")
    (folder / "orchestrator.toml").write_text('inventory = "inventory"\nterraform_module = "existing"\n', "utf-8")


def dry_run(folder: Path) -> tuple[float, dict[str, Any]]:
    """Wall seconds of the command, and what it found."""
    argv = [sys.executable, "-m", "orchestrator.cli.main", "dry-run", "--json", "result.json"]
    began = time.monotonic()
    subprocess.run(argv, cwd=folder, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, stdout=subprocess.DEVNULL, check=False)
    return time.monotonic() - began, json.loads((folder / "result.json").read_text("utf-8"))


def loop(folder: Path, found: dict[str, Any]) -> float:
    """Seconds a system of the same checks, one process after the other."""
    terraform, ansible = programs.find("terraform"), Path(sys.executable).with_name("ansible-playbook")
    module = CHECKOUT / "terraform/modules/existing"
    chosen = [system for system in found["systems"] if system["terraform"]][:LOOPED]
    began = time.monotonic()
    for system in chosen:
        work = folder / "loop" / system["system"]
        work.mkdir(parents=True)
        for file in module.glob("*.tf"):
            shutil.copy(file, work)
        (work / "in.tfvars.json").write_text(json.dumps({**system["terraform"]["variables"], "system_id": system["system"]}))
        for argv in (
            [terraform, "init", "-input=false"],
            [terraform, "validate"],
            [terraform, "plan", "-input=false", "-var-file=in.tfvars.json"],
            [ansible, "--syntax-check", "-i", "targets,databases,", *sorted((CHECKOUT / "playbooks").glob("*.yml"))],
        ):
            subprocess.run(list(map(str, argv)), cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.monotonic() - began) / max(1, len(chosen))


def main() -> int:
    """The command."""
    print(
        "| systems | first run s | second run s | errors | steps looked at | the same by a shell loop, s (computed) |\n|---|---|---|---|---|---|"
    )
    for count in [int(size) for size in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory(prefix="bench-dryrun-") as name:
            folder = Path(name)
            city(folder, count)
            first, found = dry_run(folder)
            second, _ = dry_run(folder)
            each = loop(folder, found)
        errors, percent = len(found["problems"]), found["coverage"]["percent"]
        print(f"| {count} | {first:.1f} | {second:.1f} | {errors} | {percent} % | {each * count:.0f} ({each:.2f} each) |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
