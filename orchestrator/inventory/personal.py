"""What of an inventory is personal: kept in the department's own record, never in a finding, report or log."""

from __future__ import annotations

import re

FIELDS = {"phone", "contact"}
FIGURES = re.compile(
    r"(?<!\d)(?:"
    r"(?:\+?86[-\s]?)?1[3-9]\d(?:[-\s]?\d{4}){2}"  # mobile
    r"|0\d{2,3}[-\s]\d{7,8}(?:-\d{1,5})?"  # landline with its area code
    r"|\d{17}[\dXx]"  # identity card
    r")(?!\d)"
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"  # mail
)
"""Figures inside a text that lead to a person."""
