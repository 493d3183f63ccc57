"""deploy/ applied to a cluster whose only part of Salvor is the embedded control plane: the server and the node agent run
as the pods that the manifests describe, with the rights that the manifests give them, and do the work."""
import json
import unittest

from harness import SOURCE, ControlPlane, run, wait_for

plane = None


def setUpModule():
    global plane
    plane = ControlPlane(location=False, up_flags=("--no-server",))
    plane.kubectl("apply", "-k", SOURCE / "deploy" / "base")


def tearDownModule():
    plane.close()


def pods(selector, namespace="velero"):
    found = json.loads(plane.kubectl("-n", namespace, "get", "pods", "-l", selector, "-o", "json").out)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def rolled_out():
    plane.kubectl("-n", "velero", "rollout", "status", "deployment/velero", "--timeout=60s")
    plane.kubectl("-n", "velero", "rollout", "status", "daemonset/node-agent", "--timeout=60s")
    plane.kubectl("-n", "velero", "wait", "--for=condition=Available", "deployment/velero", "--timeout=60s")


def restarts():
    return [status["restartCount"] for pod in pods("deploy=velero") for status in pod["status"].get("containerStatuses", [])]


def may(account, verb, resource, *where):
    answer = plane.kubectl("auth", "can-i", verb, resource, "--as", f"system:serviceaccount:velero:{account}", *where, check=False)
    return answer.out.strip() == "yes"


def kubectl_minor():
    version = json.loads(run("kubectl", "version", "--client", "-o", "json", check=True).out)["clientVersion"]
    return int("".join(c for c in version["minor"] if c.isdigit()))


