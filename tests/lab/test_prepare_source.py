"""A database server as Debian leaves it, listening to nobody: prepared by command, restarted in its window, and taken back."""

from __future__ import annotations

import pytest

from tests.lab import furnish, inventory, lending
from tests.lab.hosts import LabHost
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
HOSTS = "db@room gw-room@room db-new@cloud gw-cloud@cloud edge@street"
CONFIGURATION = "/etc/postgresql /var/lib/postgresql/15/main/postgresql.auto.conf"


def _starts(db: LabHost) -> int:
    """How often the cluster was started since the host booted."""
    words = db.run("journalctl", "--no-pager", "--quiet", "-o", "cat", "-u", "postgresql@15-main.service")
    return words.count("Started postgresql@15-main.service")


def test_shown_done_restarted_and_taken_back(lab: Lab) -> None:
    passwords, db = furnish.Passwords(), lab["db"]
    db.run("systemctl", "enable", "--quiet", "--now", "postgresql")
    db.script("until runuser -u postgres -- psql -qtc 'SELECT 1' >/dev/null 2>&1; do sleep 0.1; done", limit=60)
    db.script("runuser -u postgres -- createuser permits_app && runuser -u postgres -- createdb -O permits_app permits")
    for name in ("orchestrator", "permits_app", "pgbouncer_admin"):
        assert passwords[name]
    system = inventory.permits(lab, app="db", db="db")
    system = {**system, "hosts": system["hosts"][1:], "services": [], "file_trees": [], "kind": "database"}
    inventory.write(lab, [system], passwords, entries={})
    before = db.script(f"find {CONFIGURATION} -type f -exec sha256sum {{}} + -exec stat -c '%a %U %n' {{}} + | sort")

    shown = lab.orchestrator("prepare-source", "permits")
    assert shown.returncode == 6, shown.stdout + shown.stderr
    assert "wal_level" in shown.stdout and "listen_addresses" in shown.stdout and lab["db-new"].address in shown.stdout
    assert db.script(f"find {CONFIGURATION} -type f -exec sha256sum {{}} + -exec stat -c '%a %U %n' {{}} + | sort") == before
    assert passwords["orchestrator"] not in shown.stdout
    done = lab.orchestrator("prepare-source", "permits", "--do", "--restart")
    assert done.returncode == 0, done.stdout + done.stderr
    words = f"host={db.address} user=orchestrator dbname=permits"
    level = lab["controller"].run("env", f"PGPASSWORD={passwords['orchestrator']}", "psql", "-qAt", words, "-c", "SHOW wal_level")
    assert level.strip() == "logical"
    assert _starts(db) == 2  # its first one, and one restart: every session ends with each

    undone = lab.orchestrator("prepare-source", "permits", "--undo", "--restart")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert db.script(f"find {CONFIGURATION} -type f -exec sha256sum {{}} + -exec stat -c '%a %U %n' {{}} + | sort") == before


def test_mariadb_too_and_whoever_came_by_its_loopback_still_does(lab: Lab) -> None:
    passwords, db = furnish.Passwords(), lab["db"]
    db.run("systemctl", "enable", "--quiet", "--now", "mariadb", limit=180)
    assert passwords["orchestrator"]
    assert passwords[lending.ROLE]
    desk = lending.describe_desk(lab, app="db")
    system = {**desk, "hosts": desk["hosts"][1:], "services": [], "file_trees": [], "kind": "database"}
    inventory.write(lab, [system], passwords, entries={}, tell=lending.tell_site)
    looked = "find /etc/mysql -type f -exec sha256sum {} + | sort; mariadb -BNe 'SELECT user, host, priv FROM mysql.global_priv; SELECT @@bind_address'"
    before = db.script(looked)

    shown = lab.orchestrator("prepare-source", "desk")
    assert shown.returncode == 6, shown.stdout + shown.stderr
    assert f"127.0.0.1,{db.address}" in shown.stdout
    assert db.script(looked) == before
    assert passwords["orchestrator"] not in shown.stdout
    done = lab.orchestrator("prepare-source", "desk", "--do", "--restart")
    assert done.returncode == 0, done.stdout + done.stderr
    asked = ["mariadb", "--user=orchestrator", f"--password={passwords['orchestrator']}", "-BNe", "SELECT @@log_bin, @@binlog_format"]
    assert lab["controller"].run(*asked, f"--host={db.address}").split() == ["1", "ROW"]
    assert db.run(*asked, "--host=127.0.0.1").split() == ["1", "ROW"]

    undone = lab.orchestrator("prepare-source", "desk", "--undo", "--restart")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert db.script(looked) == before
