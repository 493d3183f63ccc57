"""CSI snapshots end to end: the embedded control plane runs a driver of its own, local.salvor.io, whose snapshots are
directories, so that it can be seen what the storage has."""
import json
import unittest

from harness import ControlPlane, wait_for

SCRIPT = "[ -f /data/seed ] || head -c 3000000 /dev/urandom > /data/seed; sync; while true; do sleep 1; done"
GROUP = "snapshot.storage.k8s.io/v1"
plane = None


def setUpModule():
    global plane
    plane = ControlPlane(up_flags=["--features=EnableCSI"])


def tearDownModule():
    plane.close()


def digest(namespace, pod="db"):
    return plane.exec(namespace, pod, "sha256sum", "/data/seed").out.split()[0]


def stored_snapshots():
    directory = plane.dir / "snapshots"
    return sorted(entry.name for entry in directory.iterdir()) if directory.exists() else []


def objects(kind):
    return json.loads(plane.kubectl("get", kind, "--all-namespaces", "-o", "json").out)["items"]


def snapshot_objects():
    """Those of backups: what restores make stays."""
    return [o["metadata"]["name"] for o in objects("volumesnapshots") + objects("volumesnapshotcontents")
            if "velero.io/restore-name" not in o["metadata"].get("labels", {})]


class CsiSnapshots(unittest.TestCase):
    def tearDown(self):
        for namespace in ("shop", "copy", "broken"):
            plane.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=true")

    def test_1_a_deleted_namespace_comes_back_from_its_snapshots_with_the_same_bytes(self):
        plane.volume_pod("shop", "db", SCRIPT, storage_class="local-csi")
        wait_for("the pod's data", lambda: plane.exec("shop", "db", "test", "-s", "/data/seed", check=False).code == 0)
        wanted = digest("shop")
        result = plane.backup("csi", "--include-namespaces", "shop")
        self.assertEqual(result.code, 0, result)
        status = plane.get("backup", "csi")["status"]
        self.assertEqual((status["csiVolumeSnapshotsAttempted"], status["csiVolumeSnapshotsCompleted"]), (1, 1))
        described = plane.velero("backup", "describe", "csi", "--details").out
        self.assertIn("CSI Driver: local.salvor.io", described)
        self.assertEqual(snapshot_objects(), [])
        self.assertEqual(len(stored_snapshots()), 1)

        # The volume goes with the namespace, the snapshot does not.
        volume = objects("persistentvolumes")[0]["spec"]["csi"]["volumeAttributes"]["path"]
        plane.kubectl("delete", "namespace", "shop", "--wait=true")
        wait_for("the volume's directory to go", lambda: not (plane.dir / "volumes" / volume).exists())
        self.assertEqual(len(stored_snapshots()), 1)

        result = plane.velero("restore", "create", "back", "--from-backup", "csi", "--wait")
        self.assertEqual(result.code, 0, result)
        plane.kubectl("-n", "shop", "wait", "--for=condition=ready", "pod/db", "--timeout=60s")
        self.assertEqual(digest("shop"), wanted)
        claim = plane.get("pvc", "db", "shop")
        self.assertEqual(claim["spec"]["dataSource"]["kind"], "VolumeSnapshot")
        self.assertIn("Storage Snapshot ID: " + stored_snapshots()[0],
                      plane.velero("restore", "describe", "back", "--details").out)

        # A second restore stands beside the first one.
        result = plane.velero("restore", "create", "copy", "--from-backup", "csi", "--namespace-mappings", "shop:copy",
                              "--wait")
        self.assertEqual(result.code, 0, result)
        plane.kubectl("-n", "copy", "wait", "--for=condition=ready", "pod/db", "--timeout=60s")
        self.assertEqual(digest("copy"), wanted)

        # Objects of restores do not keep the data from going with the backup.
        plane.velero("backup", "delete", "csi", "--confirm", check=True)
        wait_for("the backup to go", lambda: plane.get("backup", "csi") is None)
        self.assertEqual(stored_snapshots(), [])
        self.assertEqual(digest("copy"), wanted)

    def test_2_a_snapshot_that_is_never_bound_is_an_error_that_names_the_claim(self):
        plane.namespace("broken")
        plane.apply({"apiVersion": GROUP, "kind": "VolumeSnapshotClass", "driver": "absent.example.io",
                     "metadata": {"name": "absent", "labels": {"velero.io/csi-volumesnapshot-class": "true"}},
                     "deletionPolicy": "Delete"})
        plane.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "absent"},
                     "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                              "storageClassName": "absent",
                              "csi": {"driver": "absent.example.io", "volumeHandle": "v"},
                              "claimRef": {"namespace": "broken", "name": "db"}}})
        plane.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                     "metadata": {"name": "db", "namespace": "broken"},
                     "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "absent", "volumeName": "absent",
                              "resources": {"requests": {"storage": "1Gi"}}}})
        wait_for("the claim to be bound", lambda: plane.get("pvc", "db", "broken")["status"]["phase"] == "Bound")
        result = plane.backup("broken", "--include-namespaces", "broken", "--csi-snapshot-timeout", "2s")
        self.assertEqual(result.code, 2, result)
        self.assertEqual(plane.phase("backup", "broken"), "PartiallyFailed")
        described = plane.velero("backup", "describe", "broken", "--details").out
        self.assertIn("broken/db", described)
        self.assertIn("timed out after 2s: no VolumeSnapshotContent is bound", described)
        self.assertEqual(snapshot_objects(), [])
        # What has no data in the backup does not come back as if it had none.
        plane.kubectl("delete", "namespace", "broken", "--wait=true")
        result = plane.velero("restore", "create", "broken", "--from-backup", "broken", "--wait")
        self.assertEqual(plane.phase("restore", "broken"), "PartiallyFailed", result)
        self.assertIn("its data is not in the backup", plane.velero("restore", "describe", "broken").out)
        self.assertIsNone(plane.get("pvc", "db", "broken"))

    def test_3_a_killed_server_takes_the_snapshots_of_its_backup_up_again(self):
        plane.volume_pod("shop", "db", SCRIPT, storage_class="local-csi")
        before = stored_snapshots()
        hook = {"pre.hook.backup.velero.io/command": json.dumps(["sleep", "30"]),
                "pre.hook.backup.velero.io/timeout": "60s"}
        plane.volume_pod("shop", "zz-later", "while true; do sleep 1; done", annotations=hook)
        plane.velero("backup", "create", "killed", "--include-namespaces", "shop", check=True)
        # The second pod's hook keeps the backup waiting.
        wait_for("the first snapshot", lambda: objects("volumesnapshots"))
        plane.kill()
        plane.up()
        plane.kubectl("-n", "shop", "annotate", "pod/zz-later", "pre.hook.backup.velero.io/command-", "--overwrite")
        wait_for("the backup to be made", lambda: plane.phase("backup", "killed") == "Completed", timeout=120)
        self.assertEqual(len(stored_snapshots()), len(before) + 1)
        self.assertEqual(snapshot_objects(), [])


if __name__ == "__main__":
    unittest.main()
