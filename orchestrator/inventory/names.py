"""Names as people write them: keys for comparing, ids for keeping, and who might have been meant."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable

_IGNORED = re.compile(r"[\s()()\[\]【】《》“”\"'·,,.。、_-]+")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
_SLUG = re.compile(r"[^a-z0-9]+")


def key(name: str) -> str:
    """Two spellings of one name have one key: width, case, spaces, brackets and dashes do not matter."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", name)).casefold()


def is_id(name: str) -> bool:
    """Whether the text can be an id as it stands."""
    return bool(_ID.fullmatch(name))


def make_id(prefix: str, name: str) -> str:
    """A system id from a name, the same every time: the ASCII part of it if that is enough, else ``prefix``, and a short hash."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    digest = hashlib.sha256(plain.encode()).hexdigest()[:8]
    slug = _SLUG.sub("-", plain.rsplit("/", 1)[-1]).strip("-")[:40].strip("-")
    readable = slug if len(slug) >= 3 and slug[0].isalnum() else prefix
    return f"{readable}-{digest}"


def near(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Known names that look like ``name``, best first; ``name`` itself is not among them. Bounded work."""
    wanted = key(name)[:100]
    if not wanted:
        return []
    scored: list[tuple[float, str]] = []
    for candidate in known:
        other = key(candidate)[:100]
        if not other or other == wanted:
            continue
        matcher = difflib.SequenceMatcher(None, wanted, other, autojunk=False)
        if matcher.real_quick_ratio() < 0.7 or matcher.quick_ratio() < 0.7:
            continue
        ratio = matcher.ratio()
        shorter = min(len(wanted), len(other))
        if shorter >= 3 and (wanted in other or other in wanted):
            ratio = max(ratio, 0.8)
        if ratio >= 0.75:
            scored.append((ratio, candidate))
    return [candidate for _, candidate in sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:limit]]
