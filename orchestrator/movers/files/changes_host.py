"""Runs on a host beside a file tree: which of its paths changed since a moment, packed, and the same unpacked elsewhere.
Standard library and the host's tar only, and any Python from 3.6 on.

A line of JSON comes in, a line goes out. The first one says which trees; with ``since`` they are watched from
now on by inotify, and whatever changed since that moment (epoch seconds, by this host's clock) counts as
changed. ``take`` packs what changed since the last ``take``; its time grows with the changes, not with the
tree. ``apply`` unpacks that: what is gone goes to quarantine, what is overwritten is kept there too.

Names are bytes; in JSON they are text with surrogates (``os.fsdecode``).
"""

import base64
import ctypes
import errno
import grp
import hashlib
import json
import os
import pwd
import select
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time

MODIFY, ATTRIB, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x4, 0x40, 0x80, 0x100, 0x200
Q_OVERFLOW, IGNORED, ISDIR, ONLYDIR = 0x4000, 0x8000, 0x40000000, 0x1000000
MASK = MODIFY | ATTRIB | MOVED_FROM | MOVED_TO | CREATE | DELETE
NONBLOCK = 0o4000
SLACK = 2.0
"""Seconds: a file's change time may lag behind the clock, and a clock may be set."""
EVENT = struct.Struct("iIII")
GONE = (FileNotFoundError, NotADirectoryError)
"""It was there a moment ago, or a folder above it was."""
KEPT_ATTRIBUTES = ("user.", "security.", "trusted.")


class Trouble(Exception):
    """What is wrong: a sentence's code and its values."""

    def __init__(self, code, **values):
        super().__init__(code)
        self.said = {"code": code, "values": values}


class Tree:
    """One tree: what of it changed, and where its hard links are."""

    def __init__(self, number, given):
        self.number = number
        self.path = given["path"].rstrip("/") or "/"
        self.only = given.get("only")
        self.own = set(given.get("own", ()))
        self.changed = set()
        self.folders = set()  # changed before they were watched: what was deleted in them, nobody saw
        self.links = {}

    def at(self, name):
        return self.path + "/" if name == "." else os.path.join(self.path, name)  # a tree may be reached by a link

    def has(self, name):
        """Whether a name is part of it."""
        if self.only is not None and name not in self.only:
            return False
        return not any(name == own or name.startswith(own + "/") for own in self.own)

    def note_link(self, name, status):
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            self.links.setdefault((status.st_dev, status.st_ino), set()).add(name)


