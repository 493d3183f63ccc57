"""Restores as users make them: modifiers, hooks, policies, dry runs, comparisons; and what goes wrong on the way."""
import json
import os
import pathlib
import time
import unittest

from harness import BUCKET, ControlPlane, wait_for

plane = None


def setUpModule():
    global plane
    plane = ControlPlane()
    plane.volume_pod("app", "web", script="echo first >/data/file; while true; do sleep 1; done")
    plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "app"},
                 "data": {"mode": "live", "size": "3"}})
    assert plane.backup("b", "--include-namespaces", "app", "--default-volumes-to-fs-backup").code == 0


def tearDownModule():
    plane.close()


def files_of(backup):
    return plane.dir / "buckets" / BUCKET / "velero" / "backups" / backup


class Restore(unittest.TestCase):
    def restore(self, name, *flags, backup="b"):
        return plane.velero("restore", "create", name, "--from-backup", backup, "--namespace-mappings", f"app:{name}",
                            "--wait", *flags)

    def get(self, name):
        return plane.get("restores.velero.io", name)

    def restore_with(self, name, spec):
        """A Restore object, for what has no flag."""
        plane.apply({"apiVersion": "velero.io/v1", "kind": "Restore", "metadata": {"name": name, "namespace": "velero"},
                     "spec": {"backupName": "b", "namespaceMapping": {"app": name}, **spec}})
        wait_for(f"restore {name} to end", lambda: self.get(name)["status"].get("phase", "") in
                 ("Completed", "PartiallyFailed", "Failed", "FailedValidation"), 120)
        return self.get(name)["status"]

    def drop(self, *namespaces):
        for name in namespaces:
            plane.kubectl("delete", "namespace", name, "--timeout=60s", "--ignore-not-found")


class Modifiers(Restore):
    def config_map(self, name, rules):
        plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "velero"},
                     "data": {"rules": rules}})

    def test_they_change_what_is_created(self):
        self.config_map("mods", """
version: v1
resourceModifierRules:
- conditions: {groupResource: configmaps, resourceNameRegex: ^settings$, namespaces: [app]}
  patches: [{operation: replace, path: /data/mode, value: test}]
- conditions: {groupResource: pods}
  strategicPatches: [{patchData: 'spec: {containers: [{name: main, env: [{name: ADDED, value: "yes"}]}]}'}]
""")
        result = self.restore("modified", "--resource-modifier-configmap", "mods")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(plane.get("configmap", "settings", "modified")["data"], {"mode": "test", "size": "3"})
        plane.kubectl("-n", "modified", "wait", "--for=condition=ready", "pod/web", "--timeout=60s")
        self.assertEqual(plane.exec("modified", "web", "/bin/sh", "-c", "echo $ADDED; cat /data/file").out, "yes\nfirst\n")
        self.drop("modified")

    def test_rules_that_are_not_understood_fail_the_validation(self):
        self.config_map("broken", "version: v1\nresourceModifierRules:\n- conditions: {groupResource: pods}\n  patch: []\n")
        result = self.restore("broken", "--resource-modifier-configmap", "broken")
        self.assertEqual(result.code, 2, result)
        status = self.get("broken")["status"]
        self.assertEqual(status["phase"], "FailedValidation")
        self.assertIn('unknown field "patch"', status["validationErrors"][0])
        self.assertIsNone(plane.get("namespace", "broken"))


