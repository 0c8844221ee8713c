"""Whether a password is the one of which a server keeps a verifier: nobody logs in for it, and pg_hba.conf has no say."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac


def matches(verifier: str, role: str, password: str) -> bool | None:
    """None where the verifier does not tell: none at all, one of another kind, or a password that is prepared before it is hashed."""
    if verifier.startswith("md5"):
        return hmac.compare_digest(verifier, "md5" + hashlib.md5((password + role).encode()).hexdigest())  # noqa: S324 - the server's choice
    kind, _, rest = verifier.partition("$")
    if kind != "SCRAM-SHA-256" or not password.isascii():
        return None
    try:
        (rounds, salt), stored = rest.partition("$")[0].split(":"), rest.partition("$")[2].partition(":")[0]
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
        key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        return hmac.compare_digest(key, base64.b64decode(stored))
    except (ValueError, binascii.Error):
        return None
