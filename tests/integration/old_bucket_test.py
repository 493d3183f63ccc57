"""Buckets of older Veleros: what 1.5 to 1.18 wrote with restic volumes is listed, described, found, restored and copied
out; what newer ones added with kopia is reported, volume by volume. The fixtures follow the layout of each version; the
volume data is written by restic itself."""
import gzip
import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import unittest

from harness import BIN, BUCKET, ControlPlane, run, wait_for

PASSWORD = "static-passw0rd"  # what Velero used for every repository
STARTED = {"v1-5": "2020-10-01", "v1-9": "2022-08-01", "v1-12": "2023-12-01", "v1-18": "2026-05-01"}
plane = None


def pod(namespace):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "namespace": namespace, "uid": "old-pod-uid", "labels": {"app": "web"},
                         "annotations": {"backup.velero.io/backup-volumes": "data"}},
            "spec": {"containers": [{"name": "main", "image": "busybox:1.36",
                                     "command": ["/bin/sh", "-c", "while true; do sleep 1; done"],
                                     "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
                     "nodeName": "old-node", "terminationGracePeriodSeconds": 1,
                     "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "web"}}]},
            "status": {"phase": "Running"}}


def claim(namespace):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "web", "namespace": namespace, "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "pv-old"},
            "status": {"phase": "Bound"}}


def volume(namespace):
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv-old"},
            "spec": {"persistentVolumeReclaimPolicy": "Delete", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                     "claimRef": {"namespace": namespace, "name": "web", "uid": "gone"},
                     "hostPath": {"path": "/nonexistent"}}}


