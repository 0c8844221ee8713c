"""Names that nobody bears, of every kind: `inventory check` and the dry run both tell each at its place, all at once, with what there is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from orchestrator.cli.main import main
from orchestrator.models import Address
from orchestrator.settings import HOME
from tests.lab.inventory import PROGRAM

EXAMPLES = HOME / "docs/examples"


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example of docs/first-migration.md, movable."""
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    for example in EXAMPLES.glob("*.yaml"):
        shutil.copy(example, inventory)
    (inventory / "program.yaml").write_text(PROGRAM, "utf-8")
    (tmp_path / "orchestrator.toml").write_text('inventory = "inventory"\nterraform_module = "existing"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(city: Path, file: str, stands: str, instead: str) -> None:
    path = city / "inventory" / file
    if not path.exists():
        path = city / file
    text = path.read_text("utf-8")
    assert stands in text
    path.write_text(text.replace(stands, instead, 1), "utf-8")


def check(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    code = main(["inventory", "check", "--json", *more])
    return code, json.loads(capsys.readouterr().out)["findings"]


def dry_run() -> tuple[int, list[dict[str, Any]]]:
    code = main(["dry-run", "--offline", "--json", "result.json"])
    found = json.loads(Path("result.json").read_text("utf-8"))
    return code, [*found["findings"], *(finding for system in found["systems"] for finding in system["findings"])]


@pytest.mark.usefixtures("city")
def test_the_example_has_no_loose_name(capsys: pytest.CaptureFixture[str]) -> None:
    for code, found in (check(capsys), dry_run()):
        assert code == 0, found
        assert [finding for finding in found if finding["severity"] == "error"] == []


SLIPS = {
    # kind: file, what stands there, what is written instead, code, key, what is offered
    "a reference's attribute": ("systems.yaml", "@database.port", "@database.prt", "reference", "services[0].environment.DATABASE_PORT", "@database.port"),
    "a reference's kind": ("systems.yaml", "@listen.address", "@listn.address", "reference", "services[0].environment.LISTEN_ADDRESS", "@listen.address"),
    "a reference's database": ("systems.yaml", "@database.name", "@database.permts.name", "reference", "services[0].environment.DATABASE_NAME", "@database.permits.name"),
    "a reference in an environment's text": ("systems.yaml", '"@database.host"', '"pg://{@database.host}/x"', "reference", "services[0].environment.DATABASE_HOST", "@database.host"),
    "a reference in a file": (
        "systems.yaml", "    environment:", "    files: [{path: /etc/p.ini, format: ini, set: {db.url: 'pg://{@database.hst}/{@database.name}'}}]\n    environment:",
        "reference", "services[0].files[0].set.db.url", "@database.host",
    ),
    "a password in an environment": ("systems.yaml", '"@database.port"', '"@database.password"', "reference", "services[0].environment.DATABASE_PORT", "@database.port"),
    "a service's host": ("systems.yaml", "    host: app\n    unit", "    host: ap\n    unit", "host-unknown", "services[0].host", "`app`"),
    "a database's host": ("systems.yaml", "    host: db\n", "    host: dbb\n", "host-unknown", "databases[0].host", "`db`"),
    "a tree's host": ("systems.yaml", "{host: app, path: /srv/permits}", "{host: appp, path: /srv/permits}", "host-unknown", "file_trees[1].host", "`app`"),
    "a data resource's database": ("systems.yaml", "{name: 审批事项, database: permits,", "{name: 审批事项, database: permit,", "database-unknown", "data_resources[0].database", "`permits`"),
    "a service's entry": ("systems.yaml", "entry: permits", "entry: permit", "entry-port", "services[0].entry", "`permits`"),
    "a target": ("systems.yaml", "target: db-cloud", "target: db-clod", "target-missing", "hosts[1].target", "`db-cloud`"),
    "a server": ("sites.yaml", "{name: app-cloud", "{name: ap-cloud", "target-missing", "hosts[0].target", "`ap-cloud`"),
    "a gateway": ("sites.yaml", "  pgbouncer:                                                      # the same", "  x-pgbouncer: #", "bad-value", "sites[1]", "pgbouncer"),
    "a console": ("sites.yaml", "  runtime_port: 9999 ", "  # ", "gateway-console", "entry", "runtime_port"),
    "backends of no entry": ("sites.yaml", "  ports: {permits: 8080}", "  ports: {permits: 8080}\n  backends: {permit: [web]}", "entry-port", "entry.backends.permit", "`permits`"),
    "a site's kind": ("sites.yaml", "  kind: cloud", "  kind: room", "site-missing", "sites", "cloud"),
    "a site's id": ("sites.yaml", "- id: cloud", "- id: old-room", "same-name", "sites[1].id", ""),
    "a server twice": ("sites.yaml", "{name: db-cloud", "{name: app-cloud", "same-name", "sites[1].servers[1].name", ""),
    "a server's address": ("sites.yaml", "db-cloud, address: 10.2.1.12", "db-cloud, address: 10.2.1.11", "same-address", "sites[1].servers[1].address", "`app-cloud`"),
    "a gateway of the other site": ("sites.yaml", "    address: 10.2.1.5\n    port", "    address: 10.1.1.5\n    port", "same-address", "sites[1].pgbouncer.address", "`old-room`"),
    "a module": ("orchestrator.toml", '"existing"', '"exsting"', "module-unknown", "terraform_module", "`existing`"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SLIPS)
def test_a_name_that_nobody_bears_is_told_by_check_and_dry_run_at_its_place(city: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    file, stands, instead, code, key, offered = SLIPS[kind]
    before = (city / file if file == "orchestrator.toml" else city / "inventory" / file).read_text("utf-8")
    first = before[: before.index(stands)].count("\n") + 1
    edit(city, file, stands, instead)
    for exit_code, found in (check(capsys), dry_run()):
        told = [finding for finding in found if finding["code"] == code and key in finding["cell"]]
        assert told, [(finding["code"], finding["file"], finding["cell"], finding["message"]) for finding in found]
        assert exit_code == 3
        (finding,) = told
        assert finding["severity"] == "error"
        assert offered.strip("`") in f"{finding['message']} {finding['remedy']}"
        if finding["file"] == file != "orchestrator.toml" and code not in ("site-missing", "gateway-console"):
            assert first <= int(finding["cell"].split(" ")[0][1:]) <= first + instead.count("\n")


def test_what_is_loose_is_said_once_and_all_at_once(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(city, "systems.yaml", "@database.port", "@database.prt")
    edit(city, "systems.yaml", "entry: permits", "entry: permit")
    edit(city, "systems.yaml", "target: db-cloud", "target: db-clod")
    edit(city, "sites.yaml", "  ports: {permits: 8080}", "  ports: {permits: 8080}\n  backends: {other: [web]}")
    wanted = ["entry-port", "entry-port", "reference", "target-missing"]
    for _, found in (check(capsys), dry_run()):
        assert sorted(finding["code"] for finding in found if finding["severity"] == "error") == wanted
        assert all(finding["file"] and finding["cell"].startswith("L") for finding in found if finding["severity"] == "error")


def test_a_target_server_that_is_missing_is_no_matter_of_the_modules_inputs(city: Path) -> None:
    """Named or not: said of the host, in words of the inventory; nothing points to [cloud.inputs]."""
    edit(city, "systems.yaml", ", target: app-cloud", "")
    edit(city, "sites.yaml", "{name: app-cloud", "{name: web-cloud")
    _, found = dry_run()
    (told,) = [finding for finding in found if finding["severity"] == "error"]
    assert (told["code"], told["file"], told["cell"].split(" ")[1]) == ("target-missing", "systems.yaml", "hosts[0].name")
    assert "app-cloud" in told["remedy"] and "sites.yaml" in told["remedy"]
    assert not any("cloud.inputs" in f"{finding['message']} {finding['remedy']}" for finding in found)


def test_a_database_whose_clients_no_gateway_holds_is_told_without_asking_anybody(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (city / "inventory/sites.yaml").read_text("utf-8")
    start, end = text.rindex("  pgbouncer:"), text.index("  servers:")
    (city / "inventory/sites.yaml").write_text(text[:start] + text[end:], "utf-8")
    for code, found in (check(capsys), dry_run()):
        (told,) = [finding for finding in found if finding["severity"] == "error"]
        assert (code, told["code"], told["cell"].split(" ")[1]) == (3, "gateway-missing", "databases[0]")


def test_a_reference_to_what_is_not_filled_in_names_the_field(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(city, "systems.yaml", "    role: permits_app ", "    # role: permits_app ")
    edit(city, "systems.yaml", '"@database.port"', '"@database.role"')
    _, found = check(capsys)
    (told,) = [finding for finding in found if finding["code"] == "reference"]
    assert "databases.permits.role" in told["message"]


@pytest.mark.parametrize("value", ["@midnight", "ops@database.gov.example", "@/run/socket", "a@listen.example", "{@media print}", "user@host"])
def test_what_is_no_reference_is_a_literal(city: Path, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    edit(city, "systems.yaml", '"@database.port"', json.dumps(value))
    _, found = check(capsys)
    assert [finding for finding in found if finding["code"] == "reference"] == []


def test_a_row_that_could_not_be_read_does_not_make_its_name_a_loose_one(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(city, "systems.yaml", "{name: app, address: 10.1.1.11, ssh_user: ops", "{name: app, address: 10.1.1.11, ssh_usr: ops")
    _, found = check(capsys)
    assert [finding["code"] for finding in found if finding["severity"] == "error"] == ["unknown-field"]


def test_names_in_the_programme_that_nobody_bears_are_warnings_at_their_line(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = city / "inventory/program.yaml"
    path.write_text(path.read_text("utf-8") + "\nreachable: [permitz]\n", "utf-8")
    for _, found in (check(capsys), dry_run()):
        (told,) = [finding for finding in found if finding["code"] == "programme-stranger"]
        assert (told["file"], told["cell"].split(" ")[1], told["severity"]) == ("program.yaml", "reachable[0]", "warning")
        assert told["cell"].split(" ")[0] == f"L{len(path.read_text('utf-8').splitlines())}"


def test_another_folder_is_checked_with_its_own_documents(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(city / "inventory", city / "other")
    edit(city, "other/sites.yaml", "entry:", "entri:")
    code, found = check(capsys, "other")
    assert (code, [finding["code"] for finding in found if finding["severity"] == "error"]) == (3, ["bad-value"])
    code, found = check(capsys, "inventory")
    assert code == 0, found


def test_rooms_and_their_owners_are_known_by_name_wherever_by_id(city: Path) -> None:
    from orchestrator.inventory.load import load

    edit(city, "systems.yaml", "{name: app, address", "{name: app, room: 市行政审批局机房, address")
    edit(city, "systems.yaml", "{name: db, address", "{name: db, room: 三楼机房, address")
    reading = load([city / "inventory"])
    (system,) = reading.inventory.systems
    assert [host.room for host in system.hosts] == ["old-room", "三楼机房"]
    assert [room.owner for room in reading.inventory.rooms] == ["permits-office"]
    assert [finding.code for finding in reading.findings] == ["room-unknown"]
    assert not reading.errors


@pytest.mark.parametrize("address", ["10.1.1.1", "db", "db-1.room.example", "fe80::1", "3com.example", "255.255.255.255"])
def test_an_address_is_a_name_or_four_bytes(address: str) -> None:
    assert TypeAdapter(Address).validate_python(address) == address


@pytest.mark.parametrize("address", ["10.80.1.311", "1.2.3", "1.2.3.4.5", "10.0.0.1.", "-a", "a-", "12", "01.2.3.4", "a b", ""])
def test_what_is_neither_is_no_address(address: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Address).validate_python(address)
