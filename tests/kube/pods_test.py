"""Pods, their logs and commands in them."""
import json
import unittest

from api import TABLE, path_of, wait_for
from conformance import IMAGE, Conformance
from websocket import execute


class Pods(Conformance):
    nodes = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api.create("pods", cls.pod(cls, "steady", "echo begun; echo to-stderr >&2; trap 'exit 0' TERM; while :; do sleep 0.1; done"))
        cls.phase(cls, "steady", "Running")

    def phase(self, name, *wanted):
        def state():
            found = self.api.get("pods", name, self.ns)
            return found["status"].get("phase") in wanted and found
        return wait_for(f"pod {name} to be {' or '.join(wanted)}", state, 90)

    def logs(self, name, query="", status=200):
        path = path_of("pods", name, self.ns, "log") + (f"?{query}" if query else "")
        answer = self.api.request("GET", path, accept="*/*")
        self.assertEqual(answer.status, status, answer)
        return answer.data.decode()

    def test_a_pod_gets_defaults_and_a_node(self):
        found = self.phase("steady", "Running")
        spec, status = found["spec"], found["status"]
        self.assertTrue(spec["nodeName"])
        self.assertEqual((spec["serviceAccountName"], spec["dnsPolicy"], spec["schedulerName"]),
                         ("default", "ClusterFirst", "default-scheduler"))
        self.assertEqual(spec["containers"][0]["imagePullPolicy"], "IfNotPresent")
        self.assertEqual(status["qosClass"], "BestEffort")
        self.assertEqual({c["type"]: c["status"] for c in status["conditions"] if c["type"] in ("Ready", "PodScheduled")},
                         {"Ready": "True", "PodScheduled": "True"})
        self.assertTrue(status["containerStatuses"][0]["state"]["running"]["startedAt"])
        self.assertTrue(status["podIP"])
        row = self.api.get("pods", namespace=self.ns, query="fieldSelector=metadata.name%3Dsteady", accept=TABLE)["rows"][0]
        self.assertEqual(row["cells"][:4], ["steady", "1/1", "Running", "0"])

    def test_pods_that_end_tell_how(self):
        self.api.create("pods", self.pod("good", "true"))
        self.api.create("pods", self.pod("bad", "exit 7"))
        self.phase("good", "Succeeded")
        ended = self.phase("bad", "Failed")["status"]["containerStatuses"][0]["state"]["terminated"]
        self.assertEqual((ended["exitCode"], ended["reason"]), (7, "Error"))

    def test_init_containers_run_first(self):
        shared = [{"name": "shared", "mountPath": "/shared"}]
        pod = self.pod("prepared", "cat /shared/made", volumes=[{"name": "shared", "emptyDir": {}}],
                       initContainers=[{"name": "first", "image": IMAGE, "command": ["/bin/sh", "-c", "echo by-first > /shared/made"],
                                        "volumeMounts": shared}])
        pod["spec"]["containers"][0]["volumeMounts"] = shared
        self.api.create("pods", pod)
        self.phase("prepared", "Succeeded")
        self.assertEqual(self.logs("prepared"), "by-first\n")

    def test_config_maps_secrets_and_fields_reach_a_container(self):
        self.make("settings", {"key": "from-map"})
        self.api.create("secrets", {"metadata": {"name": "settings", "namespace": self.ns}, "stringData": {"key": "from-secret"}})
        pod = self.pod("fed", "echo $A $B $C; cat /map/key; echo; cat /secret/key", volumes=[
            {"name": "map", "configMap": {"name": "settings"}}, {"name": "secret", "secret": {"secretName": "settings"}}])
        pod["spec"]["containers"][0].update(
            env=[{"name": "A", "value": "plain"}, {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "key"}}},
                 {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            volumeMounts=[{"name": "map", "mountPath": "/map"}, {"name": "secret", "mountPath": "/secret"}])
        self.api.create("pods", pod)
        self.phase("fed", "Succeeded")
        self.assertEqual(self.logs("fed").splitlines(), ["plain from-map fed", "from-map", "from-secret"])

    def test_logs_can_be_cut_followed_and_stamped(self):
        self.api.create("pods", self.pod("talking", "for i in 1 2 3 4 5; do echo line $i; done; sleep 1; echo end"))
        self.phase("talking", "Running", "Succeeded")
        self.assertEqual(self.logs("talking", "follow=true").splitlines()[-2:], ["line 5", "end"])
        self.phase("talking", "Succeeded")
        self.assertEqual(self.logs("talking", "tailLines=2"), "line 5\nend\n")
        self.assertEqual(self.logs("talking", "limitBytes=4"), "line")
        self.assertRegex(self.logs("talking", "timestamps=true&tailLines=1"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z end\n$")
        self.logs("talking", "container=none", 400)
        self.logs("nobody", status=404)

    def test_a_command_runs_with_its_streams_and_exit_code(self):
        def run(*command, **more):
            return execute(self.api, self.ns, "steady", command, **more)
        done = run("/bin/sh", "-c", "echo out; echo err >&2; exit 3")
        self.assertEqual((done.exit_code, done.out, done.err), (3, b"out\n", b"err\n"))
        self.assertEqual(done.status["reason"], "NonZeroExitCode")
        self.assertIn("command terminated with non-zero exit code", done.status["message"])
        done = run("/bin/sh", "-c", "wc -c", stdin=b"x" * 100000)
        self.assertEqual((done.exit_code, done.out.strip()), (0, b"100000"))
        self.assertEqual(run("true").status["status"], "Success")

    def test_a_command_that_cannot_run_is_reported(self):
        done = execute(self.api, self.ns, "steady", ["/no/such/program"])
        self.assertEqual(done.status["status"], "Failure")
        for pod, container, code in (("nobody", "", 404), ("steady", "none", 400)):
            status, body = execute(self.api, self.ns, pod, ["true"], container=container)
            self.assertEqual((status, json.loads(body)["status"]), (code, "Failure"))

    def test_a_deleted_pod_gets_its_grace(self):
        self.api.create("pods", self.pod("graceful", "trap 'exit 0' TERM; while :; do sleep 0.1; done", terminationGracePeriodSeconds=20))
        self.phase("graceful", "Running")
        answer = self.api.delete("pods", "graceful", self.ns)
        self.assertEqual((answer["kind"], answer["metadata"]["deletionGracePeriodSeconds"]), ("Pod", 20))
        wait_for("the pod to go", lambda: not self.api.find("pods", "graceful", self.ns))
        self.api.create("pods", self.pod("stubborn", "trap '' TERM; while :; do sleep 0.1; done", terminationGracePeriodSeconds=600))
        self.phase("stubborn", "Running")
        self.api.delete("pods", "stubborn", self.ns, {"gracePeriodSeconds": 0})
        wait_for("the pod to go", lambda: not self.api.find("pods", "stubborn", self.ns))

    def test_an_eviction_deletes_a_pod(self):
        self.api.create("pods", self.pod("evicted", "sleep 1000"))
        self.api.expect(201, "POST", path_of("pods", "evicted", self.ns, "eviction"),
                        {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted", "namespace": self.ns}})
        wait_for("the pod to go", lambda: not self.api.find("pods", "evicted", self.ns), 90)

    def test_a_containers_image_may_change_but_little_else(self):
        pod = self.api.get("pods", "steady", self.ns)
        pod["spec"]["containers"][0]["command"] = ["other"]
        pod["metadata"].pop("resourceVersion")
        status = self.refused(422, "Invalid", "PUT", path_of("pods", "steady", self.ns), pod)
        self.assertIn("pod updates may not change fields other than", status["message"])


if __name__ == "__main__":
    unittest.main()
