"""What a cloud says through Terraform can be read by whoever named things in Chinese."""

from __future__ import annotations

import pytest

from orchestrator.tools.terraform_cli import make_readable


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (r"volume type \u91d1\u76d8 could not be found", "volume type 金盘 could not be found"),
        (r"\ud83d\ude00 and \u00e9", "😀 and é"),
        (r"\ud83d alone", r"\ud83d alone"),
        (r"\u001b[31mred\u0007", r"\u001b[31mred\u0007"),
        (r"\u202egnp.exe", r"\u202egnp.exe"),
        (r"C:\users\u12", r"C:\users\u12"),
        ("nothing", "nothing"),
    ],
)
def test_letters_are_read_and_nothing_else_is(said: str, read: str) -> None:
    assert make_readable(said) == read
