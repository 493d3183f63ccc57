"""Each kind of damage to each kind of file, met by each command: it is detected and named, nothing damaged is taken for
whole, everything that is not damaged still restores, and no command makes it worse.
"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import BIN, wait_for
from repositories import (PASSWORD, describe, noise, objects, restic, restored, rewrite, salvor, scratch, snapshots, write)

world = None


class World:
    """Three snapshots; each has directories, files and packs that only it uses."""

    def __init__(self):
        self.dir = scratch("damage")
        self.source, self.repository, self.stranger = (self.dir / name for name in ("source", "repository", "stranger"))
        self.trees, self.ids, self.index = {}, [], []
        salvor(self.repository, "init")
        salvor(self.stranger, "init")
        for generation in range(3):
            write(self.source / "same", noise(1, 700_000))
            write(self.source / "small", f"{generation}\n")
            write(self.source / f"dir{generation}" / "large", noise(100 + generation, 5_000_000))
            write(self.source / f"dir{generation}" / "other", noise(200 + generation, 2_000_000))
            salvor(self.repository, "backup", "--pack-size", 4, self.source)
            newest = [s for s in snapshots(self.repository) if s not in self.trees][0]
            self.ids.append(newest)
            self.trees[newest] = describe(self.source)
            self.index.append([p for p in objects(self.repository, "index") if p.name not in
                               [i.name for i in self.index]][0])

    def packs(self, generation, kind):
        """Packs of the blobs that this backup added."""
        document = json.loads(salvor(self.repository, "cat", "index", self.index[generation].name).out)
        return [pack["id"] for pack in document["packs"] if pack["blobs"][0]["type"] == kind]


def setUpModule():
    global world
    world = World()


class State:
    def __init__(self, kind):
        self.dir = scratch("damaged")
        self.repository = self.dir / "repository"
        shutil.copytree(world.repository, self.repository)
        self.kind = kind
        if kind == "lock":
            self.add_locks()
        self.victim, self.sibling = self.choose()

    def add_locks(self):
        """Two, of backups that are killed while they wait for their standard input."""
        holders = []
        for number in (1, 2):
            holders.append(subprocess.Popen([BIN / "salvor", "repo", "-r", self.repository, "backup", "--stdin"],
                                            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                            env={**os.environ, "RESTIC_PASSWORD": PASSWORD, "HOME": "/nonexistent"}))
            wait_for(f"lock number {number}", lambda: len(objects(self.repository, "locks")) == number)
        for holder in holders:
            holder.kill()
            holder.communicate()

    def choose(self):
        """The object to damage and another of its kind."""
        if self.kind == "config":
            return self.repository / "config", world.stranger / "config"
        if self.kind == "data":
            first, second = world.packs(2, "data")[:2]
        elif self.kind == "tree":
            first, second = world.packs(2, "tree")[0], world.packs(1, "tree")[0]
        elif self.kind == "index":
            first, second = world.index[2].name, world.index[1].name
        elif self.kind == "snapshot":
            first, second = world.ids[2], world.ids[1]
        elif self.kind == "key":
            first, second = objects(self.repository, "keys")[0].name, None
        else:
            first, second = (p.name for p in objects(self.repository, "locks"))
        return self.path(first), self.path(second) if second else objects(world.stranger, "keys")[0]

    def path(self, name):
        folder = {"data": f"data/{name[:2]}", "tree": f"data/{name[:2]}", "index": "index", "snapshot": "snapshots",
                  "key": "keys", "lock": "locks"}[self.kind]
        return self.repository / folder / name

    def damage(self, how):
        data = self.victim.read_bytes()
        if how == "flip":
            middle = len(data) // 2
            rewrite(self.victim, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:])
        elif how == "truncate":
            rewrite(self.victim, data[:len(data) // 2])
        elif how == "empty":
            rewrite(self.victim, b"")
        elif how == "missing":
            self.victim.unlink()
        elif how == "duplicate":
            self.victim = self.victim.with_name(self.victim.name[:2] + ("0123456789abcdef" * 4)[:62])
            self.victim.write_bytes(data)
        elif how == "swap":
            other = self.sibling.read_bytes()
            rewrite(self.victim, other)
            if self.repository in self.sibling.parents:
                rewrite(self.sibling, data)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


KINDS = ("config", "key", "index", "snapshot", "lock", "data", "tree")
DAMAGES = ("flip", "truncate", "empty", "missing", "duplicate", "swap")
# No such thing: a repository has one config.
IMPOSSIBLE = {("config", "duplicate")}
OPENS = {"index", "snapshot", "lock", "data", "tree"}  # damage to these does not stop `snapshots` of the others


class Damage(unittest.TestCase):
    def cell(self, kind, how):
        state = State(kind)
        state.damage(how)
        return state

    def each(self, commands):
        """Runs `commands(kind, how)` for all of the matrix, two at a time."""
        cells = [(kind, how) for kind in KINDS for how in DAMAGES if (kind, how) not in IMPOSSIBLE]
        failures = []

        def one(cell):
            try:
                commands(*cell)
            except Exception as error:
                failures.append(f"{cell[0]} {cell[1]}: {error}")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(one, cells))
        self.assertFalse(failures, "\n\n".join(failures))

    def is_named(self, state, result):
        text = result.out + result.err
        name = state.victim.name
        self.assertTrue(name[:8] in text or (state.kind == "config" and "config" in text),
                        f"{name[:8]} is not named: {result}")

    def opens(self, kind, how):
        """Whether the repository can be opened at all with this damage."""
        return kind in OPENS or (kind, how) == ("key", "duplicate")

    def whole_snapshots(self, kind, how):
        """Those that must restore without a word."""
        if not self.opens(kind, how):
            return []
        if kind in ("lock", "key") or how == "duplicate":
            return list(world.ids)
        if kind == "index" or how == "swap":
            return world.ids[:1]  # the second is the sibling, or its blobs are named by the index too
        return world.ids[:2]

    def test_reading_commands_say_what_is_wrong(self):
        def run(kind, how):
            state = self.cell(kind, how)
            try:
                result = salvor(state.repository, "snapshots", "--no-lock", check=False)
                if not self.opens(kind, how):
                    self.assertIn(result.code, (1, 10, 12), result)
                    if how != "missing" and kind == "config":
                        self.is_named(state, result)
                elif kind != "snapshot":
                    self.assertEqual(result.code, 0, result)
                for snapshot in world.ids:
                    self.restore(state, kind, how, snapshot)
            finally:
                state.close()
        self.each(run)

    def restore(self, state, kind, how, snapshot):
        result, found = restored(state.repository, snapshot, world.source, check=False)
        expected = world.trees[snapshot]
        if snapshot in self.whole_snapshots(kind, how):
            self.assertEqual(result.code, 0, f"restore of {snapshot}: {result}")
        if result.code == 0:
            self.assertEqual(found, expected, f"restore of {snapshot} says it is whole")
            return found
        self.assertGreater(result.code, 0, result)
        for path, entry in found.items():
            # A file that came back is as it was, or was named. Directories above it may have other times.
            if oct(0o100644) == expected[path][0] and entry != expected[path]:
                self.assertIn(path, result.err, f"restore of {snapshot} left a damaged {path}: {result}")
        return found

    def test_check_finds_and_names_all_of_it(self):
        def run(kind, how):
            state = self.cell(kind, how)
            try:
                result = salvor(state.repository, "check", "--read-data", check=False)
                self.assertGreaterEqual(result.code, 0, result)
                if (kind, how) == ("snapshot", "missing"):
                    self.assertEqual(result.code, 0, result)  # as if it had been forgotten
                elif kind == "lock":
                    # The other lock's process is dead; what is left of this one is unreadable, gone or none.
                    self.assertEqual(result.code, 0 if how in ("empty", "missing") else 11, result)
                elif (kind, how) in (("data", "duplicate"), ("tree", "duplicate")):
                    self.assertEqual(result.code, 0, result)  # an orphan
                    self.is_named(state, result)
                else:
                    self.assertIn(result.code, (1, 10, 12), result)
                    if how != "missing" or kind in ("data", "tree"):  # of others only what follows can be named
                        self.is_named(state, result)
                    if kind == "index":
                        self.assertIn("repair index", result.err)
            finally:
                state.close()
        self.each(run)

    def restorable(self, state):
        """(snapshot, path) of all that comes back as it was."""
        there = salvor(state.repository, "snapshots", "--no-lock", "--json", check=False)
        found = set()
        for snapshot in world.ids if there.code == 0 else []:
            _, tree = restored(state.repository, snapshot, world.source, check=False)
            found |= {(snapshot, path) for path, entry in tree.items() if entry == world.trees[snapshot][path]}
        return found

    def test_backup_and_prune_make_nothing_worse(self):
        def run(kind, how):
            before = None
            for command in (["backup", "--pack-size", 4, world.source], ["prune", "--max-unused", 0]):
                state = self.cell(kind, how)
                try:
                    before = before or self.restorable(state)  # the same for both
                    result = salvor(state.repository, *command, check=False)
                    self.assertIn(result.code, (0, 1, 3, 10, 11, 12), result)
                    if result.code not in (0, 3):
                        self.assertTrue(result.err.strip(), result)
                    lost = before - self.restorable(state)
                    self.assertFalse(lost, f"lost by {command[0]}: {result}")
                    if command[0] == "backup" and result.code == 0:
                        self.verify_new_snapshot(state, kind, how)
                finally:
                    state.close()
        self.each(run)

    def verify_new_snapshot(self, state, kind, how):
        """A backup into a damaged repository either heals it for itself or its restore says what is missing."""
        new = [s for s in json.loads(salvor(state.repository, "snapshots", "--no-lock", "--json", check=False).out or "[]")
               if s["id"] not in world.ids]
        for snapshot in new:
            result, found = restored(state.repository, snapshot["id"], world.source, check=False)
            expected = describe(world.source)
            if result.code == 0:
                self.assertEqual(found, expected)
            if kind == "index":
                self.assertEqual(result.code, 0, result)  # what no index named was stored again

    def test_repair_leaves_a_clean_repository_and_all_that_was_whole(self):
        def run(kind, how):
            if not self.opens(kind, how):
                return
            state = self.cell(kind, how)
            try:
                before = self.restorable(state)
                salvor(state.repository, "unlock", "--remove-all")
                if kind in ("data", "tree") and how == "truncate":
                    # repair index would drop it, header and all that is left of it, as restic's does.
                    self.repair_packs(state)
                # As check advises.
                result = salvor(state.repository, "repair", "index", check=False)
                self.assertEqual(result.code, 0, result)
                self.repair_packs(state)
                if kind == "snapshot" and how != "missing":
                    # Nothing can be made of it; whoever removes it says so.
                    for broken in {state.victim.name, *([state.sibling.name] if how == "swap" else [])}:
                        (state.repository / "snapshots" / broken).unlink()
                result = salvor(state.repository, "repair", "snapshots", "--forget", check=False)
                self.assertEqual(result.code, 0, result)
                if kind == "key":
                    state.victim.unlink()
                result = salvor(state.repository, "check", "--read-data", check=False)
                self.assertEqual(result.code, 0, result)
                result = restic(state.repository, "check", "--read-data", check=False)
                self.assertEqual(result.code, 0, result)
                kept = self.whole_after_repair(state)
                lost = {path for snapshot, path in before if path not in kept[snapshot]} if before else set()
                self.assertFalse(lost, "lost by repair")
            finally:
                state.close()
        self.each(run)

    def repair_packs(self, state):
        report = salvor(state.repository, "check", "--read-data", "--json", check=False)
        broken = json.loads(report.out.strip().splitlines()[-1]).get("broken_packs") or []
        if broken:
            salvor(state.repository, "repair", "packs", *broken, check=False, cwd=state.dir)

    def whole_after_repair(self, state):
        """Snapshot -> paths that come back as they were, from it or from the one that took its place."""
        kept = {snapshot: set() for snapshot in world.ids}
        for entry in salvor.json(state.repository, "snapshots"):
            original = entry.get("original", entry["id"])
            if original not in kept:
                continue
            _, tree = restored(state.repository, entry["id"], world.source, check=False)
            kept[original] |= {path for path, what in tree.items() if what == world.trees[original].get(path)}
        return kept


if __name__ == "__main__":
    unittest.main()
