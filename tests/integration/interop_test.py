"""Side by side with restic: each reads, checks, restores, prunes, copies and continues what the other wrote, sees the
other's locks and opens the other's keys; in format versions 1 and 2, in a directory and on S3.

Runs against the restic in PATH and those that SALVOR_RESTICS names (paths, separated by colons). S3 is Ceph's gateway, or
the endpoint in SALVOR_TEST_S3 ("URL ACCESS SECRET").
"""
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from harness import BIN, SOURCE, wait_for
from repositories import PASSWORD, describe, has, noise, objects, restics, restored, rewrite, salvor, scratch, snapshots, write
from s3 import S3Service

BERLIN = {"TZ": "Europe/Berlin"}
JULY, JANUARY, NIGHT_OF_CHANGE = 1_783_000_000_123_456_789, 1_768_000_000_500_000_000, 1_761_442_200_000_000_000

service = None


def tearDownModule():
    if service:
        service.close()


class Place:
    """Where repositories are: `new()` is the URL of one that is not there yet."""
    def __init__(self, kind):
        global service
        self.kind = kind
        if kind == "s3" and service is None:
            service = S3Service()

    def new(self):
        if self.kind == "directory":
            return str(scratch("interop") / "repository")
        return f"s3:{service.endpoint}/{service.new_path()}"

    def env(self):
        return service.env() if self.kind == "s3" else {}


