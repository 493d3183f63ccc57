"""Faults in the middle of the work: each ends in a recorded phase and a clear word, harms no earlier backup, and a
later run succeeds."""
import base64
import json
import os
import pathlib
import subprocess
import threading
import time
import unittest

from harness import BIN, BUCKET, ControlPlane, run, wait_for

plane = None


def setUpModule():
    global plane
    plane = ControlPlane()
    plane.volume_pod("app", "web", script="echo first >/data/file; while true; do sleep 1; done")
    assert plane.backup("earlier", "--include-namespaces", "app", "--default-volumes-to-fs-backup").code == 0


def tearDownModule():
    plane.close()


class Fault(unittest.TestCase):
    def assert_earlier_is_whole(self):
        """The backup made before all faults still restores, byte for byte."""
        target = "whole-" + self.id().rsplit("_", 1)[-1][:20].replace("_", "-")
        name = f"{target}-{time.monotonic_ns() % 100000}"
        result = plane.velero("restore", "create", name, "--from-backup", "earlier", "--namespace-mappings", f"app:{name}",
                              "--wait")
        self.assertEqual(result.code, 0, f"{result}\n{plane.velero('restore', 'describe', name).out}")
        plane.kubectl("-n", name, "wait", "--for=condition=ready", "pod/web", "--timeout=60s")
        self.assertEqual(plane.exec(name, "web", "cat", "/data/file").out, "first\n")
        plane.kubectl("delete", "namespace", name, "--timeout=60s")

    def phase(self, name):
        return plane.phase("backups.velero.io", name)


class Hooks(Fault):
    def test_a_failing_hook_is_recorded_with_its_exit_code(self):
        plane.hooked_pod("fails", "p", ["/bin/sh", "-c", "echo to stderr >&2; exit 7"], on_error="Fail")
        self.assertEqual(plane.backup("hook-fails", "--include-namespaces", "fails").code, 2)
        self.assertEqual(self.phase("hook-fails"), "PartiallyFailed")
        log = plane.velero("backup", "logs", "hook-fails").out
        self.assertIn("7", [l for l in log.splitlines() if "level=error" in l][0], log)
        self.assertEqual(plane.get("backups.velero.io", "hook-fails")["status"]["hookStatus"],
                         {"hooksAttempted": 1, "hooksFailed": 1})

    def test_a_hanging_hook_ends_at_its_timeout_and_so_does_its_process(self):
        plane.hooked_pod("hangs", "p", ["/bin/sh", "-c", "sleep 4242"], timeout="2s", on_error="Continue")
        start = time.monotonic()
        self.assertEqual(plane.backup("hook-hangs", "--include-namespaces", "hangs").code, 2)
        self.assertLess(time.monotonic() - start, 60)
        self.assertIn("timed out after 2s", plane.velero("backup", "logs", "hook-hangs").out)
        wait_for("the end of the hook's process",
                 lambda: run("pgrep", "-f", "sleep 4242").code == 1, timeout=15)

    def test_a_hook_for_an_unknown_container_is_named(self):
        plane.hooked_pod("unknown", "p", ["/bin/true"], container="nobody")
        self.assertEqual(plane.backup("hook-unknown", "--include-namespaces", "unknown").code, 2)
        self.assertIn("nobody", plane.velero("backup", "logs", "hook-unknown").out)


