"""`dry-run --connect` where nobody answers: what could not be asked is said once for each host, and nothing is said to be missing there."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.cli.main import main
from tests.lab.inventory import PROGRAM
from tests.unit.dryrun.test_examples import EXAMPLES

HOSTS = {"app", "db", "gw-room", "gw-cloud", "edge"}
NOBODY = 1
"""A port of loopback at which nothing listens."""


def _lead_nowhere(thing: Any, secrets: Path) -> Any:
    """Every address becomes one of loopback, every port one at which nobody listens, every secret a file that is there."""
    if isinstance(thing, list):
        return [_lead_nowhere(each, secrets) for each in thing]
    if not isinstance(thing, dict):
        return thing
    found = {key: _lead_nowhere(value, secrets) for key, value in thing.items()}
    found = {key: re.sub(r"^10\.", "127.", value) if key == "address" else value for key, value in found.items()}
    found = {key: f"file:{secrets}" if key.endswith("secret") else value for key, value in found.items()}
    found |= {"ssh_port": NOBODY} if "ssh_user" in found else {}
    return found


def _with_everything(system: dict[str, Any]) -> None:
    """A configuration file, a link, and accounts."""
    service = system["services"][0]
    service["files"] = [{"path": "/etc/permits.ini", "format": "ini", "set": {"db.host": "@database.host", "db.name": "@database.name"}}]
    service["account"] = "permits"
    system["links"] = [{"peer": "省平台", "direction": "out", "address": "127.3.3.3", "port": NOBODY}]


def test_who_cannot_be_asked_is_named_once_and_lacks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = tmp_path / "inventory"
    shutil.copytree(EXAMPLES, inventory)
    secret = tmp_path / "secret"
    secret.write_text("very secret\n", "utf-8")
    secret.chmod(0o600)
    for name in ("sites.yaml", "systems.yaml"):
        document = _lead_nowhere(yaml.safe_load((inventory / name).read_text("utf-8")), secret)
        for system in document.get("systems", ()):
            _with_everything(system)
        (inventory / name).write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "utf-8")
    (inventory / "program.yaml").write_text(PROGRAM, "utf-8")
    (tmp_path / "known_hosts").write_text("", "utf-8")
    (tmp_path / "key").write_text("", "utf-8")
    settings = 'inventory = "inventory"\nterraform_module = "existing"\nknown_hosts = "known_hosts"\nssh_key = "key"\n'
    (tmp_path / "orchestrator.toml").write_text(settings, "utf-8")
    monkeypatch.chdir(tmp_path)
    code = main(["--lang", "en", "dry-run", "--connect", "--system", "permits", "--json", "result.json"])
    found = json.loads(Path("result.json").read_text("utf-8"))
    said = [finding for system in found["systems"] for finding in system["findings"]]
    assert code == 3
    unusable = [finding["message"].partition(" could not be asked")[0] for finding in said if finding["code"] == "host-unusable"]
    assert sorted(unusable) == sorted(HOSTS)
    others = {finding["code"] for finding in said} - {"host-unusable"}
    assert others <= {"database-unreachable", "entry-unanswered"}, [(finding["code"], finding["message"]) for finding in said]
    assert not [finding for finding in said if re.search(r" has no |is not there|not made yet", finding["message"])]
