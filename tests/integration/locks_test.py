"""Which command takes which lock, what happens to those who come together, and that no dead process stops a job."""
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import unittest

from harness import BIN, wait_for
from repositories import PASSWORD, describe, has, noise, objects, restic, restored, salvor, scratch, snapshots, write

world = None


class World:
    def __init__(self):
        self.dir = scratch("locks")
        self.source, self.repository, self.other = (self.dir / name for name in ("source", "repository", "other"))
        self.password_file = self.dir / "password"
        self.password_file.write_text(PASSWORD)
        self.other_password_file = self.dir / "other-password"
        self.other_password_file.write_text("another")
        write(self.source / "file", noise(1, 100_000))
        for repository in (self.repository, self.other):
            salvor(repository, "init")
            salvor(repository, "backup", self.source)
        self.snapshot = snapshots(self.repository)[0]
        # Locks of restic, killed: we believe no host name, so only their age makes them stale.
        self.shared = self.abandoned("backup", "--stdin")
        self.exclusive = self.abandoned("prune")

    def abandoned(self, *command):
        process = subprocess.Popen(["restic", "--no-cache", "-r", self.repository, *command], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "RESTIC_PASSWORD": PASSWORD, "HOME": "/nonexistent"})
        lock = wait_for(f"the lock of restic {command[0]}", lambda: objects(self.repository, "locks"))[0]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        lock = objects(self.repository, "locks")[0]
        content = lock.name, lock.read_bytes()
        lock.unlink()
        return content


def setUpModule():
    global world
    world = World()


READ = {
    "snapshots": ["snapshots"], "ls": ["ls", "latest"], "find": ["find", "file"], "diff": ["diff", "latest", "latest"],
    "dump": ["dump", "latest", "{source}/file"], "stats": ["stats"], "cat": ["cat", "config"], "list": ["list", "packs"],
    "key list": ["key", "list"], "restore": ["restore", "latest", "--target", "{target}"],
}
APPEND = {
    "backup": ["backup", "{source}"], "key add": ["key", "add", "--new-password-file", "{password}"],
    "copy": ["copy", "--from-repo", "{other}", "--from-password-file", "{password}"],
    "rewrite": ["rewrite", "--exclude", "nothing-like-it"],
}
EXCLUSIVE = {
    "forget": ["forget", "--keep-last", "1"], "prune": ["prune"], "check": ["check"], "tag": ["tag", "--add", "t"],
    "key remove": ["key", "remove", "{extra key}"], "key passwd": ["key", "passwd", "--new-password-file", "{password}"],
    "recover": ["recover"], "repair index": ["repair", "index"], "repair packs": ["repair", "packs", "{pack}"],
    "repair snapshots": ["repair", "snapshots"], "migrate": ["migrate", "upgrade_repo_v2"],
    "rewrite --forget": ["rewrite", "--forget", "--exclude", "nothing-like-it"],
}
NONE = {
    "unlock": ["unlock"], "list locks": ["list", "locks"], "backup --dry-run": ["backup", "--dry-run", "{source}"],
    "version": ["version"],
}
NO_LOCK_NEEDS_DRY_RUN = {"forget": ["forget", "--keep-last", "1"], "prune": ["prune"]}


class Table(unittest.TestCase):
    def run_under(self, lock, command, *more):
        directory = scratch("table")
        try:
            repository = directory / "repository"
            shutil.copytree(world.repository, repository)
            words = {"{source}": str(world.source), "{target}": str(directory / "target"), "{other}": str(world.other),
                     "{password}": str(world.password_file), "{source}/file": f"{world.source}/file",
                     "{pack}": objects(repository, "data")[0].name}
            if "{extra key}" in command:
                before = objects(repository, "keys")
                salvor(repository, "key", "add", "--new-password-file", world.other_password_file)
                words["{extra key}"] = [k.name for k in objects(repository, "keys") if k not in before][0]
            if lock:
                (repository / "locks").mkdir(exist_ok=True)
                (repository / "locks" / lock[0]).write_bytes(lock[1])
            before = {path: path.read_bytes() for kind in ("data", "index", "snapshots", "keys")
                      for path in objects(repository, kind)}
            result = salvor(repository, *more, *(words.get(word, word) for word in command), check=False)
            if result.code == 11:
                self.assertIn("locked", result.err)
                after = {path: path.read_bytes() for kind in ("data", "index", "snapshots", "keys")
                         for path in objects(repository, kind)}
                self.assertEqual(before, after, f"{command} was refused and yet changed something")
                self.assertEqual([p.name for p in objects(repository, "locks")], [lock[0]], "a refused lock stays behind")
            elif command != NONE["unlock"]:
                self.assertEqual([p.name for p in objects(repository, "locks")], [lock[0]] if lock else [])
            return result.code
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def test_of_shared_and_exclusive_locks(self):
        for commands, under_none, under_shared, under_exclusive in ((READ, 0, 0, 11), (APPEND, 0, 0, 11),
                                                                    (EXCLUSIVE, 0, 11, 11), (NONE, 0, 0, 0)):
            for name, command in commands.items():
                if not has(command[0]):
                    continue
                with self.subTest(name):
                    under = [self.run_under(lock, command) for lock in (None, world.shared, world.exclusive)]
                    self.assertEqual(under, [under_none, under_shared, under_exclusive])

    def test_reading_needs_none_when_told_so(self):
        for name, command in READ.items():
            with self.subTest(name):
                self.assertEqual(self.run_under(world.exclusive, command, "--no-lock"), 0)
        for name, command in NO_LOCK_NEEDS_DRY_RUN.items():
            with self.subTest(name):
                self.assertEqual(self.run_under(world.exclusive, command, "--no-lock"), 1)
                self.assertEqual(self.run_under(world.exclusive, [*command, "--dry-run"], "--no-lock"), 0)