class Repository(Fault):
    def set_password(self, text):
        secret = plane.get("secrets", "velero-repo-credentials")
        old = secret["data"]["repository-password"]
        plane.kubectl("-n", "velero", "patch", "secret", "velero-repo-credentials", "--type=merge", "-p",
                      json.dumps({"data": {"repository-password": text}}))
        return old

    def test_a_wrong_password_is_said_and_a_right_one_works_again(self):
        old = self.set_password(base64.b64encode(b"wrong").decode())
        try:
            result = plane.backup("wrong-password", "--include-namespaces", "app", "--default-volumes-to-fs-backup")
            self.assertEqual(result.code, 2, result)
            self.assertIn(self.phase("wrong-password"), ("PartiallyFailed", "Failed"))
            self.assertIn("wrong password", plane.velero("backup", "logs", "wrong-password").out)
        finally:
            self.set_password(old)
        self.assertEqual(plane.backup("right-password", "--include-namespaces", "app", "--default-volumes-to-fs-backup").code, 0)
        self.assert_earlier_is_whole()

    def test_a_truncated_pack_is_named_by_check(self):
        repository = plane.dir / "buckets" / BUCKET / "restic" / "app"
        password = base64.b64decode(plane.get("secrets", "velero-repo-credentials")["data"]["repository-password"]).decode()
        copy = plane.dir / "copy"
        run("cp", "-r", repository, copy, check=True)
        pack = max((p for p in (copy / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
        os.chmod(pack, 0o600)
        with open(pack, "r+b") as file:
            file.truncate(pack.stat().st_size - 10)
        result = run(BIN / "salvor", "repo", "-r", copy, "check", "--read-data", env={"RESTIC_PASSWORD": password})
        self.assertEqual(result.code, 1, result)
        self.assertIn(pack.name[:8], result.out + result.err)


class Cluster(Fault):
    def test_a_pod_deleted_during_its_backup_does_not_stop_the_backup(self):
        plane.hooked_pod("leaving", "p", ["/bin/sh", "-c", "sleep 3"], timeout="30s")
        deleter = threading.Timer(1.5, lambda: plane.kubectl("-n", "leaving", "delete", "pod", "p", "--wait=false"))
        deleter.start()
        plane.backup("pod-leaves", "--include-namespaces", "leaving", "--default-volumes-to-fs-backup")
        deleter.join()
        self.assertIn(self.phase("pod-leaves"), ("Completed", "PartiallyFailed"))
        self.assertEqual(plane.backup("pod-left", "--include-namespaces", "leaving").code, 0)

    def test_a_killed_control_plane_begins_its_running_backup_anew_and_completes_it(self):
        plane.hooked_pod("killed", "p", ["/bin/sh", "-c", "sleep 6"], timeout="60s")
        plane.velero("backup", "create", "killed", "--include-namespaces", "killed", check=True)
        wait_for("the backup to run", lambda: self.phase("killed") == "InProgress")
        plane.kill()
        plane.up()
        wait_for("the backup", lambda: self.phase("killed") == "Completed", timeout=120)
        backup = plane.get("backups.velero.io", "killed")
        self.assertEqual(backup["metadata"]["annotations"]["salvor.io/restarts"], "1")
        self.assertTrue((plane.dir / "buckets" / BUCKET / "velero" / "backups" / "killed" / "velero-backup.json").exists())
        self.assertEqual(plane.backup("after-kill", "--include-namespaces", "app", "--default-volumes-to-fs-backup").code, 0)
        self.assert_earlier_is_whole()


class Store(Fault):
    def test_a_full_disk_fails_the_backup_and_leaves_nothing_half_written(self):
        root = plane.dir / "small"
        root.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", root, check=True)
        try:
            (root / BUCKET).mkdir()
            plane.add_location("small", root)
            plane.volume_pod("big", "p", script="head -c 8000000 /dev/urandom >/data/noise; while true; do sleep 1; done")
            wait_for("the file", lambda: plane.exec("big", "p", "stat", "-c", "%s", "/data/noise", check=False).out.strip() ==
                     "8000000")
            result = plane.backup("full", "--include-namespaces", "big", "--default-volumes-to-fs-backup",
                                  "--storage-location", "small")
            self.assertEqual(result.code, 2, result)
            self.assertIn(self.phase("full"), ("Failed", "PartiallyFailed"))
            partial = [str(p) for p in root.rglob(".salvor-*")]
            self.assertEqual(partial, [])
            described = plane.velero("backup", "describe", "full").out + plane.velero("backup", "logs", "full").out
            self.assertIn("No space left", described + str(plane.get("backups.velero.io", "full")))
        finally:
            plane.velero("backup-location", "delete", "small", "--confirm")
            run("umount", root)
        self.assertEqual(plane.backup("not-full", "--include-namespaces", "big", "--default-volumes-to-fs-backup").code, 0)

    def test_a_new_control_plane_finds_the_backups_in_the_bucket_and_restores_them(self):
        other = ControlPlane(location=False)
        try:
            other.velero("backup-location", "create", "found", "--provider", "filesystem", "--bucket", BUCKET, "--prefix",
                         "velero", "--default", "--config",
                         f"root={plane.dir}/buckets,resticRepoPrefix={plane.dir}/buckets/{BUCKET}/restic", check=True)
            password = plane.get("secrets", "velero-repo-credentials")["data"]["repository-password"]
            other.kubectl("-n", "velero", "delete", "secret", "velero-repo-credentials", "--ignore-not-found")
            other.apply({"apiVersion": "v1", "kind": "Secret",
                         "metadata": {"name": "velero-repo-credentials", "namespace": "velero"},
                         "data": {"repository-password": password}})
            wait_for("the backup to appear", lambda: other.phase("backups.velero.io", "earlier") == "Completed", timeout=120)
            result = other.velero("restore", "create", "r", "--from-backup", "earlier", "--wait")
            self.assertEqual(result.code, 0, f"{result}\n{other.velero('restore', 'describe', 'r').out}")
            other.kubectl("-n", "app", "wait", "--for=condition=ready", "pod/web", "--timeout=60s")
            self.assertEqual(other.exec("app", "web", "cat", "/data/file").out, "first\n")
        finally:
            other.close()

    def test_deleting_a_backup_removes_its_objects_and_its_snapshots(self):
        self.assertEqual(plane.backup("doomed", "--include-namespaces", "app", "--default-volumes-to-fs-backup").code, 0)
        directory = plane.dir / "buckets" / BUCKET / "velero" / "backups" / "doomed"
        self.assertTrue(directory.exists())
        plane.velero("backup", "delete", "doomed", "--confirm", check=True)
        wait_for("the objects to go", lambda: not (directory / "velero-backup.json").exists())
        wait_for("the backup to go", lambda: plane.get("backups.velero.io", "doomed") is None)
        self.assert_earlier_is_whole()


if __name__ == "__main__":
    unittest.main(verbosity=2)
