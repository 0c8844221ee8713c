"""Redmine as Debian packages it, furnished as its administrators' guide says: puma behind nginx, PostgreSQL, attachments, a timer.

Nobody here wrote it, and nothing in the engine knows it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from tests.lab import furnish, inventory
from tests.lab.furnish import Passwords
from tests.lab.hosts import LabHost
from tests.lab.journey import Citizens
from tests.lab.lab import Lab
from tests.lab.shell import LabError

PACKAGES = ("redmine", "redmine-pgsql", "dbconfig-no-thanks", "puma")
ANSWERS = ("redmine redmine/current-instances string default", "redmine redmine/instances/default/dbconfig-install boolean false")
DATABASE = ROLE = "redmine_default"
NAME = "redmine.city"
"""Whom nginx answers for; Debian's own site answers everybody else, with 404."""
PORT = 3000
DATABASE_YML = """# written by the administrator
production:
  adapter: postgresql
  host: {host}
  port: {port}
  database: {database}
  username: {role}
  password: "{password}"
  encoding: utf8
  prepared_statements: false   # PgBouncer pools transactions
"""
UNIT = """[Unit]
Description=Redmine at port %i
After=network-online.target

[Service]
User=www-data
Group=www-data
WorkingDirectory=/usr/share/redmine
Environment=RAILS_ENV=production REDMINE_INSTANCE=default
ExecStart=/usr/bin/puma --environment production --bind tcp://127.0.0.1:%i --threads 1:8 config.ru
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
PRUNE = """[Unit]
Description=Redmine takes away attachments that nobody attached

