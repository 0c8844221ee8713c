"""What is stopped, in which order, and what a machine that stands by is reached by."""

from orchestrator.movers.server.questions import Writer
from orchestrator.movers.server.units import Unit, parse_units, standby_text, units_to_stop, writers_left

SHOWN = """Id=ssh.service
ActiveState=active
SubState=running
RefuseManualStop=no

Id=redis-server.service
ActiveState=active
SubState=running
RefuseManualStop=no

Id=nightly.timer
ActiveState=active
SubState=waiting
RefuseManualStop=no

Id=nftables.service
ActiveState=active
SubState=exited
RefuseManualStop=no

Id=firewall-script.service
ActiveState=active
SubState=exited
RefuseManualStop=no

Id=auditish.service
ActiveState=active
SubState=running
RefuseManualStop=yes

Id=app@3.service
ActiveState=activating
SubState=auto-restart
RefuseManualStop=no

Id=user@1000.service
ActiveState=active
SubState=running
RefuseManualStop=no

Id=user@1001.service
ActiveState=active
SubState=running
RefuseManualStop=no

Id=gone.service
ActiveState=inactive
SubState=dead
RefuseManualStop=no
"""


def test_what_begins_others_stops_first_then_the_named_then_the_rest_and_what_the_machine_is_reached_by_stays():
    units = parse_units(SHOWN)
    stopped = units_to_stop(units, ["app@3.service", "nightly.timer", "unknown.service"], ["agent.service"], "1000")
    assert stopped == ["nightly.timer", "app@3.service", "redis-server.service", "user@1001.service"]


def test_a_unit_is_kept_when_the_inventory_says_so():
    assert "redis-server.service" not in units_to_stop(parse_units(SHOWN), [], ["redis-server.service"], "1000")


def test_a_machine_that_stands_by_lets_people_in_and_begins_nothing():
    text = standby_text(parse_units(SHOWN), ["redis-server.service"])
    wants = next(line for line in text.splitlines() if line.startswith("Wants=")).removeprefix("Wants=").split()
    assert {"ssh.service", "systemd-user-sessions.service", "nftables.service", "redis-server.service"} <= set(wants)
    assert not {"nightly.timer", "app@3.service", "user@1000.service"} & set(wants)
    assert "basic.target" not in text and "multi-user.target" not in text  # timers.target would come with them


def test_who_writes_after_everything_was_stopped_is_found():
    left = [
        Writer("/a", "systemd-journal", "systemd-journald.service", False),
        Writer("/b", "java", "session-4.scope", False),
        Writer("/c", "agent", "agent.service", False),
    ]
    assert [writer.program for writer in writers_left(left, ["agent.service"])] == ["java"]


def test_every_unit_state_that_keeps_a_process_counts():
    assert Unit("a.service", "deactivating", "stop-sigterm").works
    assert not Unit("a.service", "failed", "failed").works
