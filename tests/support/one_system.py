"""One system with everything in order, and what the policy that ships says of it with some answers changed."""

from __future__ import annotations

from typing import Any

from orchestrator.models import Department, Inventory, Kind, Status, System, Verdict
from orchestrator.policy.assess import assess
from orchestrator.policy.policy import load_policy

FULL: dict[str, Any] = {
    "id": "full", "name": "全系统", "department": "d-1", "kind": Kind.APPLICATION, "status": Status.IN_USE, "protection_grade": 2, "grade_answered": True,
    "architecture": "B/S", "os": "CentOS 7", "dbms": "MySQL 5.7", "data_gb": 10, "servers": 2, "vcpus": 8, "memory_gb": 16, "storage_gb": 100, "virtualised": True,
    "special_equipment": False, "room": "机房", "network": "government_extranet", "users": "internal", "service_hours": "工作日 08:30-17:30",
    "max_interruption_minutes": 60, "vendor": "厂商", "installable": True, "supported": True, "processor": "x86_64", "shared_storage_cluster": False,
}  # fmt: skip


def full(**changes: Any) -> System:
    return System.model_validate({**FULL, **changes})


def verdict(**changes: Any) -> Verdict:
    return assess(Inventory(departments=(Department(id="d-1", name="市局"),), systems=(full(**changes),)), load_policy(None))["full"]