[Service]
Type=oneshot
User=www-data
WorkingDirectory=/usr/share/redmine
Environment=RAILS_ENV=production REDMINE_INSTANCE=default
ExecStart=/usr/bin/bundle exec rake redmine:attachments:prune
"""
PRUNE_TIMER = "[Timer]\nOnCalendar=*:0/10\n\n[Install]\nWantedBy=timers.target\n"
SITE = """upstream redmine { server 127.0.0.1:3000; }
server {
    listen 80;
    server_name redmine.city;
    client_max_body_size 20m;
    location / {
        proxy_pass http://redmine;
        proxy_set_header Host $host;
    }
}
"""
SEED = """
raise 'there is no default data' unless Tracker.any? && IssueStatus.any? && IssuePriority.any?
Setting.rest_api_enabled = '1'
admin = User.find_by_login('admin')
admin.update!(must_change_passwd: false)
Project.create!(name: 'City', identifier: 'city', trackers: Tracker.all, enabled_module_names: %w(issue_tracking files))
puts admin.api_key
"""


def furnish_city(lab: Lab) -> tuple[Passwords, str]:
    """Redmine at work in the old room, behind gateway and edge; passwords, and the key of its interface for programs."""
    passwords, app, db = Passwords(), lab["app"], lab["db"]
    clients = [lab[name].address for name in ("controller", "app", "gw-room", "gw-cloud", "db-new", "app-new")]
    furnish.postgresql(db, clients=clients, passwords=passwords, base=DATABASE, role=ROLE, schema="")
    line = f"{DATABASE} = host={db.address} port=5432 dbname={DATABASE}"
    furnish.gateway(lab["gw-room"], passwords=passwords, lines=[line], users={ROLE: furnish.verifier(db, ROLE)})
    furnish.gateway(lab["gw-cloud"], passwords=passwords, lines=[], users={})
    key = _install(app, lab["gw-room"], db, passwords)
    check = f"httpchk\n    http-check send meth GET uri /login hdr Host {NAME}"
    entry = {"name": "redmine", "port": 8080, "server": "redmine-1", "to": app.address, "to_port": 80, "check": check}
    furnish.edge(lab["edge"], [entry])
    lab["db-new"].run("systemctl", "enable", "--quiet", "--now", "postgresql")
    return passwords, key


def _install(app: LabHost, pool: LabHost, db: LabHost, passwords: Passwords) -> str:
    app.write("/etc/redmine/default/secret_key.txt", f"{secrets.token_hex(16)}\n", mode=0o640, owner="root:www-data")
    direct = DATABASE_YML.format(host=db.address, port=5432, database=DATABASE, role=ROLE, password=passwords[ROLE])
    app.write("/etc/redmine/default/database.yml", direct, mode=0o640, owner="root:www-data")
    in_redmine = "cd /usr/share/redmine; export RAILS_ENV=production REDMINE_INSTANCE=default REDMINE_LANG=en SCHEMA=/dev/null"
    for task in ("db:migrate", "redmine:load_default_data"):  # two runs: the first one's classes know no columns yet
        app.script(f"{in_redmine}; bundle exec rake {task} >/dev/null", account="www-data", limit=900)
    app.write("/var/cache/redmine/seed.rb", SEED)
    key = app.script(f"{in_redmine}; bundle exec rails runner /var/cache/redmine/seed.rb", account="www-data", limit=300).split()[-1]
    pooled = DATABASE_YML.format(host=pool.address, port=6432, database=DATABASE, role=ROLE, password=passwords[ROLE])
    app.write("/etc/redmine/default/database.yml", pooled, mode=0o640, owner="root:www-data")
    app.write("/etc/systemd/system/redmine@.service", UNIT)
    app.write("/etc/systemd/system/redmine-prune.service", PRUNE)
    app.write("/etc/systemd/system/redmine-prune.timer", PRUNE_TIMER)
    app.write("/etc/nginx/sites-available/redmine", SITE)
    app.script("ln -s ../sites-available/redmine /etc/nginx/sites-enabled/redmine; systemctl daemon-reload")
    app.run("systemctl", "enable", "--quiet", "--now", f"redmine@{PORT}.service", "nginx.service", "redmine-prune.timer")
    app.script(f"until curl -fsS -H 'Host: {NAME}' http://127.0.0.1/login >/dev/null 2>&1; do sleep 0.5; done", limit=180)
    return key


def describe(lab: Lab) -> dict[str, Any]:
    """Its row of the inventory."""
    health = {"kind": "http", "target": "/login", "expected": "200"}
    database = {
        "name": DATABASE, "engine": "postgresql", "version": "15", "host": "db", "port": 5432, "role": ROLE, "secret": inventory.secret(ROLE),
        "admin_role": "orchestrator", "admin_secret": inventory.secret("orchestrator"), "size_gb": 0.1,
    }  # fmt: skip
    settings = {
        "path": "/etc/redmine/default/database.yml", "format": "yaml",
        "set": {
            "production.host": "@database.host", "production.port": "@database.port", "production.database": "@database.name",
            "production.username": "@database.role", "production.password": "@database.password",
        },
    }  # fmt: skip
    trees = (
        *("/etc/redmine/default", "/var/lib/redmine/default/files"),
        *("/etc/nginx/sites-available/redmine", "/etc/nginx/sites-enabled/redmine"),
    )
    return {
        **inventory.permits(lab),
        "id": "redmine", "name": "事项跟踪系统", "name_en": "Redmine", "databases": [database],
        "file_trees": [{"host": "app", "path": path} for path in trees],
        "services": [
            {"name": "redmine", "host": "app", "unit": f"redmine@{PORT}.service", "port": PORT, "singleton": False, "start_seconds": 120,
             "health": {**health, "on_host": True}, "files": [settings]},
            {"name": "web-front", "host": "app", "unit": "nginx.service", "port": 80, "shared": True, "singleton": False,
             "health": {**health, "host_name": NAME}, "entry": "redmine"},
            {"name": "redmine-prune", "host": "app", "unit": "redmine-prune.timer", "singleton": True},
        ],
        "data_resources": [{"name": "事项", "database": DATABASE, "source_of_truth": True, "sharing": "not_shared", "update_frequency": "实时"}],
    }  # fmt: skip


class Reporters(Citizens):
    """Report issues, each with an attachment, by Redmine's interface for programs. Less than one a second: Redmine names what is attached
    by the second, and a burst lets its names run ahead of the clock, into those that the other instance gives next (decision 0008)."""

    pause = 2.0

    def __init__(self, lab: Lab, key: str) -> None:
        super().__init__(lab, ":8080")
        self.words = ["-H", f"X-Redmine-API-Key: {key}", "-H", f"Host: {NAME}"]
        self.attached: dict[int, str] = {}
        """Issue → SHA-256 of what was attached to it."""

    def ask(self) -> int:
        content = secrets.token_hex(2000)
        sent = self._post("/uploads.json?filename=scan.txt", "application/octet-stream", content)
        issue = {"project_id": "city", "subject": "申请", "uploads": [{"token": sent["upload"]["token"], "filename": "scan.txt"}]}
        number = int(self._post("/issues.json", "application/json", json.dumps({"issue": issue}))["issue"]["id"])
        self.attached[number] = hashlib.sha256(content.encode()).hexdigest()
        return number

    def _post(self, path: str, kind: str, body: str) -> dict[str, Any]:
        said = self.curl("-X", "POST", "-H", f"Content-Type: {kind}", "--data-raw", body, "-w", " %{http_code}", f"{self.url}{path}")
        text, _, code = said.rpartition(" ")
        if code != "201":
            raise LabError(said[-300:])
        return dict(json.loads(text))

    def find_attachment(self, number: int) -> str:
        """SHA-256 of an issue's attachment as the entry gives it now."""
        issue = json.loads(self.curl(f"{self.url}/issues/{number}.json?include=attachments"))["issue"]
        name = issue["attachments"][0]["id"]
        return hashlib.sha256(self.curl(f"{self.url}/attachments/download/{name}/scan.txt").encode()).hexdigest()

    def curl(self, *words: str) -> str:
        return self.lab["controller"].run("curl", "-sS", "-m", "60", *self.words, *words)