class Hooks(Restore):
    def test_init_and_exec_hooks_run_and_are_counted(self):
        status = self.restore_with("hooked", {"hooks": {"resources": [{
            "name": "both", "includedNamespaces": ["hooked"], "postHooks": [
                {"init": {"timeout": "60s", "initContainers": [{
                    "name": "before", "image": "busybox:1.36", "command": ["/bin/sh", "-c", "echo init >>/data/log"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
                {"exec": {"container": "main", "command": ["/bin/sh", "-c", "echo exec >>/data/log"], "execTimeout": "30s",
                          "waitTimeout": "60s", "waitForReady": True}}]}]}})
        self.assertEqual(status["phase"], "Completed", status)
        self.assertEqual(status["hookStatus"], {"hooksAttempted": 1})
        self.assertEqual(plane.exec("hooked", "web", "cat", "/data/log").out, "init\nexec\n")
        self.drop("hooked")

    def test_a_hook_whose_time_is_up_is_killed_and_fail_ends_the_pods_hooks(self):
        status = self.restore_with("hanging", {"hooks": {"resources": [{
            "name": "h", "postHooks": [
                {"exec": {"command": ["/bin/sh", "-c", "sleep 4343"], "execTimeout": "1s", "onError": "Fail"}},
                {"exec": {"command": ["/bin/sh", "-c", "echo never >/data/never"]}}]}]}})
        self.assertEqual(status["phase"], "PartiallyFailed", status)
        self.assertEqual(status["hookStatus"], {"hooksAttempted": 1, "hooksFailed": 1})
        self.assertIn("timed out after 1s", plane.velero("restore", "describe", "hanging").out)
        self.assertFalse([p for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if b"4343" in read(p)])
        self.assertNotIn("never", plane.exec("hanging", "web", "ls", "/data").out)
        self.drop("hanging")


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Damage(Restore):
    def test_a_corrupt_tarball_fails_the_restore_and_nothing_is_applied(self):
        self.assertEqual(plane.backup("corrupt", "--include-namespaces", "app").code, 0)
        tarball = files_of("corrupt") / "corrupt.tar.gz"
        data = bytearray(tarball.read_bytes())
        for at in range(len(data) // 2, len(data) // 2 + 64):
            data[at] ^= 0x5A
        tarball.write_bytes(data)
        result = self.restore("from-corrupt", backup="corrupt")
        self.assertEqual(result.code, 2, result)
        status = self.get("from-corrupt")["status"]
        self.assertEqual(status["phase"], "Failed")
        self.assertIn("corrupt.tar.gz", status["failureReason"])
        self.assertIsNone(plane.get("namespace", "from-corrupt"))

    def test_a_repository_that_is_gone_in_the_middle_is_an_error_of_its_volume_and_a_later_restore_is_whole(self):
        repository = plane.dir / "buckets" / BUCKET / "restic" / "app"
        away = repository.with_name("away")
        repository.rename(away)
        try:
            result = self.restore("no-data")
            self.assertEqual(result.code, 2, result)
            self.assertEqual(self.get("no-data")["status"]["phase"], "PartiallyFailed")
            self.assertIsNotNone(plane.get("configmap", "settings", "no-data"))
            self.assertIn("volume data", plane.velero("restore", "describe", "no-data").out)
        finally:
            away.rename(repository)
        self.assertEqual(self.restore("with-data").code, 0)
        plane.kubectl("-n", "with-data", "wait", "--for=condition=ready", "pod/web", "--timeout=60s")
        self.assertEqual(plane.exec("with-data", "web", "cat", "/data/file").out, "first\n")
        self.drop("no-data", "with-data")

    def test_names_of_200_characters_are_restored(self):
        name, restore = "n" * 200, "r" * 100
        plane.namespace("long")
        plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "long"}})
        self.assertEqual(plane.backup("l" * 100, "--include-namespaces", "long").code, 0)
        self.drop("long")
        result = plane.velero("restore", "create", restore, "--from-backup", "l" * 100, "--wait")
        self.assertEqual(result.code, 0, result)
        self.assertLessEqual(len(plane.get("configmap", name, "long")["metadata"]["labels"]["velero.io/restore-name"]), 63)
        self.drop("long")


class Looking(Restore):
    def test_a_dry_run_tells_by_field_what_an_update_would_change(self):
        plane.namespace("dry")
        plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "dry"},
                     "data": {"mode": "other", "size": "3"}})
        result = plane.velero("restore", "create", "--from-backup", "b", "--namespace-mappings", "app:dry", "--dry-run",
                              "--existing-resource-policy", "update", "-o", "json")
        self.assertEqual(result.code, 0, result)
        plan = {(o["resource"], o.get("name")): o for o in json.loads(result.out)["objects"]}
        self.assertEqual(plan["configmaps", "settings"]["action"], "update")
        self.assertIn({"path": "data.mode", "before": "other", "after": "live"}, plan["configmaps", "settings"]["changes"])
        self.assertEqual(plan["pods", "web"]["action"], "create")
        self.assertIn("with the data of 1 volumes", plan["pods", "web"]["reason"])
        self.assertEqual(plane.get("configmap", "settings", "dry")["data"]["mode"], "other")
        self.assertIsNone(plane.get("pod", "web", "dry"))
        self.drop("dry")

    def test_backups_are_compared_and_searched_by_the_servers_links(self):
        plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "app"},
                     "data": {"mode": "live", "size": "4"}})
        live = plane.velero("backup", "diff", "b", "--live")
        self.assertEqual(live.code, 2, live)
        self.assertIn('~ configmaps app/settings\n    data.size: "3" -> "4"\n', live.out)
        self.assertEqual(plane.backup("b2", "--include-namespaces", "app").code, 0)
        two = plane.velero("backup", "diff", "b", "b2")
        self.assertIn('data.size: "3" -> "4"', two.out)
        self.assertEqual(plane.velero("backup", "diff", "b2", "b2").code, 0)
        found = plane.velero("find", "cm/settings", "-n", "app", "-o", "json")
        changes = {b["backup"]: b["change"] for b in json.loads(found.out)["backups"]}
        self.assertEqual((changes["b"], changes["b2"]), ("first", "changed"), found)


if __name__ == "__main__":
    unittest.main(verbosity=2)
