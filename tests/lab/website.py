"""A web site without a database, as a distribution's nginx serves it: pages as files, uploads by a small program behind it. Over TLS."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

from orchestrator.embedded.apps import website
from tests.lab import furnish, inventory
from tests.lab.furnish import Passwords
from tests.lab.journey import Citizens
from tests.lab.lab import Lab
from tests.lab.shell import LabError

NAME = "www.city"
PAGES = "/srv/site/pages"
SITE = """server {
    listen 80;
    server_name www.city;
    root /srv/site/pages;
    add_header X-Instance $hostname;
    location = /upload { proxy_pass http://127.0.0.1:8001/; }
}
"""
UNIT = """[Unit]
Description=Uploads of the web site

[Service]
User=site
UMask=0022
Environment=LISTEN_ADDRESS=127.0.0.1 LISTEN_PORT=8001 PAGES=/srv/site/pages
ExecStart=/usr/bin/python3 /opt/site/website.py
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
UNITS = ("site-upload.service", "nginx.service")
TREES = ("/opt/site", "/etc/nginx")


def furnish_site(lab: Lab) -> Passwords:
    """The site in the old room, behind the edge, where TLS ends; browsers speak HTTP/2."""
    app = lab["app"]
    app.script(f"""
        useradd --system --shell /usr/sbin/nologin --home-dir /opt/site site
        install -d -m 0755 /opt/site; install -d -m 0755 -o site -g site /srv/site {PAGES}
        echo '<h1>市政府</h1>' >{PAGES}/index.html
        for n in $(seq 1 300); do echo "公告 $n" >{PAGES}/公告-$n.html; done; chown -R site: {PAGES}
    """)
    app.write("/opt/site/website.py", Path(str(website.__file__)).read_bytes())
    app.write("/etc/systemd/system/site-upload.service", UNIT)
    app.write("/etc/nginx/sites-available/site", SITE)
    app.script("ln -s ../sites-available/site /etc/nginx/sites-enabled/site; systemctl daemon-reload")
    app.run("systemctl", "enable", "--quiet", "--now", *UNITS)
    app.script(f"until curl -fsS -H 'Host: {NAME}' http://127.0.0.1/index.html >/dev/null 2>&1; do sleep 0.2; done", limit=60)
    check = f"httpchk\n    http-check send meth GET uri /index.html hdr Host {NAME}"
    edge = lab["edge"]
    edge.script("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=www.city -keyout /root/key -out /root/crt 2>&1")
    edge.script("cat /root/key /root/crt >/etc/haproxy/www.city.pem; rm /root/key /root/crt; chmod 0600 /etc/haproxy/www.city.pem")
    entry = {"name": "site", "port": "8443 ssl crt /etc/haproxy/www.city.pem alpn h2,http/1.1", "server": "www-1", "to": app.address, "to_port": 80, "check": check}
    furnish.edge(edge, [entry])
    return Passwords()


def describe_site(lab: Lab) -> dict[str, Any]:
    """Its row of the inventory."""
    health = {"kind": "http", "target": "/index.html", "expected": "200"}
    trees = ("/opt/site", "/srv/site", "/etc/nginx/sites-available/site", "/etc/nginx/sites-enabled/site")
    references = {"LISTEN_ADDRESS": "127.0.0.1", "LISTEN_PORT": "@listen.port"}
    permits = inventory.permits(lab, db="app")
    return {
        **permits, "id": "site", "name": "市政府门户网站", "name_en": "City web site", "dbms": "无数据库", "hosts": permits["hosts"][:1], "servers": 1,
        "databases": [], "data_resources": [], "file_trees": [{"host": "app", "path": path} for path in trees],
        "services": [
            {"name": "site-upload", "host": "app", "unit": "site-upload.service", "port": 8001, "singleton": False, "environment": references,
             "health": {**health, "target": "/health", "on_host": True}},
            {"name": "web-front", "host": "app", "unit": "nginx.service", "port": 80, "shared": True, "singleton": False, "entry": "site",
             "health": {**health, "host_name": NAME}},
        ],
    }  # fmt: skip


def tell_site(site: dict[str, Any]) -> None:
    """No database, so no gateway of one."""
    for name in ("pgbouncer", "haproxy"):
        del site[name]


def stay_connected(lab: Lab, seconds: int) -> str:
    """From a machine of the old room to the old web server, past the entry, for so long; its address."""
    visit = f"exec 3<>/dev/tcp/{lab['app'].address}/80; sleep {seconds}"
    lab["gw-room"].script(f"setsid timeout {seconds} bash -c '{visit}' >/dev/null 2>&1 </dev/null &")
    return lab["gw-room"].address


class Visitors(Citizens):
    """Read a page and hand in a form, again and again; uploads are named by the second, whichever instance takes them."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, ":8443")
        self.url = self.url.replace("http:", "https:")
        self.kept: dict[str, str] = {}
        """By the name that was acknowledged: SHA-256 of what it holds."""

    def ask(self) -> int:
        if "市政府" not in self._curl("/index.html", "200"):
            raise LabError("another front page")
        number = len(self.kept)
        form = f"form {number} " + "x" * (number % 7 * 1000)
        name = self._curl("/upload", "201", "--data-raw", form)
        if name in self.kept:
            raise LabError(f"{name} was given twice")
        self.kept[name] = hashlib.sha256(form.encode()).hexdigest()
        return number

    def _curl(self, path: str, wanted: str, *words: str) -> str:
        argv = ["curl", "-ksS", "--http2", "-m", "30", "-H", f"Host: {NAME}", "-w", " %{http_version}/%{http_code}", *words, self.url + path]
        said = self.lab["controller"].run(*argv)
        body, _, code = said.rpartition(" ")
        if code != f"2/{wanted}":
            raise LabError(f"{path}: {said[:200]}")
        return body

    def hand_in_past_the_entry(self) -> str:
        """Somebody of the department knows the old server's address, and hands a form in there: the name that was acknowledged."""
        form = "past the entry " + "y" * 5000
        time.sleep(1.1)  # uploads are named by the second: the new server may have given this one's name
        url = f"http://{self.lab['app'].address}/upload"
        name = self.lab["gw-room"].run("curl", "-sS", "-f", "-m", "30", "-H", f"Host: {NAME}", "--data-raw", form, url)
        self.kept[name] = hashlib.sha256(form.encode()).hexdigest()
        return name

    def find_lost(self, name: str) -> list[str]:
        """What was acknowledged and is not on this host as it was handed in."""
        said = self.lab[name].script(f"cd {PAGES}; find . -name 'upload-*' -exec sha256sum {{}} +")
        there = {line.split()[1].removeprefix("./"): line.split()[0] for line in said.splitlines()}
        return [upload for upload, digest in self.kept.items() if there.get(upload) != digest]