class Deploy(unittest.TestCase):
    """One after the other, in the order of their names: each goes on where the one before ended."""

    def test_1_the_base_gives_a_running_server_and_node_agent(self):
        rolled_out()
        for selector in ("deploy=velero", "name=node-agent"):
            self.assertEqual(len(pods(selector)), 1)
        server, agent = pods("deploy=velero")[0], pods("name=node-agent")[0]
        self.assertEqual(restarts(), [0])
        self.assertEqual(server["spec"]["containers"][0]["image"].split(":")[0], "salvor")
        # The probes are answered by the processes themselves, on the pods' own ports.
        for pod in (server, agent):
            answer = plane.exec("velero", pod["metadata"]["name"], "curl", "-sS", "http://127.0.0.1:8085/readyz")
            self.assertIn("ok", answer.out)
        # As the account that the manifests name, and as the user and with the capabilities that they give.
        lines = plane.exec("velero", server["metadata"]["name"], "grep", "-hE", "^(Uid|CapBnd|NoNewPrivs)", "/proc/self/status").out
        self.assertEqual(lines.split(), ["Uid:", "65532", "65532", "65532", "65532", "CapBnd:", "0" * 16, "NoNewPrivs:", "1"])
        self.assertEqual(plane.velero("version").code, 0)

    def test_2_the_accounts_have_the_rights_of_the_manifests_and_no_more(self):
        self.assertTrue(may("velero", "list", "secrets", "-n", "default"))
        self.assertTrue(may("velero", "create", "deployments.apps", "-n", "default"))
        self.assertFalse(may("velero", "delete", "pods", "-n", "default"))
        self.assertTrue(may("velero", "delete", "backups.velero.io", "-n", "velero"))
        self.assertTrue(may("node-agent", "get", "persistentvolumeclaims", "-n", "default"))
        self.assertFalse(may("node-agent", "list", "secrets", "-n", "default"))
        self.assertFalse(may("node-agent", "delete", "podvolumebackups.velero.io", "-n", "velero"))
        # And the API holds them to it.
        path = "/api/v1/namespaces/velero/serviceaccounts/node-agent/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = json.loads(plane.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(request)).out)["status"]["token"]
        server = json.loads(plane.kubectl("config", "view", "--minify", "-o", "json").out)["clusters"][0]["cluster"]["server"]
        refused = run("kubectl", "--kubeconfig", "/dev/null", "--server", server, "--insecure-skip-tls-verify", "--token", token,
                      "-n", "default", "get", "secrets")
        self.assertIn('User "system:serviceaccount:velero:node-agent" cannot list resource "secrets"', refused.err)

    @unittest.skipIf(kubectl_minor() < 21, "this kubectl does not know patches with targets, which the overlay has")
    def test_3_the_node_agent_moves_the_volumes_of_a_backup_and_its_restore(self):
        bucket = plane.dir.parent / f"{plane.dir.name}-backups"
        self.addClassCleanup(run, "rm", "-rf", bucket)
        (bucket / "backups").mkdir(parents=True)
        text = plane.kubectl("kustomize", SOURCE / "deploy" / "overlays" / "local").out
        self.assertIn("/var/lib/salvor-backups", text)
        plane.apply(text.replace("/var/lib/salvor-backups", str(bucket)))
        rolled_out()
        wait_for("the location to be available", lambda: plane.phase("bsl", "default") == "Available")

        # The volume comes after the node agent, which sees it all the same.
        plane.volume_pod("app", "data", script="test -e /data/file || { head -c 3000000 /dev/urandom >/data/new; mv /data/new /data/file; }; "
                                                  "while true; do sleep 1; done")
        content = wait_for("the data", lambda: self.content("data"))
        backup = plane.backup("one", "--include-namespaces", "app", "--default-volumes-to-fs-backup")
        self.assertEqual(backup.code, 0, backup)
        self.assertEqual(plane.phase("backups.velero.io", "one"), "Completed", plane.velero("backup", "logs", "one"))
        volumes = json.loads(plane.kubectl("-n", "velero", "get", "podvolumebackups", "--show-managed-fields", "-o", "json").out)["items"]
        self.assertEqual([(v["spec"]["volume"], v["status"]["phase"]) for v in volumes], [("data", "Completed")])
        self.assertGreaterEqual(volumes[0]["status"]["progress"]["bytesDone"], 3000000)
        # By the node agent, and there is but the one in the pod.
        self.assertIn("salvor-node-agent", [entry["manager"] for entry in volumes[0]["metadata"]["managedFields"]])

        plane.kubectl("delete", "namespace", "app", "--timeout=60s")
        self.restore("one")
        self.assertEqual(wait_for("the restored data", lambda: self.content("data")), content)

    @unittest.skipIf(kubectl_minor() < 21, "as above")
    def test_4_a_killed_server_comes_back_and_goes_on(self):
        before = pods("deploy=velero")[0]["metadata"]["name"]
        # The container ends with its main process, and this command with the container: its exit code says nothing.
        plane.exec("velero", before, "pkill", "-KILL", "-f", "^/usr/bin/salvor server", check=False)
        wait_for("the server's restart", lambda: restarts() == [1])
        rolled_out()
        backup = plane.backup("two", "--include-namespaces", "app", "--default-volumes-to-fs-backup")
        self.assertEqual(backup.code, 0, backup)

        plane.kubectl("-n", "velero", "delete", "pod", before, "--grace-period=0", "--force")
        wait_for("another pod", lambda: [pod["metadata"]["name"] for pod in pods("deploy=velero")] not in ([], [before]))
        rolled_out()
        content = self.content("data")
        plane.kubectl("delete", "namespace", "app", "--timeout=60s")
        self.restore("two")
        self.assertEqual(wait_for("the restored data", lambda: self.content("data")), content)

    @unittest.skipIf(kubectl_minor() < 21, "as above")
    def test_5_all_comes_back_with_the_control_plane(self):
        before = self.content("data")
        plane.kill()
        plane.up()
        rolled_out()
        wait_for("the location to be available", lambda: plane.phase("bsl", "default") == "Available")
        backup = plane.backup("three", "--include-namespaces", "app", "--default-volumes-to-fs-backup")
        self.assertEqual(backup.code, 0, backup)
        self.assertEqual(self.content("data"), before)

    def content(self, pod):
        done = plane.exec("app", pod, "sha256sum", "/data/file", check=False)
        return done.out.split()[0] if done.code == 0 else None

    def restore(self, backup):
        done = plane.velero("restore", "create", f"{backup}-back", "--from-backup", backup, "--wait")
        self.assertEqual(plane.phase("restores.velero.io", f"{backup}-back"), "Completed",
                         (done, plane.velero("restore", "logs", f"{backup}-back")))
        plane.kubectl("-n", "app", "wait", "--for=condition=ready", "pod/data", "--timeout=60s")


if __name__ == "__main__":
    unittest.main()
