"""Names of capacities for people."""

from __future__ import annotations

_NAMES_ZH = {
    "wave": "每周割接总数", "replication": "复制带宽", "cloud:vcpus": "云平台 CPU", "cloud:memory_gb": "云平台内存",
    "cloud:storage_gb": "云平台存储", "window": "割接窗口",
}  # fmt: skip
_NAMES_EN = {
    "wave": "cutovers a week", "replication": "replication bandwidth", "cloud:vcpus": "cloud vCPUs", "cloud:memory_gb": "cloud memory",
    "cloud:storage_gb": "cloud storage", "window": "cutover window",
}  # fmt: skip


def resource_name(name: str, lang: str) -> str:
    """A capacity in words: ``skill:db`` → ``team of db`` / ``db 班组``."""
    known = (_NAMES_ZH if lang == "zh" else _NAMES_EN).get(name)
    if known:
        return known
    kind, _, rest = name.partition(":")
    if kind == "skill":
        return f"{rest} 班组" if lang == "zh" else f"team of {rest}"
    return f"单位 {rest} 每周割接数" if lang == "zh" else f"cutovers a week of {rest}"