class Together(unittest.TestCase):
    def setUp(self):
        self.dir = scratch("together")
        self.repository = self.dir / "repository"
        salvor(self.repository, "init")

    def source(self, number, size=3_000_000):
        source = self.dir / f"source{number}"
        write(source / "own", noise(number, size))
        write(source / "shared", noise(0, 2_000_000))
        return source

    def assert_whole(self, sources):
        """Every snapshot restores what its source is."""
        self.assertEqual(salvor(self.repository, "check", "--read-data").code, 0)
        self.assertEqual(restic(self.repository, "check").code, 0)
        for entry in salvor.json(self.repository, "snapshots"):
            _, found = restored(self.repository, entry["id"], entry["paths"][0])
            self.assertEqual(found, describe(entry["paths"][0]), entry["id"])
        self.assertEqual(objects(self.repository, "locks"), [])

    def test_backups_into_one_repository(self):
        sources = [self.source(number) for number in range(1, 6)]
        results = {}

        def backup(tool, source):
            results[source] = tool(self.repository, "backup", source, check=False)
        threads = [threading.Thread(target=backup, args=(restic if i == 0 else salvor, s)) for i, s in enumerate(sources)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for source, result in results.items():
            self.assertEqual(result.code, 0, f"{source}: {result}")
        self.assertEqual(len(snapshots(self.repository)), 5)
        self.assert_whole(sources)

    def test_backups_and_prunes_refuse_or_wait_for_each_other(self):
        sources = [self.source(number, 1_000_000) for number in range(1, 4)]
        done = threading.Event()
        codes = {"backup": [], "prune": [], "patient": []}

        def prune():
            while not done.is_set():
                codes["prune"].append(salvor(self.repository, "forget", "--keep-last", 2, "--prune", "--max-unused", 0,
                                             "--group-by", "paths", check=False).code)
        pruner = threading.Thread(target=prune)
        pruner.start()
        try:
            for round in range(3):
                for source in sources:
                    write(source / "own", noise(100 * round + int(source.name[-1]), 1_000_000))
                    codes["backup"].append(salvor(self.repository, "backup", source, check=False).code)
                    codes["patient"].append(salvor(self.repository, "--retry-lock", "60s", "backup", source, check=False).code)
        finally:
            done.set()
            pruner.join()
        self.assertLessEqual(set(codes["backup"]) | set(codes["prune"]), {0, 11}, codes)
        self.assertEqual(set(codes["patient"]), {0}, codes)
        self.assertIn(0, codes["prune"])
        salvor(self.repository, "forget", "--keep-last", 1, "--prune", "--max-unused", 0, "--group-by", "paths")
        self.assert_whole(sources)

    def test_a_killed_job_does_not_stop_the_next(self):
        source = self.source(1)
        holder = subprocess.Popen([BIN / "salvor", "repo", "-r", self.repository, "backup", "--stdin"], stdin=subprocess.PIPE,
                                  env={**os.environ, "RESTIC_PASSWORD": PASSWORD}, stdout=subprocess.DEVNULL)
        wait_for("the lock", lambda: objects(self.repository, "locks"))
        self.assertEqual(salvor(self.repository, "prune", check=False).code, 11)
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        self.assertEqual(len(objects(self.repository, "locks")), 1)
        result = salvor(self.repository, "prune")
        self.assertIn("stale", result.err)
        salvor(self.repository, "backup", source)
        self.assert_whole([source])

    def test_an_interrupted_job_takes_its_lock_away(self):
        holder = subprocess.Popen([BIN / "salvor", "repo", "-r", self.repository, "backup", "--stdin"], stdin=subprocess.PIPE,
                                  env={**os.environ, "RESTIC_PASSWORD": PASSWORD}, stdout=subprocess.DEVNULL)
        wait_for("the lock", lambda: objects(self.repository, "locks"))
        holder.send_signal(signal.SIGTERM)
        try:
            self.assertEqual(holder.wait(timeout=30), 130)
        finally:
            holder.kill()
            holder.communicate()
        self.assertEqual(objects(self.repository, "locks"), [])


class Signals(unittest.TestCase):
    def test_a_backup_that_waits_for_its_input_ends_when_it_is_told_to_and_leaves_no_lock(self):
        for command in (["--stdin"], ["--stdin-from-command", "--", "sleep", "1000"]):
            process = subprocess.Popen([BIN / "salvor", "repo", "--no-cache", "-r", world.repository, "backup", *command],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env={**os.environ, "RESTIC_PASSWORD": PASSWORD})
            try:
                wait_for("the backup's lock", lambda: objects(world.repository, "locks"))
                process.terminate()
                self.assertEqual(process.wait(30), 130, command)
                self.assertFalse(objects(world.repository, "locks"), command)
            finally:
                process.kill()
                process.communicate()


if __name__ == "__main__":
    unittest.main()