def namespace_object(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": "old"}}}


def zipped(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return gzip.compress(text.encode())


class OldBucket:
    """velero/ in a bucket, as several versions left it, and restic repositories below it."""

    def __init__(self, root):
        self.root = root / BUCKET / "velero"
        (self.root / "metadata").mkdir(parents=True)
        (self.root / "metadata" / "revision").write_text("0d6a2b1e-4a35-4c59-8b5e-3c6c2c9e9d40")  # of 1.0 and before

    def restic(self, namespace, *arguments, cwd=None):
        # restic 0.14 as Velero 1.10 called it.
        env = {"RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": str(self.root / "restic" / namespace)}
        done = subprocess.run(["restic", "--no-cache", *arguments], env={**os.environ, **env}, cwd=cwd, text=True,
                              capture_output=True, check=True)
        return done.stdout

    def snapshot(self, namespace, content, backup):
        if not (self.root / "restic" / namespace / "config").exists():
            self.restic(namespace, "init")
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "file").write_text(content)
            pathlib.Path(directory, "empty").mkdir()
            self.restic(namespace, "backup", ".", "--host=velero", f"--tag=backup={backup}", "--tag=volume=data", cwd=directory)
        newest = json.loads(self.restic(namespace, "snapshots", "--json"))[-1]
        return newest["short_id"]

    def put(self, version, namespace, snapshot, uploader):
        directory = self.root / "backups" / version
        directory.mkdir(parents=True)
        objects = [("namespaces", namespace_object(namespace)), ("pods", pod(namespace)),
                   ("persistentvolumeclaims", claim(namespace)), ("persistentvolumes", volume(namespace))]
        with tarfile.open(directory / f"{version}.tar.gz", "w:gz", format=tarfile.USTAR_FORMAT) as tar:
            def add(name, text):
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(text), 0o755
                tar.addfile(info, io.BytesIO(text.encode()))
            add("metadata/version", "1.1.0\n" if version != "v1-5" else "1")
            for resource, item in objects:
                where = item["metadata"].get("namespace")
                scope = f"namespaces/{where}" if where else "cluster"
                for path in ("", "/v1-preferredversion"):
                    add(f"resources/{resource}{path}/{scope}/{item['metadata']['name']}.json", json.dumps(item))
        started = f"{STARTED[version]}T01:00:00Z"
        backup = {"kind": "Backup", "apiVersion": "velero.io/v1",
                  "metadata": {"name": version, "namespace": "velero", "uid": f"uid-{version}",
                               "selfLink": f"/apis/velero.io/v1/namespaces/velero/backups/{version}",
                               "labels": {"velero.io/storage-location": "default"}},
                  "spec": {"hooks": {}, "includedNamespaces": [namespace], "storageLocation": "default", "ttl": "720h0m0s"},
                  "status": {"version": 1, "phase": "Completed", "startTimestamp": started,
                             "completionTimestamp": started, "expiration": "2046-01-01T00:00:00Z",
                             "progress": {"totalItems": 4, "itemsBackedUp": 4}}}
        if version != "v1-5":
            backup["status"]["formatVersion"] = "1.1.0"
        if version in ("v1-5", "v1-9"):
            backup["spec"]["defaultVolumesToRestic"] = False
        pvb = {"kind": "PodVolumeBackup", "apiVersion": "velero.io/v1",
               "metadata": {"name": f"{version}-x", "namespace": "velero", "uid": f"pvb-{version}",
                            "labels": {"velero.io/backup-name": version, "velero.io/backup-uid": f"uid-{version}"}},
               "spec": {"node": "old-node", "volume": "data", "backupStorageLocation": "default",
                        "pod": {"kind": "Pod", "namespace": namespace, "name": "web", "uid": "old-pod-uid"},
                        "repoIdentifier": f"s3:s3-us-east-1.amazonaws.com/{BUCKET}/velero/restic/{namespace}",
                        "tags": {"backup": version, "volume": "data", "ns": namespace, "pod": "web"}},
               "status": {"phase": "Completed", "path": "/host_pods/old", "snapshotID": snapshot,
                          "progress": {"totalBytes": 5, "bytesDone": 5}}}
        if version != "v1-5":
            pvb["metadata"]["annotations"] = {"velero.io/pvc-name": "web"}
        if uploader:
            pvb["spec"]["uploaderType"] = uploader
        files = {"logs": zipped('time="x" level=info msg="Backup completed"\n'), "podvolumebackups.json": zipped([pvb]),
                 "volumesnapshots.json": zipped("null"),
                 "resource-list.json": zipped({"v1/Namespace": [namespace], "v1/PersistentVolume": ["pv-old"],
                                               "v1/PersistentVolumeClaim": [f"{namespace}/web"], "v1/Pod": [f"{namespace}/web"]})}
        if version in ("v1-5", "v1-9"):
            files["csi-volumesnapshots.json"] = files["csi-volumesnapshotcontents.json"] = zipped("null")
        if version in ("v1-12", "v1-18"):
            files["results"] = zipped({"errors": {}, "warnings": {}})
            files["itemoperations.json"] = zipped("null")
        if version == "v1-18":
            files["volumeinfo.json"] = zipped([{
                "pvcName": "web", "pvcNamespace": namespace, "pvName": "pv-old", "backupMethod": "PodVolumeBackup",
                "result": "succeeded", "pvbInfo": {"snapshotHandle": snapshot, "size": 5, "uploaderType": uploader,
                                                   "volumeName": "data", "podName": "web", "podNamespace": namespace},
                "pvInfo": {"reclaimPolicy": "Delete", "labels": {}}}])
        for name, data in files.items():
            (directory / f"{version}-{name}.gz").write_bytes(data)
        (directory / "velero-backup.json").write_text(json.dumps(backup, indent=2))


def setUpModule():
    global plane, bucket
    plane = ControlPlane(location=False)
    (plane.dir / "old").mkdir()
    bucket = OldBucket(plane.dir / "old")
    for version, uploader in (("v1-5", None), ("v1-9", None), ("v1-12", "restic")):
        bucket.put(version, "app", bucket.snapshot("app", f"of {version}", version), uploader)
    bucket.put("v1-18", "newapp", "k8f2c7d1e0a94b56", "kopia")
    (bucket.root / "kopia" / "newapp").mkdir(parents=True)
    (bucket.root / "kopia" / "newapp" / "kopia.repository.f").write_text("{}")
    plane.velero("backup-location", "create", "default", "--provider", "filesystem", "--bucket", BUCKET, "--prefix", "velero",
                 "--access-mode", "ReadOnly", "--config", f"root={plane.dir}/old", "--default", check=True)
    wait_for("the location", lambda: plane.phase("bsl", "default") == "Available")
    for version in STARTED:
        wait_for(f"backup {version} to be found", lambda: plane.phase("backups.velero.io", version) == "Completed", 120)


def tearDownModule():
    plane.close()


class Listed(unittest.TestCase):
    def view(self, *arguments):
        return run(BIN / "velero", "--bucket", bucket.root, *arguments, env={"KUBECONFIG": "/nonexistent"})

    def test_with_and_without_a_cluster(self):
        for out in (plane.velero("backup", "get").out, self.view("backup", "get").out):
            names = [line.split()[0] for line in out.splitlines()[1:]]
            self.assertEqual(names, ["v1-12", "v1-18", "v1-5", "v1-9"], out)

    def test_each_is_described_with_its_volumes(self):
        for version in STARTED:
            for result in (plane.velero("backup", "describe", version, "--details"),
                           self.view("backup", "describe", version, "--details")):
                self.assertEqual(result.code, 0, result)
                self.assertIn("/web: data", result.out, version)
                self.assertNotIn("error", result.out.lower().replace("errors:", ""), version)

    def test_logs_and_contents_are_read(self):
        self.assertIn("Backup completed", self.view("backup", "logs", "v1-5").out)
        out = plane.dir / "copied.tar.gz"
        self.assertEqual(self.view("backup", "download", "v1-5", "-o", out).code, 0)
        with tarfile.open(out) as tar:
            self.assertIn("resources/pods/namespaces/app/web.json", tar.getnames())

    def test_an_object_is_found_in_all_that_hold_it(self):
        result = self.view("find", "pod/web", "-n", "app", "-o", "json")
        self.assertEqual([b["backup"] for b in json.loads(result.out)["backups"]], ["v1-12", "v1-9", "v1-5"], result)


class Restored(unittest.TestCase):
    def restore(self, version, namespace, target):
        result = plane.velero("restore", "create", f"r-{target}", "--from-backup", version, "--namespace-mappings",
                              f"{namespace}:{target}", "--wait")
        return result, plane.velero("restore", "describe", f"r-{target}").out

    def test_restic_volumes_of_every_version_come_back(self):
        for version in ("v1-5", "v1-9", "v1-12"):
            target = f"back-{version}"
            result, described = self.restore(version, "app", target)
            self.assertEqual(result.code, 0, f"{result}\n{described}")
            plane.kubectl("-n", target, "wait", "--for=condition=ready", "pod/web", "--timeout=60s")
            self.assertEqual(plane.exec(target, "web", "cat", "/data/file").out, f"of {version}")
            plane.kubectl("delete", "namespace", target, "--timeout=60s")

    def test_kopia_volumes_are_named_as_not_readable_and_the_rest_comes_back(self):
        result, described = self.restore("v1-18", "newapp", "back-kopia")
        self.assertEqual(result.code, 2, result)
        self.assertEqual(plane.phase("restores.velero.io", "r-back-kopia"), "PartiallyFailed")
        self.assertIn("volume data of pod newapp/web is not restored: its data is in a kopia repository", described)
        plane.kubectl("-n", "back-kopia", "wait", "--for=condition=ready", "pod/web", "--timeout=60s")
        self.assertEqual(plane.exec("back-kopia", "web", "ls", "/data").out, "")

    def test_a_dry_run_says_so_beforehand(self):
        result = plane.velero("restore", "create", "--from-backup", "v1-18", "--namespace-mappings", "newapp:dry", "--dry-run")
        self.assertEqual(result.code, 2, result)
        self.assertIn("is in a kopia repository", result.out)
        self.assertIsNone(plane.get("namespace", "dry"))

    def test_volume_data_is_copied_out_of_the_old_repository(self):
        target = plane.dir / "copied-out"
        result = run(BIN / "salvor", "repo", "-r", bucket.root / "restic" / "app", "restore", "latest", "--target", target,
                     env={"RESTIC_PASSWORD": PASSWORD})
        self.assertEqual(result.code, 0, result)
        self.assertEqual((target / "file").read_text(), "of v1-12")


if __name__ == "__main__":
    unittest.main(verbosity=2)
