"""What of a server is carried, from what its kernel says is mounted."""

from orchestrator.movers.server.scope import Scope, anchor, carried_systems, read_mounts, topmost

MOUNTS = r"""
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:5 / /dev rw - devtmpfs udev rw
24 22 0:21 / /proc rw - proc proc rw
25 22 8:2 / /srv rw - ext4 /dev/sda2 rw
26 25 8:3 / /srv/a\040b rw - ext4 /dev/sdb1 rw
27 22 8:1 /var/lib/app /mnt/b rw - ext4 /dev/sda1 rw
28 22 8:2 / /mnt/again rw - ext4 /dev/sda2 rw
29 22 0:44 / /mnt/share rw - nfs4 nas:/share rw
30 22 0:45 / /tmp rw - tmpfs tmpfs rw
"""


def test_every_file_system_of_its_own_has_one_pass_and_nothing_is_carried_twice():
    systems, shadows = carried_systems(read_mounts(MOUNTS), ())
    assert systems == ["/", "/srv", "/srv/a b"]  # of two mounts of one the first
    assert set(shadows) == {"/mnt/b", "/mnt/share", "/tmp", "/mnt/again"}


def test_what_is_left_out_is_neither_a_pass_nor_part_of_one():
    systems, shadows = carried_systems(read_mounts(MOUNTS), ["/srv"])
    assert "/srv" not in systems and "/srv/a b" not in systems
    assert "/srv" in shadows


def test_patterns_are_anchored_at_the_top_of_their_own_file_system():
    scope = Scope(
        ("/", "/srv"), ("/mnt/share",), ("/srv/cache", "/swapfile"), ("/etc/hosts",), ("/etc/app.env",), ("/srv/data", "/var/lib/db")
    )
    forward, srv = scope.left_out("/"), scope.left_out("/srv")
    assert {"/srv/*", "/mnt/share/*", "/swapfile", "/etc/hosts", "/proc/*", "lost+found", "/tmp/*"} <= set(forward)
    assert "/proc" not in forward and "/etc/app.env" not in forward and "/srv/cache" in forward
    assert srv == ["/cache", "lost+found"]
    assert "/etc/hosts" not in scope.left_out("/", first=True)
    back = scope.left_out("/", back=True, at_rest=False)
    assert {"/proc", "/sys", "/dev", "/run", "/etc/app.env", "/var/lib/db"} <= set(back)
    assert "/proc/*" not in back
    assert "/data" in scope.left_out("/srv", back=True, at_rest=False)
    assert "/data" not in scope.left_out("/srv", back=True)


def test_signs_that_stand_for_others_stand_for_themselves():
    assert anchor("/a/[b]*?\\c") == "/a/\\[b]\\*\\?\\\\c"
    assert anchor("/plain\\path") == "/plain\\path"


def test_trees_within_others_are_not_named_twice():
    assert topmost(["/a/b", "/a", "/ab", "/a/b/c"]) == ["/a", "/ab"]
