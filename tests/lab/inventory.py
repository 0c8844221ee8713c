"""The inventory of a lab city, as an office would write it, and the settings that lead the engine to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from tests.lab.furnish import Passwords
from tests.lab.lab import ENGINEER, Lab

DEPARTMENT = {"id": "permits-office", "name": "市行政审批局", "level": "municipal", "organisation_type": "government"}
PROGRAM = """starts: 2026-01-05
phases:
  - {id: phase-1, name: 第一阶段, name_en: Phase 1, due: 2030-12-27, percent: 80, levels: [municipal]}
counting: all_together
"""


def permits(lab: Lab, *, app: str = "app", db: str = "db") -> dict[str, Any]:
    """The permits system: two hosts, a database, files, a web service, a worker that exists once, a timer."""
    listening = {"LISTEN_ADDRESS": "@listen.address", "LISTEN_PORT": "@listen.port"}
    references = {
        "DATABASE_HOST": "@database.host", "DATABASE_PORT": "@database.port",
        "DATABASE_NAME": "@database.name", "DATABASE_ROLE": "@database.role", "DATABASE_SECRET_FILE": "@database.secret_file",
    }  # fmt: skip
    health = {"kind": "http", "target": "/health", "expected": "200"}
    return {
        "id": "permits", "name": "行政审批系统", "name_en": "Permits", "department": "permits-office", "kind": "application", "status": "in_use",
        "classified": False, "row_no": 1, "protection_grade": 2, "grade_answered": True, "architecture": "B/S", "os": "Debian 12",
        "dbms": "PostgreSQL 15", "data_gb": 0.1, "servers": 2, "vcpus": 4, "memory_gb": 8, "storage_gb": 100, "virtualised": True,
        "special_equipment": False, "room": "old-room", "network": "government_extranet", "users": "public", "service_hours": "7×24",
        "max_interruption_minutes": 1, "vendor": "本市软件中心", "installable": True, "supported": True, "processor": "x86_64",
        "shared_storage_cluster": False, "security_owner": "permits-office", "data_owner": "permits-office", "contact": "周工",
        "hosts": [host(lab, name, target=f"{name}-new") for name in (app, db)],
        "databases": [{
            "name": "permits", "engine": "postgresql", "version": "15", "host": db, "port": 5432, "role": "permits_app",
            "secret": secret("permits_app"), "admin_role": "orchestrator", "admin_secret": secret("orchestrator"), "size_gb": 0.1,
        }],
        "file_trees": [{"host": app, "path": path} for path in ("/opt/permits", "/srv/permits")],
        "services": [
            {"name": "permits-web", "host": app, "unit": "permits-web.service", "port": 8001, "health": health, "singleton": False,
             "entry": "permits", "environment": listening | references},
            {"name": "permits-worker", "host": app, "unit": "permits-worker.service", "singleton": True,
             "health": {"kind": "tcp", "target": ""}, "environment": {},
             "files": [{"path": "/opt/permits/database.ini", "format": "ini", "set": {
                 "database.host": "@database.host", "database.port": "@database.port", "database.name": "@database.name",
                 "database.role": "@database.role", "database.password": "@database.password"}}]},
            {"name": "permits-nightly", "host": app, "unit": "permits-nightly.timer", "singleton": True,
             "health": {"kind": "tcp", "target": ""}, "environment": dict(references)},
        ],
        "links": [{"peer": "市民办事门户", "direction": "out", "address": lab["edge"].address, "port": 22, "purpose": "horizontal"}],
        "windows": [{"days": "daily", "start": "00:00", "end": "24:00"}],
        "data_resources": [{"name": "审批事项", "database": "permits", "source_of_truth": True, "sharing": "conditional", "form": "api",
                            "update_frequency": "实时"}],
        "interruption": {"gap_ms": 3000, "failed_requests": 0}, "trial_run_seconds": 4,
    }  # fmt: skip


def signing_permits(lab: Lab, *, new_address: str) -> dict[str, Any]:
    """The same with a signature device, which travels apart."""
    system = permits(lab)
    system["services"][0]["environment"] |= {"SIGNER_HOST": "@device.host", "SIGNER_PORT": "@device.port"}
    device = {
        "name": "signer", "model": "SJJ1012 签名验签服务器", "address": lab["signer"].address, "port": 7100, "management": "manual",
        "travel_outage_minutes": 30, "new_address": new_address,
    }  # fmt: skip
    return {**system, "special_equipment": True, "devices": [device]}


def hosted_permits(lab: Lab, *, new_address: str) -> dict[str, Any]:
    """The same on one machine that is carried: nobody can install it anew."""
    system = permits(lab, app="box", db="box")
    for service in system["services"]:
        service["environment"].pop("DATABASE_SECRET_FILE", None)  # its own, on its own disk
    system["databases"][0]["data_directory"] = "/var/lib/postgresql/15/main"
    answers = {"installable": False, "supported": False, "virtualised": False, "servers": 1, "max_interruption_minutes": 120}
    interruption = {"gap_ms": 3000, "failed_requests": 0, "outage_minutes": 60}
    return {**system, **answers, "hosts": [host(lab, "box", new_address=new_address)], "interruption": interruption}


def host(lab: Lab, name: str, **more: Any) -> dict[str, Any]:
    """A host as the inventory has it: who logs in is an ordinary account."""
    return {
        "name": name,
        "address": lab[name].address,
        "ssh_user": "ops",
        "os": "Debian 12",
        "vcpus": 2,
        "memory_gb": 4,
        "disk_gb": 20,
        **more,
    }


def _nothing(_site: dict[str, Any]) -> None:
    """A site as it is."""


def secret(name: str) -> str:
    return f"file:/home/{ENGINEER}/city/secrets/{name}"


def sites(lab: Lab, entries: dict[str, int], tls: Sequence[str] = ()) -> dict[str, Any]:
    """Both sites with their gateways, the machines that stand in the cloud centre, the entry."""

    def site(kind: str, gateway: str, network: str) -> dict[str, Any]:
        address = lab[gateway].address
        return {
            "id": f"{kind}-site", "kind": kind, "address_range": network,
            "gateway": {"name": gateway, "address": address, "ssh_user": "ops"},
            "pgbouncer": {"host": gateway, "address": address, "port": 6432, "admin_role": "pgbouncer_admin",
                          "secret": secret("pgbouncer_admin"), "databases_file": "/etc/pgbouncer/databases.ini"},
            "haproxy": {"host": gateway, "address": address, "runtime_port": 9999},
        }  # fmt: skip

    cloud = site("cloud", "gw-cloud", "10.80.2.0/24")
    cloud["servers"] = [host(lab, name) for name in lab.hosts if lab[name].network == "cloud" and name != "gw-cloud"]
    for server in cloud["servers"]:
        server.pop("os")
    entry = {
        "host": "edge", "address": lab["edge"].address, "runtime_port": 9999, "ports": entries, "tls": list(tls),
        "ssh": {"name": "edge", "address": lab["edge"].address, "ssh_user": "ops"}, "config_file": "/etc/haproxy/haproxy.cfg",
    }  # fmt: skip
    room = [site("room", "gw-room", "10.80.1.0/24")] if "gw-room" in lab.hosts else []
    return {"sites": [*room, cloud], "entry": entry}


def write(
    lab: Lab,
    systems: list[dict[str, Any]],
    passwords: Passwords,
    *,
    entries: dict[str, int],
    tls: Sequence[str] = (),
    tell: Callable[[dict[str, Any]], None] = _nothing,
) -> None:
    """The inventory, the settings and the secrets into the engineer's folder on the controller. ``tell``: puts into a site what its
    gateway has beside."""
    where = sites(lab, entries, tls)
    for site in where["sites"]:
        tell(site)
    controller, city = lab["controller"], f"/home/{ENGINEER}/city"
    owner = f"{ENGINEER}:users"
    documents = {
        "departments.yaml": {"departments": [DEPARTMENT], "rooms": [{"id": "old-room", "name": "旧机房", "owner": "permits-office", "self_built": True}]},
        "systems.yaml": {"systems": systems},
        "sites.yaml": where,
    }  # fmt: skip
    for name, document in documents.items():
        text = yaml.dump(document, allow_unicode=True, sort_keys=False)
        controller.write(f"{city}/inventory/{name}", text, mode=0o640, owner=owner)
    controller.write(f"{city}/inventory/program.yaml", PROGRAM, mode=0o640, owner=owner)
    controller.run("install", "-d", f"{city}/secrets")
    for name, value in passwords.values.items():
        controller.write(f"{city}/secrets/{name}", value, mode=0o600, owner=owner)
    settings = {
        "inventory": "inventory", "state": ".orchestrator", "terraform_module": "existing",
        "known_hosts": f"/home/{ENGINEER}/.ssh/known_hosts", "ssh_key": f"/home/{ENGINEER}/.ssh/key",
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    controller.write(f"{city}/orchestrator.toml", "".join(lines), mode=0o640, owner=owner)
    controller.run("chown", "-R", owner, f"{city}/inventory", f"{city}/secrets")
