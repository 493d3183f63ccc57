"""The real binary, killed for real: SIGKILL right after its n-th change to a repository, for every n of every command
that changes one. Then our check and restic's are clean but for reported orphans, every earlier snapshot restores byte for
byte, the dead process's lock stops nobody, and the same command run again finishes the work.

kill_at.c, preloaded, is the killer. SALVOR_TEST_WHOLE=1 enumerates everything, down to single system calls; otherwise
each command is sampled.
"""
import concurrent.futures
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from harness import BIN
from repositories import (PASSWORD, WHOLE, describe, has, noise, objects, restic, restored, rewrite, salvor, scratch,
                          snapshots, write)
from s3 import Killer, S3Service

KILLER = pathlib.Path(os.environ["SALVOR_KILL_AT"]).resolve() if "SALVOR_KILL_AT" in os.environ else None
SAMPLES = 4  # kills of a command when not whole

world = None


class World:
    """A repository with three snapshots, made once and copied for each kill."""

    def __init__(self, version=2):
        self.dir = scratch("kill")
        self.source, self.repository, self.other = (self.dir / name for name in ("source", "repository", "other"))
        self.passwords = self.dir / "new-password"
        self.passwords.write_text("neu\n")
        self.trees = {}  # snapshot id -> description
        salvor(self.repository, "init", "--repository-version", version)
        salvor(self.other, "init", "--repository-version", version)
        self.index = []  # names of the files that each backup added
        for generation in range(3):
            self.fill(generation)
            salvor(self.repository, "backup", "--pack-size", 4, self.source)
            self.index += [p.name for p in objects(self.repository, "index") if p.name not in self.index]
            newest = [s for s in snapshots(self.repository) if s not in self.trees]
            self.trees[newest[0]] = describe(self.source)
        self.fill(3)  # what `backup` will save
        self.now = describe(self.source)
        self.ids = list(self.trees)

    def fill(self, generation):
        write(self.source / "same", noise(1, 700_000))
        write(self.source / "text", f"generation {generation}\n" * 1000)
        write(self.source / f"dir{generation}" / "large", noise(100 + generation, 5_000_000))
        write(self.source / "deep" / "down" / "file", f"{generation}")
        if generation:
            shutil.rmtree(self.source / f"dir{generation - 1}")


def setUpModule():
    global world
    world = World()


def needs(command):
    return unittest.skipUnless(has(command), f"there is no command {command}")


