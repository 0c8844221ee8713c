"""What machines and their groups are called: the last part of a folder, what a tag names, the first address, the prefix of a name. Pure."""

from __future__ import annotations

import re

from orchestrator.inventory.names import key

_TAG_OF_SYSTEM = re.compile(
    r"(?:^|[;,|&{\s\"'])(?:system|app|application|project|service|业务|系统|应用|项目)(?:[_-]?name|名称|名)?[\"']?\s*[:=：]\s*[\"']?([^;,|&}\"']+)",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


def tail_of(value: str) -> str:
    """The last part of a path of folders; of tags, what the one that names a system says (``system:OA;owner:…``)."""
    if tagged := _TAG_OF_SYSTEM.search(value):
        return tagged[1].strip()
    return value.rstrip("/").rpartition("/")[2] or value


def first_address(text: str) -> str:
    """The first address in a cell: ``net0=10.0.0.5, 192.168.1.2``, ``10.3.1.1:10050``, ``10.1.1.1/24``; else its first word."""
    if found := _IPV4.search(text):
        return found.group()
    return next((part for part in re.split(r"[,;\s]+", text) if part), "").partition("/")[0]


def prefix_of(name: str) -> str:
    """``oa-web-01`` → ``oa``; a name of one part is its own group."""
    plain = re.sub(r"[\d]+$", "", name).strip("-_. ")
    return re.split(r"[-_.\s]", plain)[0] or key(name)
