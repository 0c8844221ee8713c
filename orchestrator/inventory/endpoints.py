"""What users and firewalls know a system by: domain names, addresses, ports."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.inventory.cells import Unreadable, Value, plain, text_of
from orchestrator.texts import say

_SPLIT = re.compile(r"[、,;\s]+|(?:及|和|或)")
_NONE = {"无", "没有", "none", "无域名", "未开放", "不开放", "无端口"}
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]{1,10}://", re.IGNORECASE)
_HOST = re.compile(r"[0-9a-z]([0-9a-z-]{0,62}[0-9a-z])?(\.[0-9a-z]([0-9a-z-]{0,62}[0-9a-z])?)+|localhost", re.IGNORECASE)
_PORT = re.compile(r"(?:(?:tcp|udp|https?|端口)[:/]?)?(\d{1,5})(?:[-~至到](\d{1,5}))?(?:/?(?:tcp|udp))?端?口?")


def domains(raw: Any) -> Value:
    """Names or addresses, without scheme, port and path: ``http://oa.example.gov.cn:8080/login`` is ``oa.example.gov.cn``."""
    text = plain(raw)
    if text.casefold() in _NONE:
        return Value([])
    hosts = [_host(part) for part in _SPLIT.split(text) if part]
    return _listed(list(dict.fromkeys(hosts)), raw)


def _host(part: str) -> str:
    host = _SCHEME.sub("", part).split("/")[0].split("?")[0]
    host = re.sub(r":\d{1,5}$", "", host)
    try:
        ascii_host = host.encode("idna").decode("ascii").casefold()
    except UnicodeError:
        ascii_host = ""
    if not _HOST.fullmatch(ascii_host):
        raise Unreadable(say("inventory.form_domains"))
    return ascii_host


def servers_said(text: str) -> list[tuple[str, int | None]]:
    """The machines that a text names by how one connects to them, each with its port: ``10.1.2.3:5432``, ``jdbc:oracle:thin:@10.1.2.3:1521:orcl``,
    ``jdbc:mysql://db-01:3306/tax``. Nothing of a plain name."""
    addresses = [(found[1], int(found[2]) if found[2] else None) for found in _ADDRESS.finditer(text)]
    if addresses:
        port = _PORT_OF_ORACLE.search(text)
        return [(address, said or (int(port[1]) if port else None)) for address, said in addresses]
    found = _CONNECTS.search(text)
    return [(found[1], int(found[2]) if found[2] else None)] if found else []


_ADDRESS = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d.])(?:\s*[:：,，]\s*(\d{2,5})(?![\d.]))?")
_PORT_OF_ORACLE = re.compile(r"PORT\s*=\s*(\d{1,5})", re.IGNORECASE)
_CONNECTS = re.compile(r"(?:://(?:[^/@]*@)?|:@(?://)?|HOST\s*=\s*|^)([A-Za-z][A-Za-z0-9.-]*)(?:\\\\?\w+)?:(\d{1,5})(?!\d)", re.IGNORECASE)


def ports(raw: Any) -> Value:
    """Ports and ranges: ``80、443``, ``8080-8090``, ``TCP 22``."""
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    text = plain(raw).casefold()
    if text in _NONE:
        return Value([])
    text = re.sub(r"(tcp|udp|https?|端口)[\s:/]+(?=\d)", r"\1", text)
    found: list[str] = []
    text = re.sub(r"(?<=\d)/(?=\d)", ",", text)  # 80/443 are two
    for part in _SPLIT.split(text.replace("(", ",").replace(")", ",")):
        if part in {"", "http", "https", "tcp", "udp", "ssh", "web"}:
            continue
        port = _PORT.fullmatch(part)
        numbers = [int(number) for number in port.groups() if number] if port else []
        if not numbers or any(not 0 < number < 65536 for number in numbers) or numbers != sorted(numbers):
            raise Unreadable(say("inventory.form_ports"))
        found.append("-".join(map(str, numbers)))
    if not found:
        raise Unreadable(say("inventory.form_ports"))
    return _listed(list(dict.fromkeys(found)), raw)


def _listed(values: list[str], raw: Any) -> Value:
    shown = "、".join(values)
    return Value(values, "" if text_of(raw) == shown else shown)
