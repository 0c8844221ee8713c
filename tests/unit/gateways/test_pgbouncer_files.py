"""Other people's PgBouncer files: one line leads elsewhere and comes back byte for byte, everything else never changes."""

from __future__ import annotations

import pytest

from orchestrator.gateways import pgbouncer_files as files

TEXT = b"""\
;; of the operations office, do not touch
%include /etc/pgbouncer/more.ini
[databases]
my1db = host=10.0.0.1 port=5432
  my.db=host = 10.0.0.2   port=5433 pool_size=50  pool_mode=session connect_query='select ''host=x''' auth_user=asker
reports = dbname='my db' host=10.0.0.2
sock = dbname=x
* = host=10.0.0.9

[users]
my.db = pool_mode=session
[pgbouncer]
listen_port = 6432
auth_file = /etc/pgbouncer/userlist.txt
"""


def entry(text: bytes, name: str) -> files.Entry:
    return next(each for each in files.read_entries(text) if each.name == name)


def test_only_the_lines_of_databases_are_read_with_their_options_unquoted():
    names = [each.name for each in files.read_entries(TEXT)]
    assert names == ["my1db", "my.db", "reports", "sock", "*"]
    assert entry(TEXT, "my.db").options["connect_query"] == "select 'host=x'"
    assert entry(TEXT, "reports").options == {"dbname": "my db", "host": "10.0.0.2"}
    assert files.list_includes(TEXT) == ["/etc/pgbouncer/more.ini"]


@pytest.mark.parametrize("name", ["my1db", "my.db", "reports", "sock"])
def test_a_line_leads_elsewhere_with_all_its_options_and_back_byte_for_byte(name):
    moved = files.point_entry(TEXT, name, "10.9.9.9", 6000)
    options = entry(moved, name).options
    assert (options["host"], options["port"]) == ("10.9.9.9", "6000")
    kept = {key: value for key, value in entry(TEXT, name).options.items() if key not in ("host", "port")}
    assert {key: value for key, value in options.items() if key not in ("host", "port")} == kept
    others = [each for each in files.read_entries(TEXT) if each.name != name]
    assert [(each.name, each.options) for each in files.read_entries(moved) if each.name != name] == [(e.name, e.options) for e in others]
    assert files.restore_entry(moved, name, "1.1.1.1", 1) == TEXT


def test_moved_twice_it_still_knows_where_it_came_from():
    twice = files.point_entry(files.point_entry(TEXT, "my.db", "10.9.9.9", 6000), "my.db", "10.8.8.8", 6001)
    assert entry(twice, "my.db").options["host"] == "10.8.8.8"
    assert files.restore_entry(twice, "my.db", "1.1.1.1", 1) == TEXT


def test_what_somebody_changed_meanwhile_stays_when_it_comes_back():
    moved = files.point_entry(TEXT, "my.db", "10.9.9.9", 6000).replace(b"pool_size=50", b"pool_size=99")
    back = entry(files.restore_entry(moved, "my.db", "1.1.1.1", 1), "my.db").options
    assert (back["host"], back["port"], back["pool_size"]) == ("10.0.0.2", "5433", "99")


def test_without_a_word_of_where_it_came_from_the_given_place_is_taken():
    assert entry(files.restore_entry(TEXT, "my1db", "10.7.7.7", 7), "my1db").options == {"host": "10.7.7.7", "port": "7"}


def test_a_line_of_ours_is_added_among_the_databases_and_taken_out_again():
    added = files.add_entry(TEXT, "register", "10.0.0.3", 5432, "das 'register'")
    assert entry(added, "register").options["dbname"] == "das 'register'"
    assert files.remove_entry(added, "register") == TEXT


def test_a_line_that_was_there_before_us_is_not_taken_out():
    assert files.remove_entry(TEXT, "my1db") == TEXT


def test_a_file_that_is_included_has_no_section_and_may_lack_its_last_newline():
    text = b"a = host=h port=1"
    assert files.remove_entry(files.add_entry(text, "b", "h", 2, "b"), "b") == text + b"\n"
    assert files.restore_entry(files.point_entry(text, "a", "x", 9), "a", "", 0) == text


def test_windows_line_ends_stay():
    text = b"[databases]\r\na = host=h port=1\r\n"
    moved = files.point_entry(text, "a", "x", 9)
    assert b"a = host=x port=9\r\n" in moved
    assert files.restore_entry(moved, "a", "", 0) == text


@pytest.mark.parametrize("line", [b"no equals sign", b"a = host=x port='open", b"a = just words"])
def test_a_line_that_cannot_be_read_is_said_with_its_number(line):
    with pytest.raises(files.NotUnderstood, match="line 2"):
        files.read_entries(b"[databases]\n" + line + b"\n")


USERS = b"""\
; accounts
"app" "SCRAM-SHA-256$4096:salt$stored:server"
"o ""dd" "p""w"
"application" "other"
\xb9\xab\xce\xf1
"""


def test_a_verifier_is_replaced_for_one_account_and_everything_else_keeps_its_bytes():
    changed = files.put_user(USERS, "app", 'md5"x"')
    assert files.read_users(changed) == {"app": 'md5"x"', 'o "dd': 'p"w', "application": "other"}
    assert files.put_user(changed, "app", "SCRAM-SHA-256$4096:salt$stored:server") == USERS


def test_an_account_with_a_quote_in_its_name_is_added_and_taken_out():
    added = files.put_user(USERS, 'we"ird 库', "v")
    assert files.read_users(added)['we"ird 库'] == "v"
    assert files.remove_user(added, 'we"ird 库') == USERS


def test_what_another_migration_wrote_meanwhile_stays_when_one_is_taken_back():
    """Several systems move at once behind one gateway: each takes back its own lines, never the file as it once was."""
    ours = files.point_entry(TEXT, "my.db", "10.9.9.9", 6000)
    both = files.point_entry(ours, "reports", "10.8.8.8", 6001)
    assert files.take_entry(both, TEXT, "my.db") == files.point_entry(TEXT, "reports", "10.8.8.8", 6001)
    assert files.take_entry(files.take_entry(both, TEXT, "my.db"), TEXT, "reports") == TEXT
    assert files.take_entry(ours, TEXT, "my.db") == TEXT
    assert files.take_entry(TEXT, ours, "my.db") == ours
    twice = b"my.db = host=1\n" + TEXT
    assert files.take_entry(twice, ours, "my.db") == twice
