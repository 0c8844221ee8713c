"""Secrets are references; values never show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import ToolError
from orchestrator.tools.secrets import MASKER, Masker, resolve


def test_a_file_is_read_only_when_nobody_else_can_read_it(tmp_path: Path) -> None:
    secret = tmp_path / "pw"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    assert resolve(f"file:{secret}") == "correct horse"
    assert MASKER("the correct horse ran") == "the *** ran"
    for mode in (0o640, 0o604, 0o660):
        secret.chmod(mode)
        with pytest.raises(ToolError, match="others than its owner") as failure:
            resolve(f"file:{secret}")
        assert "chmod 600" in failure.value.remedy
        assert "correct horse" not in str(failure.value)


def test_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PW", "battery staple")
    assert resolve("env:DB_PW") == "battery staple"
    monkeypatch.delenv("DB_PW")
    with pytest.raises(ToolError, match="DB_PW is not set"):
        resolve("env:DB_PW")


@pytest.mark.parametrize("ref", ["plain password", "http://x", "file:", "vault:/x/y"])
def test_anything_else_is_refused_without_printing_it(ref: str) -> None:
    with pytest.raises(ToolError) as failure:
        resolve(ref)
    assert "plain password" not in str(failure.value)


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_secret_is_refused(tmp_path: Path, content: str) -> None:
    secret = tmp_path / "pw"
    secret.write_text(content)
    secret.chmod(0o600)
    with pytest.raises(ToolError, match="empty"):
        resolve(f"file:{secret}")


def test_a_key_of_an_ansible_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password, vault = tmp_path / "password", tmp_path / "vault.yml"
    for path, text in ((password, "vault password\n"), (vault, "portal: tr0ub4dor\nother: 5\n")):
        path.write_text(text)
        path.chmod(0o600)
    program = str(Path(sys.executable).with_name("ansible-vault"))
    subprocess.run([program, "encrypt", "--vault-password-file", str(password), str(vault)], check=True, capture_output=True)
    with pytest.raises(ToolError, match="no vault password"):
        monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
        resolve(f"vault:{vault}#portal")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(password))
    assert resolve(f"vault:{vault}#portal") == "tr0ub4dor"
    with pytest.raises(ToolError, match="no text under the key"):
        resolve(f"vault:{vault}#absent")
    password.write_text("wrong\n")
    with pytest.raises(ToolError, match="cannot be decrypted"):
        resolve(f"vault:{vault}#portal")


def test_masking_hides_long_values_before_their_parts_and_every_line_of_a_key() -> None:
    mask = Masker(["secret", "secret-and-more", "-----BEGIN KEY-----\nAAAABBBB\nCCCCDDDD\n"])
    assert mask("x secret-and-more y secret z") == "x *** y *** z"
    assert mask("line CCCCDDDD") == "line ***"


def test_values_too_short_to_be_secrets_do_not_turn_text_into_stars() -> None:
    assert Masker(["a", ""])("a banana") == "a banana"
