"""`salvor repo` in place of `restic`: saves, looks and restores, with restic reading and writing the same repositories.

Runs against every restic that is found: `restic` on PATH and SALVOR_RESTIC (a newer one). REST servers: the real one
(SALVOR_REST_SERVER, restic-rest-server on PATH) or else a small one of this file.
"""
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import tarfile
import tempfile
import threading
import unittest
import zipfile

from harness import BIN, run, wait_for

PASSWORD = "geheim"
SALVOR = [BIN / "salvor", "repo"]


def restics():
    found = [name for name in (shutil.which("restic"), os.environ.get("SALVOR_RESTIC")) if name]
    return [[name, "--no-cache"] for name in found]


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="salvor-repo-"))
        self.addCleanup(self.remove)
        self.source = self.dir / "source"
        self.source.mkdir()
        self.env = {"RESTIC_REPOSITORY": str(self.dir / "repo"), "RESTIC_PASSWORD": PASSWORD, "TZ": "Europe/Berlin",
                    "XDG_CACHE_HOME": str(self.dir / "cache")}
        for name in [name for name in os.environ if name.startswith("RESTIC_")]:
            del os.environ[name]

    def remove(self):
        subprocess.run(["chmod", "-R", "u+w", self.dir], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def tool(self, tool, *arguments, code=0, **more):
        env = {**self.env, **more.pop("env", {})}
        # Directories above an absolute target change with whatever else happens on the machine; "." has none.
        place = ["sh", "-c", 'cd "$0" && exec "$@"', more.pop("cwd", self.dir)]
        result = run(*place, *tool, *arguments, env=env, **more)
        self.assertEqual(result.code, code, f"{arguments}: {result}")
        return result

    def repo(self, *arguments, **more):
        return self.tool(SALVOR, *arguments, **more)

    def refused(self, *arguments, says, code=1, **more):
        result = self.repo(*arguments, code=code, **more)
        self.assertIn(says, result.err, result)
        return result

    def write(self, name, data="x"):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def backup(self, *arguments, **more):
        result = self.repo("backup", "--json", *arguments, **more)
        return [json.loads(line) for line in result.out.splitlines()][-1]

    def listed(self, *arguments):
        return [line for line in self.repo("ls", "-q", "latest", *arguments).out.splitlines() if line]


def describe(root):
    """What a restore must bring back of each file below root."""
    found = {}
    root = os.fsencode(root)
    for directory, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            entry = [oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, status.st_rdev]
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    entry += [status.st_size, hash(file.read()), status.st_nlink]
            if stat.S_ISLNK(status.st_mode):
                entry.append(os.readlink(path))
            if not stat.S_ISFIFO(status.st_mode):
                entry.append(sorted((key, os.getxattr(path, key, follow_symlinks=False))
                                    for key in os.listxattr(path, follow_symlinks=False)))
            found[os.path.relpath(path, root)] = entry
    return found


def make_everything(root):
    """Every type of node, odd names, attributes, hard links, holes and times around a change of the clocks.

    Not what restic 0.14 cannot keep: empty attributes, and link targets that are no UTF-8.
    """
    root = os.fsencode(root)
    join = lambda *names: os.path.join(root, *names)
    os.makedirs(join(b"deep", b"er"))
    for name in (b"plain", b"new\nline", b"bad\xff\xfeutf8", b"caf\xc3\xa9", b"<&>", b"quote\"back\\slash", b" blank ", b"-dash"):
        with open(join(name), "wb") as file:
            file.write(name * 100)
    with open(join(b"large"), "wb") as file:
        file.write(os.urandom(3_000_000))
    with open(join(b"sparse"), "wb") as file:
        file.truncate(5_000_000)
        file.seek(4_000_000)
        file.write(b"end")
    os.link(join(b"plain"), join(b"deep", b"hard link"))
    os.symlink(b"../plain", join(b"deep", b"link"))
    os.symlink(b"no\nwhere", join(b"dangling"))
    os.mkfifo(join(b"fifo"), 0o640)
    if os.geteuid() == 0:
        os.mknod(join(b"char"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod(join(b"block"), stat.S_IFBLK | 0o660, os.makedev(7, 300))
        os.chown(join(b"large"), 1234, 2345)
    os.setxattr(join(b"plain"), b"user.color", b"bl\x00ue")
    os.setxattr(join(b"deep"), b"user.of.directory", b"1")
    os.chmod(join(b"large"), 0o4751)
    os.chmod(join(b"deep"), 0o1777)
    for name, seconds in ((b"caf\xc3\xa9", 1711846799), (b"<&>", 1711846800), (b"-dash", 1729990800), (b"large", -86400)):
        os.utime(join(name), ns=(seconds * 10**9, seconds * 10**9 + 120_000_000))
    os.utime(join(b"deep", b"er"), ns=(10**18, 10**18 + 1))


@unittest.skipUnless(restics(), "restic is not installed")
class BothDirections(Case):
    def test_each_restores_the_other_and_finds_nothing_changed(self):
        make_everything(self.source)
        expected = describe(self.source)
        for version in ("1", "2"):
            for number, restic in enumerate(restics()):
                for writer, reader in ((SALVOR, restic), (restic, SALVOR)):
                    with self.subTest(version=version, writer=str(writer[0]), reader=str(reader[0])):
                        repo = self.dir / f"repo-{version}-{number}-{writer is SALVOR}"
                        env = {"RESTIC_REPOSITORY": str(repo)}
                        self.tool(writer, "init", "--repository-version", version, env=env)
                        self.tool(writer, "backup", ".", env=env, cwd=self.source)
                        self.tool(reader, "check", "--read-data", env=env)
                        target = self.dir / f"target-{version}-{number}-{writer is SALVOR}"
                        self.tool(reader, "restore", "latest", "--target", target, env=env)
                        self.assertEqual(describe(target), expected)
                        again = self.tool(reader, "backup", "--json", ".", env=env, cwd=self.source).out.splitlines()[-1]
                        summary = json.loads(again)
                        for count in ("files_new", "files_changed", "dirs_new", "dirs_changed", "data_blobs", "tree_blobs"):
                            self.assertEqual(summary[count], 0, summary)

    def test_listings_are_the_same(self):
        make_everything(self.source)
        self.repo("init")
        self.repo("backup", self.source, "--tag", "a,b", "--host", "web")
        self.write("plain", "changed")
        os.remove(self.source / "fifo")
        self.repo("backup", self.source, "--host", "web")
        ids = [one["id"] for one in json.loads(self.repo("snapshots", "--json").out)]
        newest = restics()[-1]
        commands = [("ls", "-q", "latest"), ("ls", "-q", "-l", ids[0]), ("ls", "-q", ids[0], "/", "--recursive"), ("cat", "config"),
                    ("dump", ids[0], str(self.source / "large"))]
        if os.environ.get("SALVOR_RESTIC"):  # what older ones print differently
            commands += [("cat", "masterkey"), ("cat", "snapshot", ids[0]), ("ls", ids[0]), ("ls", "--json", ids[0]), ("ls", "--sort", "size", "--reverse", ids[0]),
                         ("ls", "--human-readable", "-l", ids[0]), ("diff", *ids),
                         ("diff", "--json", *ids), ("diff", "--metadata", *ids), ("find", "-l", "plain", "large"),
                         ("find", "--json", "large", "deep"), ("snapshots", "--json", "--tag", "a"), ("snapshots", "--json"),
                         ("stats", "--json"),
                         ("stats", "--json", "--mode", "raw-data"), ("stats", "--json", "--mode", "blobs-per-file"),
                         ("stats", "--json", "--mode", "files-by-contents")]
        for command in commands:
            with self.subTest(command=command):
                ours, theirs = (subprocess.run([*map(str, tool), *map(str, command)], env={**os.environ, **self.env},
                                               capture_output=True, check=True).stdout for tool in (SALVOR, newest))
                self.assertEqual(ours, theirs)


class Backup(Case):
    def setUp(self):
        super().setUp()
        self.repo("init")

    def test_messages_and_summary_are_restics(self):
        self.write("a", "hello")
        first = self.repo("backup", self.source)
        self.assertIn("no parent snapshot found, will read all files\n", first.out)
        self.assertIn("Files:           1 new,     0 changed,     0 unmodified\n", first.out)
        self.assertRegex(first.out, r"snapshot [0-9a-f]{8} saved\n$")
        second = self.repo("backup", self.source, "-vv")
        self.assertRegex(second.out, r"using parent snapshot [0-9a-f]{8}\n")
        self.assertIn(f"unchanged {self.source}/a\n", second.out)
        self.assertIn("scan finished in", self.repo("backup", self.source, "-v", "--force").out + second.out)
        self.assertEqual(self.repo("backup", "-q", self.source).out, "")
        dry = self.repo("backup", "--dry-run", self.source)
        self.assertIn("Would add to the repository", dry.out)
        self.assertEqual(len(json.loads(self.repo("snapshots", "--json").out)), 4)

    def test_skip_if_unchanged_makes_no_snapshot(self):
        self.write("a")
        self.repo("backup", ".", cwd=self.source)
        again = self.repo("backup", "--skip-if-unchanged", ".", cwd=self.source)
        self.assertIn("skipped creating snapshot\n", again.out)
        self.assertEqual(len(json.loads(self.repo("snapshots", "--json").out)), 1)

    def test_lists_of_files_are_read_as_restic_reads_them(self):
        for name in ("one.txt", "two.txt", ".hidden.txt", "three.bin", "trailing "):
            self.write(name)
        names = self.dir / "names"
        names.write_text(f"# comment\n\n  {self.source}/*.txt \n{self.source}/none*\n")
        result = self.repo("backup", "--files-from", names)
        self.assertIn("does not match any files, skipping", result.err)
        self.assertEqual(self.found(), [".hidden.txt", "one.txt", "two.txt"])
        names.write_bytes(b"\xff\xfe" + f"{self.source}/one.txt\n".encode("utf-16-le"))
        self.repo("backup", "--files-from", names)
        self.assertEqual(self.found(), ["one.txt"])
        names.write_text(f"{self.source}/trailing \n")
        self.repo("backup", "--files-from-verbatim", names)
        self.assertEqual(self.found(), ["trailing "])
        self.repo("backup", "--files-from-raw", "-", stdin=f"{self.source}/three.bin\0")
        self.assertEqual(self.found(), ["three.bin"])
        self.refused("backup", "--files-from-raw", "-", stdin="a", says="trailing zero byte missing")
        self.refused("backup", "--files-from-raw", "-", stdin="a\0\0", says="empty filename in listing")
        self.refused("backup", "--files-from", "/dev/null", says="nothing to backup")
        self.refused("backup", "--files-from", self.dir / "nowhere", says="nowhere")

    def found(self):
        return sorted(line.rsplit("/", 1)[1] for line in self.repo("ls", "-q", "latest").out.splitlines()
                      if line.startswith(f"{self.source}/"))

    def test_excludes_leave_out(self):
        for name in ("a.o", "A.O", "keep", "big", "cache/CACHEDIR.TAG", "cache/x", "no/.nobackup", "no/x", "build/x", "listed"):
            self.write(name)
        self.write("big", "x" * 5000)
        self.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# more")
        excludes = self.dir / "excludes"
        excludes.write_text("# comment\n$LISTED\n")
        self.repo("backup", self.source, "--exclude", "*.o", "--exclude-larger-than", "4k", "--exclude-caches",
                  "--exclude-if-present", ".nobackup", "--iexclude", "BUILD", "--exclude-file", excludes, env={"LISTED": "listed"})
        names = [name[len(str(self.source)) + 1:] for name in self.listed() if name.startswith(f"{self.source}/")]
        self.assertEqual(sorted(names), ["A.O", "cache", "cache/CACHEDIR.TAG", "keep", "no", "no/.nobackup"])
        snapshot = json.loads(self.repo("cat", "snapshot", "latest").out)
        self.assertEqual(snapshot["excludes"], ["*.o"])
        self.refused("backup", self.source, "--exclude", "[", says="--exclude: invalid pattern(s) provided:\n[")
        self.refused("backup", self.source, "--exclude-larger-than", "5x", says="5x")
        self.refused("backup", self.source, "--exclude-file", self.dir / "nowhere", says="failed to read patterns from file")

    def test_streams_become_one_file(self):
        self.repo("backup", "--stdin", "--stdin-filename", "db.sql", stdin="rows")
        self.assertEqual(self.repo("dump", "latest", "db.sql").out, "rows")
        self.repo("backup", "--stdin-from-command", "--", "sh", "-c", "echo from $0", "me")
        self.assertEqual(self.repo("dump", "latest", "/stdin").out, "from me\n")
        count = len(json.loads(self.repo("snapshots", "--json").out))
        self.refused("backup", "--stdin-from-command", "--", "sh", "-c", "echo half; exit 3", says="exit status 3")
        self.refused("backup", "--stdin-from-command", "--", "no-such-command", says="failed to start command")
        self.refused("backup", "--stdin", self.source, says="--stdin was specified and files/dirs were listed as arguments")
        self.refused("backup", "--stdin", "--files-from", "x", says="--stdin and --files-from cannot be used together")
        self.assertEqual(len(json.loads(self.repo("snapshots", "--json").out)), count)

    def test_environment_sets_what_flags_do_not(self):
        self.write("a")
        self.repo("backup", self.source, env={"RESTIC_HOST": "from-env"})
        self.repo("backup", self.source, "--host", "from-flag", env={"RESTIC_HOST": "from-env"})
        hosts = lambda *flags, **more: [one["hostname"] for one in json.loads(self.repo("snapshots", "--json", *flags, **more).out)]
        self.assertEqual(hosts(), ["from-env", "from-flag"])
        self.assertEqual(hosts(env={"RESTIC_HOST": "from-flag"}), ["from-flag"])
        self.assertEqual(hosts("--host", "", env={"RESTIC_HOST": "from-flag"}), ["from-env", "from-flag"])
        self.assertEqual(hosts("-H", "from-env", "-H", "other"), ["from-env"])

    def test_time_host_and_tags_are_recorded(self):
        self.write("a")
        self.repo("backup", self.source, "--time", "2012-11-01 22:08:41", "--tag", "a,b", "--tag", "c")
        snapshot = json.loads(self.repo("snapshots", "--json").out)[0]
        self.assertEqual(snapshot["time"], "2012-11-01T22:08:41+01:00")
        self.assertEqual(snapshot["tags"], ["a", "b", "c"])
        self.refused("backup", self.source, "--time", "5", says="error in time option")

    def test_a_file_system_boundary_is_kept_but_not_crossed(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount")
        mount = self.source / "mount"
        mount.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "none", mount]).returncode != 0:
            self.skipTest("tmpfs cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", mount])
        self.write("mount/inside")
        self.repo("backup", "-x", self.source)
        self.assertIn(str(mount), self.listed())
        self.assertNotIn(str(mount / "inside"), self.listed())


class BadInput(Case):
    def test_wrong_password_no_repository_and_newer_format_have_their_codes(self):
        self.refused("snapshots", code=10, says="repository does not exist")
        self.repo("init")
        self.refused("snapshots", code=12, env={"RESTIC_PASSWORD": "wrong"}, says="wrong password or no key found")
        self.refused("snapshots", env={"RESTIC_PASSWORD": ""}, stdin="", says="an empty password is not allowed")
        self.refused("init", says="exists already")
        failure = self.repo("snapshots", "--json", code=12, env={"RESTIC_PASSWORD": "wrong"})
        self.assertEqual(json.loads(failure.err)["message_type"], "exit_error")
        self.assertEqual(json.loads(failure.err)["code"], 12)

    def test_unknown_flags_commands_and_options_are_named(self):
        self.refused("--nope", says="unknown flag: --nope")
        self.refused("snapshots", "--nope", says="unknown flag: --nope")
        self.refused("nope", says='unknown command "nope"')
        self.repo("init")
        self.refused("snapshots", "-o", "local.nope=1", says="local.nope")
        self.refused("snapshots", "-o", "nonsense", says="nonsense")
        self.refused("snapshots", "--pack-size", "300", says="128 MiB")
        self.refused("snapshots", "--compression", "nope", says="invalid compression mode")
        self.refused("snapshots", "--limit-upload", "fast", says="--limit-upload")
        self.refused("snapshots", "--stuck-request-timeout", "x", says="--stuck-request-timeout")
        self.refused("cat", "nope", says='invalid type "nope"')
        self.refused("list", "nope", says='invalid type "nope"')
        self.refused("stats", "--mode", "nope", says="unknown counting mode")
        self.refused("snapshots", "-r", "sftp:host:/x", says="not supported")

    def test_an_ambiguous_or_unknown_id_is_named(self):
        self.repo("init")
        self.write("a")
        ids = set()
        while len({one[0] for one in ids}) == len(ids):  # until two begin alike
            ids = {*ids, self.backup(self.source, "--force")["snapshot_id"]}
        letters = [one[0] for one in ids]
        twice = next(letter for letter in letters if letters.count(letter) > 1)
        self.refused("ls", twice, says=f'multiple IDs with prefix "{twice}" found')
        self.refused("restore", "--target", self.dir / "t", "0123456789", says="no matching ID found")
        self.refused("restore", "latest:/nowhere", "--target", self.dir / "t", says="nowhere")
        self.refused("dump", "latest", "/nowhere", says='path "/nowhere" not found in snapshot')

    def test_what_cannot_be_read_is_reported_and_the_rest_saved(self):
        self.repo("init")
        self.write("good", "fine")
        self.write("sub/also", "fine")
        result = self.repo("backup", self.source, self.source / "missing", code=3)
        self.assertIn("missing does not exist, skipping", result.err)
        self.assertIn("Warning: at least one source file could not be read", result.err)
        self.assertIn(str(self.source / "good"), self.listed())
        self.refused("backup", self.source / "missing", says="all source directories/files do not exist")
        if os.geteuid() != 0:
            return
        secret = self.write("secret", "s")
        secret.chmod(0)
        (self.source / "sub").chmod(0)
        shutil.copy(BIN / "salvor", self.dir / "salvor")
        for path in (self.dir, self.source, self.dir / "salvor"):
            path.chmod(0o755)
        env = {**os.environ, **self.env, "RESTIC_REPOSITORY": str(self.dir / "theirs"), "HOME": "/nonexistent"}
        os.mkdir(self.dir / "theirs")
        os.chown(self.dir / "theirs", 65534, 65534)
        as_nobody = lambda *arguments: subprocess.run([self.dir / "salvor", "repo", *arguments], env=env, user=65534,
                                                      group=65534, extra_groups=[], capture_output=True, text=True)
        self.assertEqual(as_nobody("init").returncode, 0)
        saved = as_nobody("backup", self.source)
        self.assertEqual(saved.returncode, 3, saved)
        self.assertIn(str(secret), saved.stderr)
        self.assertIn(str(self.source / "sub"), saved.stderr)
        listed = as_nobody("ls", "-q", "latest").stdout.splitlines()
        self.assertIn(str(self.source / "good"), listed)
        self.assertNotIn(str(secret), listed)

    def test_a_read_only_repository_serves_readers_without_locks(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount")
        self.repo("init")
        self.write("a", "data")
        self.repo("backup", self.source)
        view = self.dir / "read-only"
        view.mkdir()
        if subprocess.run(["mount", "--bind", "-o", "ro", self.dir / "repo", view]).returncode != 0:
            self.skipTest("bind mounts are not allowed here")
        self.addCleanup(subprocess.run, ["umount", view])
        subprocess.run(["mount", "-o", "remount,bind,ro", view], check=True)
        env = {"RESTIC_REPOSITORY": str(view)}
        result = self.repo("backup", self.source, env=env, code=1)
        self.assertRegex(result.err.lower(), "read-only|permission")
        self.assertEqual(self.repo("dump", "--no-lock", "latest", self.source / "a", env=env).out, "data")
        self.assertEqual(self.repo("dump", "latest", self.source / "a", env=env, code=1).out, "")

    def test_a_full_disk_ends_the_backup_and_harms_nothing(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount")
        small = self.dir / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", small]).returncode != 0:
            self.skipTest("tmpfs cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", small])
        env = {"RESTIC_REPOSITORY": str(small / "repo")}
        self.repo("init", env=env)
        self.write("a", os.urandom(1_000_000))
        self.repo("backup", self.source, env=env)
        self.write("b", os.urandom(40_000_000))
        result = self.repo("backup", self.source, env=env, code=1)
        self.assertIn("o space left", result.err)
        self.assertEqual(len(json.loads(self.repo("snapshots", "--json", "--no-lock", env=env).out)), 1)
        target = self.dir / "target"
        self.repo("restore", "latest", "--no-lock", "--target", target, env=env)
        self.assertEqual((target / self.source.relative_to("/") / "a").read_bytes(), (self.source / "a").read_bytes())
        # And a restore onto a full disk says so.
        restored = self.repo("restore", "latest", "--no-lock", "--target", small / "t", env=env, code=1) \
            if shutil.disk_usage(small).free < 900_000 else None
        if restored:
            self.assertIn("o space left", restored.err)


class Looking(Case):
    def setUp(self):
        super().setUp()
        self.repo("init")
        make_everything(self.source)
        self.repo("backup", self.source)
        self.inside = str(self.source)

    def test_a_directory_is_dumped_as_tar_and_zip(self):
        file = self.dir / "all.tar"
        self.repo("dump", "latest:" + self.inside, "/", "--target", file)
        target = self.dir / "target"
        target.mkdir()
        subprocess.run(["tar", "--xattrs", "--xattrs-include=*", "-xpf", file, "-C", target], check=True)
        ours, theirs = describe(self.source), describe(target)
        for entries in (ours, theirs):
            for entry in entries.values():
                entry[3] //= 10**9  # tar keeps seconds
                if stat.S_ISREG(int(entry[0], 8)):
                    entry[7] = 1  # and hard links are files of their own
        self.assertEqual(theirs, ours)
        self.repo("dump", "latest", self.inside, "-a", "zip", "-t", self.dir / "all.zip")
        with zipfile.ZipFile(self.dir / "all.zip") as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.read(f"{self.inside[1:]}/large"), (self.source / "large").read_bytes())
        with tarfile.open(file) as archive:
            self.assertEqual(archive.getmember("large").uid, os.stat(self.source / "large").st_uid)
        self.refused("dump", "latest", "/", "-a", "rar", says='unknown archive format "rar"')
        self.refused("dump", "latest", f"{self.inside}/fifo", says='should be a file, but is a "fifo"')
        self.refused("dump", "latest", "/", "--target", self.dir / "no" / "where", says="no/where")

    def test_find_knows_files_times_and_objects(self):
        self.assertIn(f"{self.inside}/large\n", self.repo("find", "LARGE", "-i").out)
        self.assertEqual(self.repo("find", "large", "--newest", "1960-01-01").out, "")
        self.assertIn("/large\n", self.repo("find", "large", "--newest", "1970-01-01", "--oldest", "1960-01-01").out)
        self.assertEqual(json.loads(self.repo("find", "--json", "nothing").out), [])
        tree = json.loads(self.repo("cat", "tree", f"latest:{self.inside}").out)
        blob = next(node for node in tree["nodes"] if node["name"] == "large")["content"][0]
        hits = json.loads(self.repo("find", "--json", "--blob", blob[:12]).out)
        self.assertEqual([hit["path"] for hit in hits], [f"{self.inside}/large"])
        shown = self.repo("find", "--blob", blob, "--show-pack-id").out
        pack = re.search("belongs to pack ([0-9a-f]{64})", shown).group(1)
        self.assertIn(blob, self.repo("find", "--pack", pack[:8]).out)
        self.refused("find", "--pack", "f" * 64, says="unable to find pack(s)")
        self.refused("find", "--blob", "--tree", "00", says="cannot have several ID types")
        self.refused("find", "--oldest", "sometime", "x", says="unable to parse time")

    def test_ls_sorts_and_exports(self):
        names = lambda *flags: [line.rsplit("/", 1)[1] for line in self.listed(self.inside, *flags) if "/" in line]
        by_size = names("--sort", "size", "--reverse")
        self.assertEqual(by_size[:2], ["sparse", "large"])
        self.assertEqual(sorted(names()), sorted(by_size))
        tree = json.loads(self.repo("ls", "--ncdu", "latest").out)
        self.assertEqual(tree[:2], [1, 2])
        at = tree[3]
        for part in self.source.relative_to("/").parts:
            at = next(item for item in at[1:] if isinstance(item, list) and item[0]["name"] == part)
        self.assertEqual(next(item for item in at[1:] if isinstance(item, dict) and item["name"] == "large")["asize"], 3_000_000)
        self.refused("ls", "latest", "--sort", "nope", says="invalid sort mode")
        self.refused("ls", "latest", "relative", says="must be absolute")
        self.refused("ls", "latest", "--json", "--ncdu", says="--ncdu")

    def test_restore_takes_back_what_is_selected(self):
        target = self.dir / "target"
        self.repo("restore", f"latest:{self.inside}", "--target", target, "--include", "large", "--include", "deep")
        self.assertEqual(sorted(os.listdir(target)), ["deep", "large"])
        patterns = self.dir / "patterns"
        patterns.write_text("SPARSE\n")
        self.repo("restore", f"latest:{self.inside}", "--target", target, "--iinclude-file", patterns, "--sparse")
        self.assertLess(os.stat(target / "sparse").st_blocks * 512, 2_000_000)
        self.repo("restore", f"latest:{self.inside}", "--target", target, "--verify")
        self.assertEqual(describe(target), describe(self.source))
        (target / "extra").mkdir()
        (target / "extra" / "file").write_text("x")
        planned = self.repo("restore", f"latest:{self.inside}", "--target", target, "--delete", "--dry-run", "-vv").out
        self.assertIn(f"deleted   {target}/extra/file\n", planned)
        self.assertTrue((target / "extra" / "file").exists())
        done = self.repo("restore", f"latest:{self.inside}", "--target", target, "--delete", "--json").out.splitlines()[-1]
        self.assertEqual(json.loads(done)["files_deleted"], 2)
        self.assertEqual(describe(target), describe(self.source))
        self.refused("restore", "latest", "--target", "/", "--delete", says="must be combined with an include or exclude filter")
        self.refused("restore", "latest", "--target", target, "-i", "a", "-e", "b", says="mutually exclusive")
        self.refused("restore", "latest", says="--target")

    def test_a_copy_with_the_same_chunker_shares_its_blobs(self):
        env = {"RESTIC_REPOSITORY": str(self.dir / "second")}
        result = self.repo("init", "--copy-chunker-params", "--from-repo", self.env["RESTIC_REPOSITORY"], env={
            **env, "RESTIC_FROM_PASSWORD": PASSWORD, "RESTIC_PASSWORD": "other"})
        self.assertIn("with chunker parameters copied from secondary repository", result.out)
        polynomial = lambda **more: json.loads(self.repo("cat", "config", **more).out)["chunker_polynomial"]
        self.assertEqual(polynomial(env={**env, "RESTIC_PASSWORD": "other"}), polynomial())
        self.refused("init", "-r", self.dir / "third", "--from-repo", self.dir, says="only be specified when copying the chunker")
        self.refused("init", "-r", self.dir / "third", "--copy-chunker-params", says="--from-repo")


class Mount(Case):
    def setUp(self):
        super().setUp()
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            self.skipTest("/dev/fuse is not usable here")
        self.repo("init")
        make_everything(self.source)
        self.repo("backup", self.source, "--tag", "one", "--host", "web")
        self.mountpoint = self.dir / "mnt"
        self.mountpoint.mkdir()

    def mount(self, *flags):
        process = subprocess.Popen([*map(str, SALVOR), "mount", *flags, str(self.mountpoint)], env={**os.environ, **self.env},
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.unmount, process)
        wait_for(f"the mount at {self.mountpoint}", lambda: os.path.ismount(self.mountpoint) or process.poll() is not None)
        if process.poll() is not None:
            self.skipTest(f"FUSE is not usable here: {process.stdout.read()}")
        return process

    def unmount(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=60)[0]
        self.assertFalse(os.path.ismount(self.mountpoint), out)
        return process.returncode, out

    def test_files_are_there_as_they_were_saved(self):
        process = self.mount()
        self.assertEqual(sorted(os.listdir(self.mountpoint)), ["hosts", "ids", "snapshots", "tags"])
        self.assertEqual(os.listdir(self.mountpoint / "tags"), ["one"])
        seen = self.mountpoint / "snapshots" / "latest" / self.source.relative_to("/")
        self.assertTrue(os.path.islink(self.mountpoint / "snapshots" / "latest"))
        self.assertEqual(describe(seen), describe(self.source))
        self.assertEqual(os.stat(seen / "plain").st_ino, os.stat(seen / "deep" / "hard link").st_ino)
        with open(seen / "large", "rb") as file:
            file.seek(1_234_567)
            self.assertEqual(file.read(1000), (self.source / "large").read_bytes()[1_234_567:1_235_567])
        with self.assertRaises(OSError):
            (seen / "new").write_text("x")
        with self.assertRaises(FileNotFoundError):
            os.stat(self.mountpoint / "ids" / "nope")
        self.assertEqual(len(self.repo("list", "locks").out.splitlines()), 1)
        code, out = self.unmount(process)
        self.assertEqual(code, 0, out)
        self.assertEqual(self.repo("list", "locks").out, "")

    def test_templates_filters_and_unmounting_from_outside(self):
        self.repo("backup", self.source, "--host", "db")
        process = self.mount("--path-template", "%h/%i", "--host", "db", "--owner-root")
        self.assertEqual(os.listdir(self.mountpoint), ["db"])
        only = self.mountpoint / "db" / os.listdir(self.mountpoint / "db")[0]
        self.assertEqual(os.stat(only / self.source.relative_to("/") / "large").st_uid, 0)
        subprocess.run(["umount", self.mountpoint], check=True)
        self.assertEqual(process.wait(timeout=30), 0)

    def test_a_mountpoint_that_is_not_there_is_named(self):
        self.refused("mount", self.dir / "nowhere", says="nowhere")
        self.refused("mount", self.source / "plain", says="is no directory")
        self.refused("mount", self.mountpoint, "--time-template", "a/b", says="slash")


class SmallRestServer(http.server.BaseHTTPRequestHandler):
    """Version 2 of restic's REST protocol over a dict; what the tests use where the real server is not installed."""
    protocol_version = "HTTP/1.1"
    files = {}

    def log_message(self, *arguments):
        pass

    def answer(self, code, body=b"", headers=()):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.split("?")[0]
        if self.command == "POST" and path.endswith("/repository/"):
            return self.answer(200)
        if self.command == "POST":
            if path in self.files:
                return self.answer(403)
            self.files[path] = body
            return self.answer(200)
        if path.endswith("/"):
            names = [{"name": key[len(path):], "size": len(value)} for key, value in self.files.items() if key.startswith(path)]
            return self.answer(200, json.dumps(names).encode(), [("Content-Type", "application/vnd.x.restic.rest.v2")])
        if path not in self.files:
            return self.answer(404)
        data = self.files[path]
        if self.command == "DELETE":
            del self.files[path]
            return self.answer(200)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked:
            first, last = map(int, asked.groups())
            return self.answer(206 if first < len(data) else 416, data[first:last + 1])
        self.answer(200, data)

    do_GET = do_HEAD = do_POST = do_DELETE = handle_request


class Rest(Case):
    def setUp(self):
        super().setUp()
        program = os.environ.get("SALVOR_REST_SERVER") or shutil.which("restic-rest-server") or shutil.which("rest-server")
        if not program:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SmallRestServer)
            SmallRestServer.files = {}
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
            self.url = f"rest:http://127.0.0.1:{server.server_address[1]}/repository/"
            return
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        password = self.dir / "htpasswd"
        password.write_text("me:{SHA}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=\n")
        process = subprocess.Popen([program, "--no-auth", "--listen", f"127.0.0.1:{port}", "--path", self.dir / "served"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_for("the REST server", listens)
        self.url = f"rest:http://127.0.0.1:{port}/repository/"

    def test_a_repository_lives_on_a_rest_server(self):
        make_everything(self.source)
        env = {"RESTIC_REPOSITORY": self.url}
        self.refused("snapshots", code=10, env=env, says="repository does not exist")
        self.repo("init", env=env)
        self.repo("backup", self.source, env=env)
        self.write("plain", "changed")
        self.repo("backup", self.source, env=env)
        self.repo("forget", "--keep-last", "1", "--prune", env=env)
        self.repo("check", "--read-data", env=env)
        target = self.dir / "target"
        self.repo("restore", f"latest:{self.source}", "--target", target, env=env)
        self.assertEqual(describe(target), describe(self.source))
        self.assertEqual(self.repo("list", "locks", env=env).out, "")
        for restic in restics():
            self.tool(restic, "check", "--read-data", env=env)
            summary = json.loads(self.tool(restic, "backup", "--json", self.source, env=env).out.splitlines()[-1])
            self.assertEqual((summary["files_new"], summary["files_changed"]), (0, 0))
        secret = self.url.replace("127.", "me:secret@127.")
        self.assertNotIn("secret", repr(self.refused("init", env={"RESTIC_REPOSITORY": secret}, says="exists already")))


class Terminal(Case):
    def test_a_terminal_sees_a_progress_line_and_a_pipe_does_not(self):
        self.repo("init")
        for number in range(50):
            self.write(f"f{number}", os.urandom(400_000))
        import pty
        main, other = pty.openpty()
        process = subprocess.Popen([*map(str, SALVOR), "backup", str(self.source), "--limit-upload", "20000"],
                                   env={**os.environ, **self.env}, stdout=other, stderr=other)
        os.close(other)
        shown = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        self.assertEqual(process.wait(), 0, shown)
        self.assertRegex(shown, rb"\r\[0:0\d\] .*files .*MiB")
        self.assertNotIn("\r", self.repo("backup", self.source, "--force").out)

    def test_every_command_explains_itself_with_an_example(self):
        listed = self.repo("--help").out
        commands = re.findall(r"^  ([a-z][a-z-]+) ", listed[listed.index("Available Commands"):], re.MULTILINE)
        self.assertGreater(len(commands), 20)
        for command in set(commands) - {"get", "help"}:
            text = self.repo(command, "--help").out
            self.assertIn("Usage:", text)
            self.assertIn(f"repo {command}", text)
            self.assertIn("Global Flags:", text, command)
            self.assertIn("Examples:", text, command)

    def test_shells_complete_commands_and_flags(self):
        script = self.repo("completion", "bash").out
        complete = script + """
COMP_WORDS=(salvor repo -r /x backup --exc); COMP_CWORD=5; _salvor_complete; echo "${COMPREPLY[@]}"
COMP_WORDS=(salvor repo sna); COMP_CWORD=2; _salvor_complete; echo "${COMPREPLY[@]}"
COMP_WORDS=(salvor repo restore --pass); COMP_CWORD=3; _salvor_complete; echo "${COMPREPLY[@]}"
"""
        lines = run("bash", "-c", complete, check=True).out.splitlines()
        self.assertIn("--exclude-if-present", lines[0].split())
        self.assertEqual(lines[1].split(), ["snapshots"])
        self.assertIn("--password-file", lines[2].split())
        for shell, check in (("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])):
            file = self.dir / f"completion.{shell}"
            self.repo("generate", f"--{shell}-completion", file)
            self.assertIn("--exclude-if-present", file.read_text())
            if shutil.which(shell):
                run(*check, file, check=True)
        self.refused("generate", "--man", self.dir, says="--help")
        self.refused("completion", "tcsh", says="bash, zsh, fish")


if __name__ == "__main__":
    unittest.main()
