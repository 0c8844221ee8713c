"""Tests read what an English operator reads, whatever the machine's locale is, unless they choose a language themselves."""

import os

for name in ("LC_ALL", "LC_MESSAGES"):
    os.environ.pop(name, None)
os.environ["LANG"] = "C.UTF-8"