def odd_directory(root, version):
    """Everything that a file system has to offer."""
    write(root / "text", "text\n" * 10_000)
    write(root / "empty", "")
    write(root / "large", noise(7, 9_000_000))
    write(root / "sub" / "deep" / "script", "#!/bin/sh\n", 0o755)
    (root / "sub" / "nothing").mkdir()
    for name in ('na"me\\x', "new\nline", "tab\t", "a<b>&c", "caf\u00e9", "nbsp\u00a0", "\u3000wide", "\ue000private", " "):
        write(root / "names" / name, name)
    with open(os.fsencode(root / "names") + b"/bad\xff\xfeutf8", "wb") as file:
        file.write(b"x")
    os.symlink("text", root / "link")
    if version >= (0, 16):  # before, restic kept a target only as far as it was UTF-8
        os.symlink(b"to\xffnowhere", os.fsencode(root) + b"/bad-link")
    os.link(root / "text", root / "hard")
    os.mkfifo(root / "fifo")
    if os.geteuid() == 0:
        os.mknod(root / "device", 0o600 | stat.S_IFBLK, os.makedev(7, 99))
        os.mknod(root / "character", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.chown(root / "sub" / "deep", 1234, 54321)
    with open(root / "sparse", "wb") as file:
        file.truncate(3_000_000)
    write(root / "setuid", "s", 0o4755)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    for index, name in enumerate(("user.b", "user.a", "user.empty")):
        os.setxattr(root / "text", name, b"\0\1" * index)
    os.setxattr(root / "sub", "user.directory", b"x")
    for name, when in (("text", JULY), ("empty", JANUARY), ("large", NIGHT_OF_CHANGE), ("sub", JULY), ("setuid", 1)):
        os.utime(root / name, ns=(when, when))


class Interop:
    """The scenarios; the classes below fill in restic, format version and place."""
    restic, version, kind = None, 2, "directory"

    @classmethod
    def setUpClass(cls):
        cls.place = Place(cls.kind)
        # Not in memory: older kernels have no user attributes there.
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="salvor-interop-"))
        cls.source = cls.dir / "source"
        odd_directory(cls.source, cls.restic.version)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def run_tool(self, tool, *arguments, **more):
        return tool(*arguments, **{**more, "env": {**self.place.env(), **BERLIN, **more.get("env", {})}})

    def ours(self, *arguments, **more):
        return self.run_tool(salvor, *arguments, **more)

    def theirs(self, *arguments, **more):
        return self.run_tool(self.restic, *arguments, **more)

    def init(self, tool):
        repository = self.place.new()
        self.run_tool(tool, repository, "init", "--repository-version", self.version)
        return repository

    def backup(self, tool, repository, *more):
        # Relative: above it are directories that others change all the time.
        result = self.run_tool(tool, repository, "backup", "--json", *more, "source", cwd=self.dir)
        return json.loads(result.out.strip().splitlines()[-1])

    def both_find_it_clean(self, repository, password=PASSWORD):
        for tool in (salvor, self.restic):
            result = self.run_tool(tool, repository, "check", "--read-data", password=password)
            self.assertNotIn("error", result.err.lower().replace("no errors", ""), result)

    def both_restore(self, repository, snapshot, expected):
        for tool in (salvor, self.restic):
            _, found = restored(repository, snapshot, "source", tool=tool, env={**self.place.env(), **BERLIN})
            self.assertEqual(found, expected, f"restored by {tool.name}")

    def snapshots(self, repository, tool=salvor):
        return snapshots(repository, tool=tool, env={**self.place.env(), **BERLIN})

    def test_nothing_is_new_to_the_one_after_the_other(self):
        for first, second in ((salvor, self.restic), (self.restic, salvor)):
            repository = self.init(first)
            before = self.backup(first, repository)
            after = self.backup(second, repository)
            for count in ("files_new", "files_changed", "dirs_new", "dirs_changed", "data_blobs", "tree_blobs", "data_added"):
                self.assertEqual(after[count], 0, f"{count} by {second.name} after {first.name}: {after}")
            self.assertEqual(after["files_unmodified"], before["files_new"])
            trees = {json.loads(self.ours(repository, "cat", "snapshot", s).out)["tree"] for s in self.snapshots(repository)}
            self.assertEqual(len(trees), 1)
            for snapshot in self.snapshots(repository):
                self.both_restore(repository, snapshot, describe(self.source))
            self.both_find_it_clean(repository)

    def test_prune_after_prune(self):
        tools = [salvor, self.restic]
        repository = self.init(tools[self.version % 2])
        expected = {}
        changing = self.source / "changing"
        for generation in range(6):
            shutil.rmtree(changing, ignore_errors=True)
            write(changing / "a", noise(generation, 1_500_000))
            write(changing / "b", noise(generation // 3, 700_000))
            write(changing / "text", f"{generation}\n" * 50_000)
            writer, pruner = tools[generation % 2], tools[(generation + 1) % 2]
            self.backup(writer, repository, "--pack-size", 4)
            newest = [s for s in self.snapshots(repository) if s not in expected][0]
            expected[newest] = describe(self.source)
            self.run_tool(pruner, repository, "forget", "--keep-last", 3, "--prune", "--max-unused", 0)
            expected = {s: expected[s] for s in self.snapshots(repository)}
            self.assertLessEqual(len(expected), 3)
            self.assertEqual(self.snapshots(repository), self.snapshots(repository, self.restic))
            self.both_find_it_clean(repository)
        for snapshot, tree in expected.items():
            self.both_restore(repository, snapshot, tree)
        shutil.rmtree(changing)

    @unittest.skipUnless(has("copy"), "there is no command copy")
    def test_copies_of_copies(self):
        first = self.init(salvor)
        self.backup(self.restic, first)
        expected = describe(self.source)
        second, third = self.place.new(), self.place.new()
        from_first = {"RESTIC_FROM_PASSWORD": PASSWORD, "RESTIC_FROM_REPOSITORY": first}
        from_second = {"RESTIC_FROM_PASSWORD": PASSWORD, "RESTIC_FROM_REPOSITORY": second}
        self.theirs(second, "init", "--copy-chunker-params", "--repository-version", self.version, env=from_first)
        self.ours(second, "copy", env=from_first)
        self.ours(third, "init", "--copy-chunker-params", "--repository-version", self.version, env=from_second)
        self.theirs(third, "copy", env=from_second)
        for repository in (second, third):
            self.both_find_it_clean(repository)
            self.both_restore(repository, "latest", expected)
            # What was copied already is not copied again, by either.
            source = from_first if repository == second else from_second
            self.ours(repository, "copy", env=source)
            self.theirs(repository, "copy", env=source)
            self.assertEqual(len(self.snapshots(repository)), 1)
        # Chunker parameters and with them cuts were copied.
        self.assertEqual(self.backup(salvor, third)["data_blobs"], 0)

    @unittest.skipUnless(has("rewrite"), "there is no command rewrite")
    def test_rewriting_each_others_trees_changes_only_what_is_asked(self):
        if self.restic.version < (0, 15):
            self.skipTest("restic cannot rewrite before 0.15")
        for writer, rewriter in ((salvor, self.restic), (self.restic, salvor)):
            repository = self.init(salvor)
            self.backup(writer, repository)
            before = self.snapshots(repository)
            # Encodes every tree anew, and gives up when one would not be the same.
            self.run_tool(rewriter, repository, "rewrite", "--exclude", "matches-nothing")
            self.assertEqual(self.snapshots(repository), before)
            self.run_tool(rewriter, repository, "rewrite", "--exclude", "large", "--forget")
            expected = {path: entry for path, entry in describe(self.source).items() if path != "large"}
            self.both_restore(repository, "latest", expected)
            self.both_find_it_clean(repository)

    @unittest.skipUnless(has("repair"), "there is no command repair")
    def test_repairs_of_each_other_are_clean_to_the_other(self):
        if self.kind != "directory" or self.restic.version < (0, 17):
            self.skipTest("damage is done to files, and repaired since restic 0.17")
        for repairing in (salvor, self.restic):
            repository = self.init(salvor)
            for tool in (salvor, self.restic):
                self.backup(tool, repository, "--force", "--pack-size", 4)
            expected = describe(self.source)
            objects(repository, "index")[0].unlink()
            self.run_tool(repairing, repository, "repair", "index")
            self.both_find_it_clean(repository)
            self.both_restore(repository, "latest", expected)
            pack = max(objects(repository, "data"), key=lambda p: p.stat().st_size)
            data = bytearray(pack.read_bytes())
            data[100] ^= 1
            rewrite(pack, bytes(data))
            self.run_tool(repairing, repository, "repair", "packs", pack.name, check=False, cwd=scratch("salvaged"))
            self.run_tool(repairing, repository, "repair", "snapshots", "--forget")
            self.both_find_it_clean(repository)
            _, found = restored(repository, "latest", "source", env=BERLIN)
            lost = {path for path, entry in expected.items() if found.get(path) != entry}
            self.assertLessEqual(lost, {"large"})

    def test_keys(self):
        repository = self.init(self.restic)
        self.backup(salvor, repository)
        passwords = self.dir / "password"
        passwords.write_text("zwei\n")
        self.ours(repository, "key", "add", "--new-password-file", passwords)
        self.assertEqual(len(self.snapshots(repository)), 1)
        self.theirs(repository, "snapshots", password="zwei")
        passwords.write_text("drei\n")
        self.theirs(repository, "key", "passwd", "--new-password-file", passwords, password="zwei")
        self.ours(repository, "snapshots", password="drei")
        self.assertEqual(self.ours(repository, "snapshots", password="zwei", check=False).code, 12)
        passwords.write_text("vier\n")
        self.ours(repository, "key", "passwd", "--new-password-file", passwords, password="drei")
        self.theirs(repository, "snapshots", password="vier")
        listed = self.run_tool(salvor, repository, "key", "list", "--json", password="vier").out
        other = [key["id"] for key in json.loads(listed) if not key["current"]]
        self.ours(repository, "key", "remove", other[0], password="vier")
        self.assertNotEqual(self.theirs(repository, "snapshots", check=False).code, 0)
        self.both_find_it_clean(repository, password="vier")

    def holder(self, tool, repository):
        """A backup that holds its lock until it is closed."""
        process = subprocess.Popen([*tool.argv, "--no-cache", "-r", repository, "backup", "--stdin"], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, **self.place.env(), "RESTIC_PASSWORD": PASSWORD, "HOME": "/nonexistent"})
        wait_for(f"the lock of {tool.name}",
                 lambda: self.ours(repository, "list", "locks", "--no-lock", check=False).out.strip(), timeout=30)
        return process

    def test_locks(self):
        for holding, asking in ((salvor, self.restic), (self.restic, salvor)):
            repository = self.init(salvor)
            self.backup(salvor, repository)
            holder = self.holder(holding, repository)
            try:
                for command in (["forget", "--keep-last", 1], ["prune"], ["check"]):
                    refused = self.run_tool(asking, repository, *command, check=False)
                    self.assertIn(refused.code, (1, 11), refused)
                    self.assertIn("locked", refused.err)
                # Others may add and read at the same time.
                self.backup(asking, repository)
                self.run_tool(asking, repository, "ls", "latest")
            finally:
                holder.stdin.write(b"data")
                holder.stdin.close()
                self.assertEqual(holder.wait(), 0)
            self.run_tool(asking, repository, "check")
            self.assertEqual(self.ours(repository, "list", "locks", "--no-lock").out.strip(), "")
            # A killed one leaves its lock, which unlock of the other removes.
            holder = self.holder(holding, repository)
            holder.kill()
            holder.communicate()
            self.run_tool(asking, repository, "unlock")
            self.run_tool(asking, repository, "check")

    def test_policies_decide_alike(self):
        repository = self.init(salvor)
        small = self.dir / "small"
        write(small / "file", "x")
        for day in range(0, 400, 23):
            when = f"{2025 + day // 360}-{1 + day % 360 // 30:02}-{1 + day % 30 % 28:02} {day % 24:02}:30:00"
            tool = (salvor, self.restic)[day % 2]
            self.run_tool(tool, repository, "backup", "--time", when, "--tag", f"t{day % 3}", small)
        policies = [["--keep-last", 3], ["--keep-within", "2m10d"], ["--keep-tag", "t1", "--keep-last", 1]]
        if self.restic.version >= (0, 17):  # before, the oldest snapshot did not stand in for periods to come
            policies += [["--keep-daily", 2, "--keep-weekly", 3, "--keep-monthly", 4, "--keep-yearly", 5],
                         ["--keep-hourly", 1], ["--keep-within-monthly", "1y", "--group-by", "tags"]]
        for policy in policies:
            decisions = []
            for tool in (salvor, self.restic):
                groups = json.loads(self.run_tool(tool, repository, "forget", "--dry-run", "--json", *policy).out)
                decisions.append(sorted((sorted(s["id"] for s in group["keep"] or []),
                                         sorted(s["id"] for s in group["remove"] or [])) for group in groups))
            self.assertEqual(decisions[0], decisions[1], policy)
        shutil.rmtree(small)


for tool in restics():
    for version in (1, 2):
        for kind in ("directory", "s3"):
            name = f"{tool.name}_v{version}_{kind}".translate(str.maketrans(" -.", "___"))
            globals()[name] = type(name, (Interop, unittest.TestCase),
                                   {"restic": tool, "version": version, "kind": kind})


if __name__ == "__main__":
    unittest.main()
