"""What cron's own words say: commands of a file, and which processes are its jobs."""

from __future__ import annotations

from orchestrator.hosts.cron import find_children, find_commands

FILE = """# /etc/cron.d/office
SHELL=/bin/sh
MAILTO = root
# m h dom mon dow user  command
*/5 *  * * *   www-data  [ -x /usr/bin/php ] && php /srv/office/run.php   --all
@daily  root   /usr/local/bin/nightly "a b"
@reboot root
0 3 * * *  root
"""


def test_commands_are_what_follows_the_account() -> None:
    assert find_commands(FILE) == {"[ -x /usr/bin/php ] && php /srv/office/run.php   --all", '/usr/local/bin/nightly "a b"'}


def test_children_of_cron_are_found_by_their_parent() -> None:
    text = (
        "    1     0 systemd\n   40     1 cron\n  300    40 cron\n  301   300 sh\n  302   301 php\n   77     1 crond-like\n  400    77 sh\n"
    )
    assert find_children(text) == [301]


def test_a_forked_cron_is_named_in_capitals() -> None:
    assert find_children(" 40 1 cron\n 300 40 CRON\n 301 300 sleep\n") == [301]