class Watch:
    """inotify on every folder of the trees."""

    def __init__(self, trees, since):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(NONBLOCK)
        if self.fd < 0:
            raise Trouble("movers.no_inotify", error=os.strerror(ctypes.get_errno()))
        self.trees = trees
        self.places = {}  # watch → (tree, folder's name)
        self.lost = False
        for tree in trees:
            if not os.path.isdir(tree.path):
                raise Trouble("movers.no_folder", path=tree.path)
            self.add(tree, ".", since - SLACK)

    def add(self, tree, folder, since):
        """Watches a folder and all below. What changed since is noted; ``since`` 0: everything."""
        waiting = [folder]
        while waiting:
            name = waiting.pop()
            path = tree.at(name)
            watch = self.libc.inotify_add_watch(self.fd, os.fsencode(path), MASK | ONLYDIR)
            if watch < 0:
                number = ctypes.get_errno()
                if number in (errno.ENOENT, errno.ENOTDIR):
                    continue  # it went away meanwhile: its own folder tells
                if number == errno.ENOSPC:
                    raise Trouble("movers.too_many_folders", path=tree.path)
                raise Trouble("movers.not_watched", path=path, error=os.strerror(number))
            self.places[watch] = (tree, name)
            try:
                entries = list(os.scandir(path))
                changed = os.lstat(path).st_ctime
            except GONE:
                continue
            if changed >= since and tree.has(name):
                tree.changed.add(name)
                tree.folders.add(name)
            for entry in entries:
                below = entry.name if name == "." else name + "/" + entry.name
                if not tree.has(below) or (tree.only is not None and entry.is_dir(follow_symlinks=False) and below not in tree.only):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except GONE:
                    continue
                tree.note_link(below, status)
                if status.st_ctime >= since:
                    tree.changed.add(below)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(below)

    def drain(self):
        """Everything that the kernel has told so far."""
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, size = EVENT.unpack_from(data, at)
                name = data[at + EVENT.size : at + EVENT.size + size].rstrip(b"\0")
                at += EVENT.size + size
                self.hear(watch, mask, os.fsdecode(name))

    def hear(self, watch, mask, name):
        if mask & Q_OVERFLOW:
            self.lost = True
            return
        if mask & IGNORED:
            self.places.pop(watch, None)
            return
        if watch not in self.places:
            return
        tree, folder = self.places[watch]
        full = folder if not name else name if folder == "." else folder + "/" + name
        if not tree.has(full):
            return
        tree.changed.add(full)
        if name and mask & (CREATE | DELETE | MOVED_FROM | MOVED_TO) and tree.has(folder):
            tree.changed.add(folder)  # its own times
        if mask & ISDIR and mask & (CREATE | MOVED_TO) and tree.only is None:
            try:
                self.add(tree, full, 0)  # what is in it already was not told
            except Trouble:  # as many folders as this host may watch
                self.lost = True


def find_mates(tree, names):
    """The names with every other name of the same file: a link that is packed alone would be a file of its own."""
    found = set(names)
    for attempt in (1, 2):
        unknown = False
        for name in list(found):
            try:
                status = os.lstat(tree.at(name))
            except GONE:
                continue
            tree.note_link(name, status)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink < 2:
                continue
            mates = {mate for mate in tree.links[(status.st_dev, status.st_ino)] if is_same(tree.at(mate), status)}
            tree.links[(status.st_dev, status.st_ino)] = mates
            found |= mates
            unknown = unknown or len(mates) < status.st_nlink
        if not unknown or attempt == 2:
            return found
        learn_links(tree)  # a link that was made just now, or one outside of the tree
    return found


def find_linked(tree, names):
    """Those that are one file with another one: unpacked together, or they would be several."""
    found = []
    for name in names:
        try:
            status = os.lstat(tree.at(name))
        except GONE:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            found.append(name)
    return found


def learn_links(tree):
    for folder, _, files in os.walk(tree.path):
        for file in files:
            path = os.path.join(folder, file)
            name = os.path.relpath(path, tree.path)
            try:
                tree.note_link(name, os.lstat(path))
            except GONE:
                continue


def is_same(path, status):
    try:
        other = os.lstat(path)
    except OSError:
        return False
    return (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino)


def change_times(tree, names):
    """Any change of an entry, its rights included, is a new one."""
    found = {}
    for name in names:
        try:
            found[name] = os.lstat(tree.at(name)).st_ctime_ns
        except OSError:
            continue
    return found


def name_of(number, table):
    try:
        return table(number)[0]
    except KeyError:
        return str(number)


