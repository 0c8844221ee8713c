"""The lab from the command line: ``python -m tests.lab.command WORD …``; ``make lab-up`` and ``make lab-down`` call it."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.lab.lab import DEFAULT_HOSTS, ENGINEER, LEADER, Lab
from tests.lab.permitted import why_not, why_not_boot
from tests.lab.shell import LabError

FAULTS = ("cut-power", "switch-off", "boot", "hang", "wake", "partition", "heal", "slow", "fast", "relocate")


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    parser.add_argument("--lab", default=os.environ.get("LAB", "main"), help="name of the lab; several may stand at once")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="boot hosts")
    up.add_argument("hosts", nargs="?", default=DEFAULT_HOSTS, help="NAME@NETWORK …; networks: office, room, cloud, street")
    commands.add_parser("why-not", help="why no lab can be here; says nothing when one can, and has made the base root then")
    commands.add_parser("down", help="take everything away")
    commands.add_parser("status", help="which hosts stand, and where")
    inside = commands.add_parser("run", help=f"run a program on a host as root, or on the controller as {ENGINEER} or {LEADER} (who decides)")
    inside.add_argument("host", help=f"a host's name, {ENGINEER} or {LEADER}")
    inside.add_argument("program")
    inside.add_argument("arguments", nargs=argparse.REMAINDER)
    fault = commands.add_parser("fault", help="do something to a host (or, for partition and heal, to a network)")
    fault.add_argument("what", choices=FAULTS)
    fault.add_argument("name")
    fault.add_argument("value", nargs="?", help="slow: a rate such as 4mbit; relocate: a network")
    return parser.parse_args(words)


def do_fault(lab: Lab, what: str, name: str, value: str | None) -> None:
    """One fault, by its word."""
    if what == "partition":
        lab.partition(name)
    elif what == "heal":
        lab.heal(name)
    elif what == "slow":
        lab.slow(name, value or "4mbit")
    elif what == "fast":
        lab.fast(name)
    elif what == "relocate":
        print(lab.relocate(name, value or "cloud"))
    elif what == "boot":
        lab[name].boot()
        lab[name].wait_ready()
    else:
        host = lab[name]
        {"cut-power": host.cut_power, "switch-off": host.switch_off, "hang": host.hang, "wake": host.wake}[what]()


def inside_argv(lab: Lab, where: str, argv: list[str]) -> list[str]:
    """What runs a program there: a host by its name, or one of the controller's two people. Raises LabError with what there is."""
    if where in (ENGINEER, LEADER) and where not in lab.hosts:
        return lab.engineer_argv(argv, {}, account=where)
    if where not in lab.hosts:
        raise LabError(f"no host {where} in this lab: there are {', '.join(lab.hosts)}; on the controller the accounts {ENGINEER} and {LEADER}")
    return lab[where].inside(argv)


def main(words: list[str]) -> int:
    given = parse(words)
    if given.command == "why-not":
        print(" ".join(why_not_boot().split())[:600], end="")
        return 0
    obstacle = why_not()
    if obstacle:
        print(obstacle, file=sys.stderr)
        return 2
    try:
        if given.command == "up":
            began = time.monotonic()
            lab = Lab(given.lab)
            lab.up(given.hosts)
            print(f"{len(lab.hosts)} hosts answer after {time.monotonic() - began:.1f} s")
        elif given.command == "down":
            Lab(given.lab).down()
            return 0
        lab = Lab.load(given.lab)
        if given.command == "run":
            argv = inside_argv(lab, given.host, [given.program, *given.arguments])
            os.execvp(argv[0], argv)  # noqa: S606 - this process becomes what was asked for
        elif given.command == "fault":
            do_fault(lab, given.what, given.name, given.value)
        for host in lab.hosts.values():
            print(f"  {host.name:12} {host.network:7} {host.address:12} {'on' if host.is_on else 'off'}")
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