class State:
    """A copy of the repositories, in which one command is killed."""

    def __init__(self, prepare=None):
        self.dir = scratch("state")
        self.repository, self.other = self.dir / "repository", self.dir / "other"
        shutil.copytree(world.repository, self.repository)
        shutil.copytree(world.other, self.other)
        self.report = self.dir / "report"
        self.source = world.source
        self.whole = dict(world.trees)  # what must restore afterwards
        self.may_go = set()             # snapshots that the command removes
        self.invents = False            # it makes snapshots of trees that never were
        if prepare:
            prepare(self)

    def run(self, command, level="objects", kill_at=None):
        environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD, "RESTIC_FROM_PASSWORD": PASSWORD, "HOME": "/nonexistent",
                       "RESTIC_CACHE_DIR": "/nonexistent", "LD_PRELOAD": str(KILLER), "KILL_AT_LEVEL": level,
                       "KILL_AT_ROOT": str(self.dir), "KILL_AT_REPORT": str(self.report)}
        if kill_at is not None:
            environment["KILL_AT"] = str(kill_at)
        argv = [str(BIN / "salvor"), "repo", "--no-cache", *map(str, command(self))]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, cwd=self.dir)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Kill(unittest.TestCase):
    def enumerate(self, command, prepare=None, damaged=False, clean_after=True, password=PASSWORD, target="repository"):
        """`command(state)` is the command line. `damaged`: what `prepare` left is not clean before the command ends;
        unless `clean_after`, not even then."""
        for level in ("objects", "calls") if WHOLE else ("objects",):
            state = State(prepare)
            done = state.run(command, level)
            self.assertEqual(done.returncode, 0, done.stderr)
            changes = state.report.read_text().splitlines()
            self.verify(state, "not killed", not clean_after, password, target)
            state.close()
            self.assertGreaterEqual(len(changes), 2, changes)  # at least the lock
            steps = list(range(1, len(changes) + 1))
            if not WHOLE and len(steps) > SAMPLES:
                steps = sorted({steps[i * (len(steps) - 1) // (SAMPLES - 1)] for i in range(SAMPLES)})
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                kills = [pool.submit(self.one_kill, command, prepare, level, n, damaged, clean_after, password, target)
                         for n in steps]
                for kill in kills:
                    kill.result()
            print(f"{self.id().split('.')[-1]}: {len(steps)} of {len(changes)} {level}", flush=True)

    def one_kill(self, command, prepare, level, n, damaged, clean_after, password, target):
        state = State(prepare)
        try:
            done = state.run(command, level, kill_at=n)
            if done.returncode != -signal.SIGKILL:
                # Threads make the number of changes vary by a few.
                self.assertEqual(done.returncode, 0, done.stderr)
            changes = state.report.read_text().splitlines()
            what = f"killed after {level} {n}: {changes[-1]}"
            # What was damaged before may be unreadable until the repair is done.
            self.verify(state, what, damaged, password, target, restore=not damaged)
            again = state.run(command)
            if again.returncode != 0:
                # What is done cannot always be done again: a key or snapshot is gone by then.
                self.assertIn(again.returncode, (1, 12), f"{what}: {again.stderr}")
                self.assertRegex(again.stderr, "no matching ID|no snapshot|wrong password|not found|neither stored nor in the index", what)
            self.verify(state, f"{what}, then run again", not clean_after, password, target, restore=WHOLE or damaged)
        finally:
            state.close()

    def verify(self, state, what, damaged, password, target, restore=True):
        repository = getattr(state, target)
        candidates = [PASSWORD] if password == PASSWORD else [PASSWORD, password]
        opening = [p for p in candidates if salvor(repository, "snapshots", "--no-lock", password=p, check=False).code == 0]
        self.assertTrue(opening, f"{what}: no password opens the repository any more")
        if not damaged:
            for tool, more in ((salvor, ["--read-data"]), (restic, ["--no-lock"])):
                result = tool(repository, "check", *more, check=False, password=opening[0])
                self.assertEqual(result.code, 0, f"{what}: {result}")
        there = snapshots(repository, password=opening[0])
        if target == "repository":
            missing = set(state.whole) - set(there) - state.may_go
            self.assertFalse(missing, f"{what}: snapshots are gone")
        known_damage = set(world.trees) - set(state.whole)
        for snapshot in set(there) - known_damage if restore else []:
            result, found = restored(repository, snapshot, state.source, check=False, password=opening[0])
            self.assertEqual(result.code, 0, f"{what}: restore of {snapshot}: {result}")
            if snapshot in state.whole:
                self.assertEqual(found, state.whole[snapshot], f"{what}: {snapshot}")
            elif not state.invents:
                self.assertIn(found, [*world.trees.values(), world.now], f"{what}: {snapshot}")

    # --- commands that add ---
    def test_backup(self):
        self.enumerate(lambda s: ["-r", s.repository, "backup", "--pack-size", 4, world.source])

    def test_tag(self):
        def prepare(state):
            state.may_go = set(state.whole)
        self.enumerate(lambda s: ["-r", s.repository, "tag", "--add", "kept"], prepare)

    @needs("copy")
    def test_copy(self):
        self.enumerate(lambda s: ["-r", s.other, "copy", "--from-repo", s.repository, "--pack-size", 4], target="other")

    # --- commands that remove ---
    def test_forget(self):
        def prepare(state):
            state.may_go = set(world.ids[:2])
        self.enumerate(lambda s: ["-r", s.repository, "forget", "--keep-last", 1], prepare)

    def test_forget_and_prune(self):
        def prepare(state):
            state.may_go = set(world.ids[:2])
        self.enumerate(lambda s: ["-r", s.repository, "forget", "--keep-last", 1, "--prune", "--max-unused", 0], prepare)

    def test_prune(self):
        def prepare(state):
            salvor(state.repository, "forget", world.ids[1])
            del state.whole[world.ids[1]]
        self.enumerate(lambda s: ["-r", s.repository, "prune", "--max-unused", 0, "--pack-size", 4], prepare)

    # --- keys ---
    def test_key_add(self):
        self.enumerate(lambda s: ["-r", s.repository, "key", "add", "--new-password-file", world.passwords])

    def test_key_passwd(self):
        self.enumerate(lambda s: ["-r", s.repository, "key", "passwd", "--new-password-file", world.passwords], password="neu")

    def test_key_remove(self):
        def prepare(state):
            before = set(objects(state.repository, "keys"))
            salvor(state.repository, "key", "add", "--new-password-file", world.passwords)
            state.key = (set(objects(state.repository, "keys")) - before).pop().name
        self.enumerate(lambda s: ["-r", s.repository, "key", "remove", s.key], prepare)

    # --- repairs ---
    def pack_of_newest(self, state):
        index = [i for i in objects(state.repository, "index") if i.name == world.index[2]][0]
        document = json.loads(salvor(state.repository, "cat", "index", index.name).out)
        return [p["id"] for p in document["packs"] if p["blobs"][0]["type"] == "data"][0]

    def lose_a_pack(self, state):
        pack = self.pack_of_newest(state)
        (state.repository / "data" / pack[:2] / pack).unlink()
        del state.whole[world.ids[2]]

    @needs("repair")
    def test_repair_index_after_a_lost_index_file(self):
        def prepare(state):
            (state.repository / "index" / world.index[2]).unlink()
            state.whole = {s: state.whole[s] for s in world.ids[:2]}
        self.enumerate(lambda s: ["-r", s.repository, "repair", "index"], prepare, damaged=True)

    @needs("repair")
    def test_repair_index_after_a_damaged_index_file_and_from_scratch(self):
        def prepare(state):
            path = state.repository / "index" / world.index[1]
            rewrite(path, path.read_bytes()[:-1])
        self.enumerate(lambda s: ["-r", s.repository, "repair", "index", "--read-all-packs"], prepare, damaged=True)

    @needs("repair")
    def test_repair_packs(self):
        def prepare(state):
            state.pack = self.pack_of_newest(state)
            path = state.repository / "data" / state.pack[:2] / state.pack
            data = bytearray(path.read_bytes())
            data[100] ^= 1
            rewrite(path, bytes(data))
            del state.whole[world.ids[2]]
        self.enumerate(lambda s: ["-r", s.repository, "repair", "packs", s.pack], prepare, damaged=True, clean_after=False)

    @needs("repair")
    def test_repair_snapshots(self):
        def prepare(state):
            self.lose_a_pack(state)
            salvor(state.repository, "repair", "index")
            state.invents = True
        self.enumerate(lambda s: ["-r", s.repository, "repair", "snapshots", "--forget"], prepare, damaged=True)

    # --- rewriting ---
    @needs("rewrite")
    def test_rewrite(self):
        def prepare(state):
            state.may_go, state.invents = set(state.whole), True
        self.enumerate(lambda s: ["-r", s.repository, "rewrite", "--forget", "--exclude", "text"], prepare)

    @needs("recover")
    def test_recover(self):
        def prepare(state):
            (state.repository / "snapshots" / world.ids[1]).unlink()
            del state.whole[world.ids[1]]
            state.invents = True
        self.enumerate(lambda s: ["-r", s.repository, "recover"], prepare)

    @needs("migrate")
    def test_migrate(self):
        old = World(version=1)

        def prepare(state):
            shutil.rmtree(state.repository)
            shutil.copytree(old.repository, state.repository)
            state.whole, state.source = dict(old.trees), old.source
        self.enumerate(lambda s: ["-r", s.repository, "migrate", "upgrade_repo_v2"], prepare)


class KillOnS3(unittest.TestCase):
    """Here a change may also have happened without the process learning of it."""

    @classmethod
    def setUpClass(cls):
        cls.service = S3Service()
        cls.killer = Killer(cls.service)

    @classmethod
    def tearDownClass(cls):
        cls.killer.close()
        cls.service.close()

    def env(self):
        return {**os.environ, **self.service.env(), "RESTIC_PASSWORD": PASSWORD, "HOME": "/nonexistent"}

    def enumerate(self, *command):
        steps = itertools.count(1)
        while True:
            n = next(steps)
            for when in ("before", "after"):
                path = self.service.new_path()
                direct, proxied = f"s3:{self.service.endpoint}/{path}", f"s3:{self.killer.endpoint}/{path}"
                trees = {}
                salvor(direct, "init", env=self.env())
                for generation in range(2):
                    world.fill(generation)
                    salvor(direct, "backup", "--pack-size", 4, world.source, env=self.env())
                    new = [s for s in snapshots(direct, env=self.env()) if s not in trees]
                    trees[new[0]] = describe(world.source)
                world.fill(2)
                argv = [BIN / "salvor", "repo", "--no-cache", "-r", proxied, *command]
                code, changes, output = self.killer.run(argv, self.env(), n, when)
                self.assertEqual(code, -signal.SIGKILL if n <= changes else 0, output)
                what = f"killed {when} request {n}: {output}"
                for again in range(2):
                    check = salvor(direct, "check", "--read-data", env=self.env(), check=False)
                    self.assertEqual(check.code, 0, f"{what}\n{check}")
                    check = restic(direct, "check", "--no-lock", env=self.env(), check=False)
                    self.assertEqual(check.code, 0, f"{what}\n{check}")
                    there = set(snapshots(direct, env=self.env()))
                    self.assertLessEqual(set(trees) if command[0] == "backup" else {new[0]}, there, what)
                    for snapshot in set(trees) & there:
                        _, found = restored(direct, snapshot, world.source, env=self.env())
                        self.assertEqual(found, trees[snapshot], what)
                    salvor(direct, *command, env=self.env())
            if n > changes:
                print(f"{self.id().split('.')[-1]}: {changes} requests, before and after each", flush=True)
                return
            if not WHOLE:
                for _ in range(changes // 3):
                    next(steps)

    def test_backup(self):
        self.enumerate("backup", "--pack-size", "4", str(world.source))

    def test_forget_and_prune(self):
        self.enumerate("forget", "--keep-last", "1", "--prune", "--max-unused", "0")


if __name__ == "__main__":
    unittest.main()