def describe(tree, names):
    """Each entry as the other side must have it: kind, mode, owner, content or link, attributes, and a file's time."""
    found = {}
    for name in names:
        path = tree.at(name)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}.get(stat.S_IFMT(status.st_mode), "o")
        content, attributes = "", {}
        if kind == "f":
            content = hash_of(path)
        elif kind == "l":
            content = os.readlink(path)
        if kind in "fd":
            attributes = attributes_of(path)
        owner = [name_of(status.st_uid, pwd.getpwuid), name_of(status.st_gid, grp.getgrgid)]
        found[name] = [kind, stat.S_IMODE(status.st_mode) if kind != "l" else 0, owner, content, attributes, status.st_mtime_ns if kind == "f" else 0]
    return found


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def attributes_of(path):
    found = {}
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return found
    for name in names:
        if name.startswith(KEPT_ATTRIBUTES) and name != "security.selinux":
            found[name] = base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode()
        elif name.startswith("system.posix_acl"):
            done = subprocess.run(["getfacl", "-p", "-E", "--", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            found["acl"] = "\n".join(line for line in os.fsdecode(done.stdout).splitlines() if not line.startswith("#"))
    return found


class Host:
    """What is asked for by line."""

    def __init__(self, given):
        self.trees = [Tree(number, tree) for number, tree in enumerate(given["trees"])]
        self.quarantine = given["quarantine"]
        self.watch = Watch(self.trees, given["since"]) if given.get("since") is not None else None

    def take(self, asked):
        """What changed, packed: at most ``bytes`` of content."""
        now = time.time()
        self.watch.drain()
        if self.watch.lost:
            raise Trouble("movers.events_lost")
        left, packed = asked["bytes"], []
        for tree in self.trees:
            names = find_mates(tree, {name for name in tree.changed if tree.has(name)})
            there = sorted(name for name in names if os.path.lexists(tree.at(name)))
            gone = sorted((name for name in names if not os.path.lexists(tree.at(name))), key=lambda name: (-name.count("/"), name))
            kinds = {name: stat.S_IFMT(os.lstat(tree.at(name)).st_mode) for name in there}
            there = [name for name in there if kinds[name] in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)]
            size = sum(os.lstat(tree.at(name)).st_blocks * 512 for name in there if kinds[name] == stat.S_IFREG)
            left -= size
            if left < 0:
                raise Trouble("movers.too_much_changed", path=tree.path, count=len(there), limit=asked["bytes"])
            folders = {}
            for name in tree.folders:
                if os.path.isdir(tree.at(name)):
                    folders[name] = sorted(os.listdir(tree.at(name)))
            before = change_times(tree, there)
            entries = describe(tree, there)
            archive = base64.b64encode(self.pack(tree, there)).decode() if there else ""
            after = change_times(tree, there)
            still = {name: entry for name, entry in entries.items() if name in after and before.get(name) == after[name]}
            packed.append({"entries": still, "gone": gone, "folders": folders, "archive": archive, "linked": find_linked(tree, there), "moving": sorted(set(there) - set(still))})
        for tree, given in zip(self.trees, packed):
            tree.changed.clear()
            tree.folders.clear()
            tree.changed.update(given["moving"])  # somebody writes them right now: the next one takes them again
        return {"trees": packed, "now": now}

    def pack(self, tree, names):
        # the order matters to tar: what stands behind --files-from does not hold for its names
        options = ["--no-recursion", "--sparse", "--acls", "--xattrs", "--xattrs-include=*", "-C", tree.path]
        # 1: something changed while it was read, or is gone again
        return run(["tar", "--create", *options, "--ignore-failed-read", "--null", "--verbatim-files-from", "--files-from=-"], listing(names), (0, 1))

    def look(self, _asked):
        """How many paths are noted as changed."""
        self.watch.drain()
        return {"changed": sum(len(tree.changed) for tree in self.trees), "lost": self.watch.lost, "folders": len(self.watch.places)}

    def apply(self, asked):
        """Unpacks one ``take`` of the other side; what it says is how the entries then are."""
        told = []
        for tree, given in zip(self.trees, asked["trees"]):
            kept = os.path.join(self.quarantine, str(tree.number))
            for name in given["gone"]:
                self.put_away(tree, name, kept)
            there = describe(tree, given["entries"])
            wanted = {name for name, entry in given["entries"].items() if there.get(name) != entry}
            wanted = sorted(wanted | {name for name in given["linked"] if name in given["entries"]})
            for name in wanted:
                self.keep_former(tree, name, given["entries"][name][0], kept)
            if wanted:
                self.unpack(tree, wanted, base64.b64decode(given["archive"]))
            told.append(describe(tree, given["entries"]))
        return {"trees": told}

    def list_extra(self, asked):
        """Names in folders of ours that the other side's folders do not have."""
        extra = []
        for tree, folders in zip(self.trees, asked["folders"]):
            found = []
            for folder, names in folders.items():
                if os.path.isdir(tree.at(folder)):
                    below = set(os.listdir(tree.at(folder))) - set(names)
                    found += [name if folder == "." else folder + "/" + name for name in below]
            extra.append(sorted(name for name in found if tree.has(name)))
        return {"trees": extra}

    def unpack(self, tree, names, archive):
        os.makedirs(tree.path, exist_ok=True)
        options = ["--no-recursion", "--preserve-permissions", "--acls", "--xattrs", "--xattrs-include=*", "-C", tree.path]
        with tempfile.NamedTemporaryFile() as listed:
            listed.write(listing(names))
            listed.flush()
            run(["tar", "--extract", *options, "--no-wildcards", "--null", "--verbatim-files-from", "--files-from", listed.name], archive)

    def put_away(self, tree, name, kept):
        path, place = tree.at(name), os.path.join(kept, name)
        if not os.path.lexists(path):
            return
        if os.path.isdir(path) and not os.path.islink(path):
            try:
                os.rmdir(path)
            except OSError:
                pass
            else:
                return
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        shutil.move(path, free_name(place))

    def keep_former(self, tree, name, kind, kept):
        path, place = tree.at(name), os.path.join(kept, name)
        if not os.path.lexists(path) or (os.path.isdir(path) and not os.path.islink(path) and kind == "d"):
            return
        if kind == "d" or os.path.isdir(path) or os.path.islink(path):
            self.put_away(tree, name, kept)  # another kind stands there
            return
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        try:
            os.link(path, free_name(place))
        except OSError:
            shutil.copy2(path, free_name(place))


def free_name(place):
    """The same, or with a number behind it where that is taken."""
    number, free = 1, place
    while os.path.lexists(free):
        number += 1
        free = "%s.~%d~" % (place, number)
    return free


def listing(names):
    """As tar reads names."""
    return b"".join(os.fsencode("./" + name if name != "." else ".") + b"\0" for name in names)


def run(argv, data, fine=(0,)):
    done = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, LC_ALL="C"), check=False)
    if done.returncode not in fine:
        raise Trouble("movers.tar_says", error=os.fsdecode(done.stderr[-500:]).strip())
    return done.stdout


