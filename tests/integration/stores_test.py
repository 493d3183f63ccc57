"""Stores that do not do as they are told: read-only, full, and repositories that are none or from the future."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import run
from repositories import PASSWORD, describe, noise, objects, restic, restored, salvor, scratch, snapshots, write


class Stores(unittest.TestCase):
    def setUp(self):
        self.dir = scratch("stores")
        self.repository, self.source = self.dir / "repository", self.dir / "source"
        write(self.source / "file", noise(1, 1_000_000))

    def init(self):
        salvor(self.repository, "init")
        salvor(self.repository, "backup", self.source)

    def refused(self, code, *words, command=("snapshots",), **more):
        result = salvor(self.repository, *command, check=False, **more)
        self.assertEqual(result.code, code, result)
        for word in words:
            self.assertIn(word, result.err)
        self.assertTrue(result.err.startswith("Fatal: "), result.err)
        return result

    def test_a_wrong_password_is_said(self):
        self.init()
        for command in (("snapshots",), ("backup", self.source), ("prune",), ("check",), ("key", "list")):
            self.refused(12, "wrong password", command=command, password="falsch")

    def test_what_is_no_repository_is_said(self):
        self.refused(10, "repository does not exist", str(self.repository))
        self.repository.mkdir()
        self.refused(10, "repository does not exist")
        (self.repository / "config").write_bytes(b"[config]\nthis is something else\n")
        self.refused(1, "no key")
        self.repository = self.source / "file"
        self.refused(1, "is not a directory")

    def test_a_newer_format_is_refused_by_its_number(self):
        # Sealed by restic under a key of ours: only who has the key can write a config.
        self.init()
        master = json.loads(salvor(self.repository, "cat", "masterkey").out)
        config = json.loads(salvor(self.repository, "cat", "config").out)
        config["version"] = 3
        sealed = seal(master, json.dumps(config).encode())
        path = self.repository / "config"
        path.chmod(0o600)
        path.write_bytes(sealed)
        for command in (("snapshots",), ("backup", self.source), ("check",)):
            self.refused(1, "version 3 is not supported", command=command)

    @unittest.skipIf(os.geteuid() != 0, "mounts need root")
    def test_a_read_only_store_reads_without_a_lock_and_says_why_not_with_one(self):
        self.init()
        run("mount", "--bind", self.repository, self.repository, check=True)
        try:
            run("mount", "-o", "remount,ro,bind", self.repository, check=True)
            for command in (("backup", self.source), ("snapshots",), ("prune",), ("key", "add")):
                self.refused(1, "Read-only file system", command=command)
            self.refused(1, "--no-lock")
            self.assertEqual(len(snapshots(self.repository)), 1)
            _, found = restored(self.repository, "latest", self.source)
            self.assertEqual(found, describe(self.source))
            salvor(self.repository, "check", "--no-lock", "--read-data")
        finally:
            run("umount", self.repository)

    @unittest.skipIf(os.geteuid() != 0, "mounts need root")
    def test_a_full_disk_harms_nothing_and_the_next_backup_succeeds(self):
        self.repository.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", self.repository, check=True)
        try:
            self.init()
            before = describe(self.source)
            write(self.source / "large", noise(2, 20_000_000))
            for _ in range(2):
                self.refused(1, "No space left", command=("backup", "--pack-size", 4, self.source))
                self.assertEqual([p for p in self.repository.rglob(".salvor-*")], [])
                self.assertEqual(objects(self.repository, "locks"), [])
                salvor(self.repository, "check", "--read-data")
                self.assertEqual(restic(self.repository, "check", "--no-lock").code, 0)
                self.assertEqual(restored(self.repository, "latest", self.source)[1], before)
            run("mount", "-o", "remount,size=60m", self.repository, check=True)
            salvor(self.repository, "backup", self.source)
            self.assertEqual(restored(self.repository, "latest", self.source)[1], describe(self.source))
            salvor(self.repository, "prune")
            self.assertNotIn("in no index", salvor(self.repository, "check", "--read-data").out)
        finally:
            run("umount", self.repository)

    def test_an_ambiguous_prefix_is_refused(self):
        self.init()
        for number in range(17):
            salvor(self.repository, "backup", "--tag", str(number), self.source)
        first = [s[0] for s in snapshots(self.repository)]
        twice = next(c for c in first if first.count(c) > 1)
        self.refused(1, "multiple IDs", command=("restore", twice, "--target", self.dir / "target"))
        self.assertFalse((self.dir / "target").exists())


def seal(master, plain):
    """AES-256-CTR and Poly1305-AES, as the format has it, by OpenSSL's command line."""
    import base64
    key, k, r = (base64.b64decode(v) for v in (master["encrypt"], master["mac"]["k"], master["mac"]["r"]))
    iv = os.urandom(16)

    def openssl(cipher, key, *more, data):
        return subprocess.run(["openssl", "enc", cipher, "-K", key.hex(), *more], input=data, capture_output=True,
                              check=True).stdout
    sealed = openssl("-aes-256-ctr", key, "-iv", iv.hex(), data=plain)
    s = int.from_bytes(openssl("-aes-128-ecb", k, "-nopad", data=iv), "little")
    clamped = int.from_bytes(r, "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    tag = 0
    for at in range(0, len(sealed), 16):
        tag = (tag + int.from_bytes(sealed[at:at + 16] + b"\x01", "little")) * clamped % ((1 << 130) - 5)
    return iv + sealed + ((tag + s) % (1 << 128)).to_bytes(16, "little")


if __name__ == "__main__":
    unittest.main()
