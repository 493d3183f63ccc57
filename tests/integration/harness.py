"""What the integration tests share: a control plane of their own, and ways to call the binary.

A test module calls `ControlPlane()` in setUpModule and `.close()` in tearDownModule. Everything lives in one temporary
directory and listens on loopback, on free ports.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

BIN = pathlib.Path(os.environ.get("SALVOR_BIN", "build/release/bin")).resolve()
SOURCE = pathlib.Path(os.environ.get("SALVOR_SOURCE", ".")).resolve()
BUCKET = "neurectomy-backups-us-east-1"


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def run(*argv, env=None, stdin=None, timeout=180, check=False, cwd=None):
    done = subprocess.run([str(a) for a in argv], env={**os.environ, **(env or {})}, input=stdin, text=True,
                          errors="surrogateescape", capture_output=True, timeout=timeout, cwd=cwd)
    result = Result(done)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: {result}")
    return result


def wait_for(what, condition, timeout=60):
    """Polls until condition() is true; says what it awaited when it is not in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.1)


class ControlPlane:
    def __init__(self, location=True, up_flags=()):
        self.up_flags = up_flags
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="salvor-test-"))
        for name in ("volumes", "buckets", "snapshots"):
            (self.dir / name).mkdir()
        (self.dir / "buckets" / BUCKET).mkdir()
        self.kubeconfig = self.dir / "kubeconfig"
        self.up()
        if location:
            self.add_location("default", self.dir / "buckets", "--default")

    def up(self):
        run(BIN / "salvor", "local", "up", "--dir", self.dir, *self.up_flags, check=True)

    def down(self):
        run(BIN / "salvor", "local", "down", "--dir", self.dir, check=True)

    def close(self):
        run(BIN / "salvor", "local", "down", "--dir", self.dir)
        shutil.rmtree(self.dir, ignore_errors=True)

    def kill(self):
        """SIGKILL to the control plane, as a crash would end it."""
        pid = int((self.dir / "pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        wait_for(f"the end of process {pid}", lambda: not pathlib.Path(f"/proc/{pid}/cmdline").exists() or
                 pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")

    # --- commands ---
    def env(self):
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": f"{BIN}:{os.environ['PATH']}"}

    def velero(self, *arguments, check=False, timeout=180):
        return run(BIN / "velero", *arguments, env=self.env(), check=check, timeout=timeout)

    def kubectl(self, *arguments, stdin=None, check=True):
        return run("kubectl", *arguments, env=self.env(), stdin=stdin, check=check)

    def exec(self, namespace, pod, *command, check=True):
        return run(BIN / "salvor", "local", "exec", "-n", namespace, pod, "--", *command, env=self.env(), check=check)

    def apply(self, document):
        text = document if isinstance(document, str) else json.dumps(document)
        return self.kubectl("apply", "-f", "-", stdin=text)

    def get(self, kind, name, namespace="velero"):
        result = self.kubectl("-n", namespace, "get", kind, name, "-o", "json", check=False)
        return json.loads(result.out) if result.code == 0 else None

    def phase(self, kind, name):
        return ((self.get(kind, name) or {}).get("status") or {}).get("phase", "")

    def add_location(self, name, root, *flags):
        self.velero("backup-location", "create", name, "--provider", "filesystem", "--bucket", BUCKET, "--prefix", "velero",
                    "--config", f"root={root},resticRepoPrefix={root}/{BUCKET}/restic", *flags, check=True)
        wait_for(f"location {name} to be available", lambda: self.phase("bsl", name) == "Available")

    def backup(self, name, *flags):
        return self.velero("backup", "create", name, *flags, "--wait")

    # --- workloads ---
    def namespace(self, name):
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def volume_pod(self, namespace, name, script="while true; do sleep 1; done", annotations=None, size="1Gi", storage_class=None):
        """A running pod `name` with the claim `name`, mounted at /data, container `main`."""
        self.namespace(namespace)
        self.apply({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": namespace},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}},
                     **({"storageClassName": storage_class} if storage_class else {})}})
        self.apply({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}, "annotations": annotations or {}},
            "spec": {
                "containers": [{"name": "main", "image": "busybox:1.36", "command": ["/bin/sh", "-c", script],
                                "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
                "terminationGracePeriodSeconds": 1,
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}})
        self.kubectl("-n", namespace, "wait", "--for=condition=ready", f"pod/{name}", "--timeout=60s")

    def hooked_pod(self, namespace, name, command, **more):
        annotations = {"pre.hook.backup.velero.io/command": json.dumps(command)}
        annotations.update({f"pre.hook.backup.velero.io/{key.replace('_', '-')}": value for key, value in more.items()})
        self.volume_pod(namespace, name, annotations=annotations)