def lines(watch):
    """Lines of standard input; meanwhile nothing of what the kernel tells piles up."""
    parts = []  # of a line that may be many megabytes: joined once
    while True:
        source = watch()
        ready, _, _ = select.select([0] + ([source.fd] if source else []), [], [], 60)
        if source and source.fd in ready:
            source.drain()
        if 0 in ready:
            chunk = os.read(0, 1 << 20)
            if not chunk:
                return
            *ended, rest = chunk.split(b"\n")
            for end in ended:
                yield b"".join([*parts, end])
                parts = []
            parts.append(rest)


ACTS = ("take", "look", "apply", "list_extra")


def main():
    print("ready", flush=True)
    host = None
    for line in lines(lambda: host.watch if host else None):
        began = time.time()
        try:
            asked = json.loads(line.decode())
            if host is None:
                host = Host(asked)
                answer = {"folders": len(host.watch.places) if host.watch else 0}
            elif asked["act"] in ACTS:
                answer = getattr(host, asked["act"])(asked)
            else:
                answer = {"trouble": {"code": "hosts.no_act", "values": {"act": asked["act"], "acts": list(ACTS)}}}
        except Trouble as trouble:
            answer = {"trouble": trouble.said}
        except (OSError, ValueError, KeyError) as error:
            answer = {"trouble": {"code": "movers.host_says", "values": {"error": repr(error)}}}
        answer["seconds"] = round(time.time() - began, 4)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
