"""An API server that fails: `salvor server` as a process of its own, with a proxy between it and the API server."""
import collections
import itertools
import json
import pathlib
import subprocess
import threading
import time
import unittest

from fault_proxy import CUT, Answer, Cut, FaultProxy
from harness import BIN, BUCKET, ControlPlane, run, wait_for

CONFIG_MAPS = 1200  # three pages
OUTAGE_SECONDS = 30


class Plane(ControlPlane):
    """A control plane whose backup server reaches it through a proxy."""

    def up(self):
        run(BIN / "salvor", "local", "up", "--no-server", "--no-pods", "--dir", self.dir, check=True)
        self.proxy = FaultProxy(self.kubeconfig)
        self.server = None

    def start_server(self, user=None):
        path = self.dir / "through-proxy"
        path.write_text(self.proxy.kubeconfig(user))
        log = open(self.dir / "server.log", "a")
        self.server = subprocess.Popen([BIN / "salvor", "server", "--kubeconfig", path, "--metrics-address", ""], stdout=log, stderr=log)
        kinds = "backups.velero.io,restores.velero.io,backupstoragelocations.velero.io,downloadrequests.velero.io"
        wait_for("the definitions", lambda: self.kubectl("-n", "velero", "get", kinds, check=False).code == 0)

    def stop_server(self):
        self.server.terminate()
        self.server.wait(60)

    def close(self):
        self.stop_server()
        self.proxy.close()
        super().close()

    def config_maps(self, namespace, count, size=10):
        self.namespace(namespace)
        items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c-{i:04}", "namespace": namespace},
                  "data": {"n": str(i), "fill": "x" * size}} for i in range(count)]
        for at in range(0, count, 500):
            chunk = items[at:at + 500]
            self.kubectl("create", "-f", "-", "-o", "name", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": chunk}))

    def restore(self, name, backup, source, target, *flags):
        return self.velero("restore", "create", name, "--from-backup", backup, "--namespace-mappings", f"{source}:{target}", *flags)

    def ended(self, kind, name, timeout=180):
        def final():
            found = self.get(kind, name)
            return found and (found.get("status") or {}).get("completionTimestamp") and found["status"]
        return wait_for(f"the end of {kind} {name}", final, timeout)

    def items_of(self, backup):
        """How often each object is in the backup's tarball (plain paths)."""
        archive = self.dir / "buckets" / BUCKET / "velero/backups" / backup / f"{backup}.tar.gz"
        listed = subprocess.run(["tar", "-tzf", archive], check=True, capture_output=True, text=True).stdout
        return collections.Counter(line for line in listed.splitlines() if "preferredversion" not in line)


plane = None


def setUpModule():
    global plane
    plane = Plane(location=False)
    plane.start_server()
    plane.add_location("default", plane.dir / "buckets", "--default")
    plane.config_maps("many", CONFIG_MAPS)
    plane.config_maps("few", 200)


def tearDownModule():
    plane.close()


class ApiFault(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        plane.proxy.requests.clear()

    def tearDown(self):
        plane.proxy.rule = None

    def assert_whole(self, backup, namespace="many", count=CONFIG_MAPS):
        found = {path: times for path, times in plane.items_of(backup).items() if f"configmaps/namespaces/{namespace}/c-" in path}
        self.assertEqual((len(found), set(found.values())), (count, {1}))

    def completed(self, kind, name):
        status = plane.ended(kind, name)
        shown = plane.velero("backup" if kind.startswith("backup") else "restore", "logs", name).out
        problems = [line for line in shown.splitlines() if "level=error" in line]
        self.assertEqual((status["phase"], problems[:3]), ("Completed", []), f"{len(problems)} errors, {status}")
        return status

    def restored(self, namespace):
        maps = json.loads(plane.kubectl("-n", namespace, "get", "configmaps", "-o", "json").out)["items"]
        return sum(1 for item in maps if item["metadata"]["name"].startswith("c-"))


class Outage(ApiFault):
    def test_a_backup_and_a_restore_wait_for_an_api_server_that_is_gone(self):
        first = plane.backup("before-outage", "--include-namespaces", "many")
        self.assertEqual(first.code, 0, first)
        struck = {"backup": threading.Event(), "restore": threading.Event()}
        release = threading.Event()

        def rule(request):
            # Both hold in the middle of their work until the server goes away.
            if request.method == "GET" and request.path.endswith("/configmaps") and "continue" in request.query:
                struck["backup"].set()
                release.wait(60)
            if request.method == "POST" and request.path.endswith("/outage-target/configmaps") and len(plane.proxy.requests) > 400:
                struck["restore"].set()
                release.wait(60)
            return None
        plane.proxy.rule = rule
        plane.restore("outage", "before-outage", "many", "outage-target")
        plane.velero("backup", "create", "outage", "--include-namespaces", "many")
        for name, event in struck.items():
            self.assertTrue(event.wait(60), f"the {name} did not begin")
        plane.proxy.down()
        release.set()
        time.sleep(OUTAGE_SECONDS)  # the fault itself
        plane.proxy.rule = None
        plane.proxy.up()
        self.completed("backups.velero.io", "outage")
        self.assert_whole("outage")
        self.completed("restores.velero.io", "outage")
        self.assertEqual(self.restored("outage-target"), CONFIG_MAPS)


class Storms(ApiFault):
    def storm(self, *answers):
        """Of every three requests one fails, in turn with each of the answers."""
        turns, faults = itertools.count(), itertools.cycle(answers)
        lock = threading.Lock()

        def rule(request):
            with lock:
                return next(faults) if next(turns) % 3 == 0 and not request.is_watch else None
        plane.proxy.rule = rule

    def check(self, name):
        plane.velero("backup", "create", name, "--include-namespaces", "few")
        self.completed("backups.velero.io", name)
        self.assert_whole(name, "few", 200)
        plane.restore(name, name, "few", f"{name}-target")
        self.completed("restores.velero.io", name)
        self.assertEqual(self.restored(f"{name}-target"), 200)

    def test_too_many_requests(self):
        self.storm(Answer(429, "TooManyRequests", "slow down", {"Retry-After": "0"}), Answer(429, "TooManyRequests"))
        self.check("storm-429")

    def test_internal_errors_and_broken_connections(self):
        self.storm(Answer(500, "InternalError", "etcdserver: leader changed"), Answer(503, "ServiceUnavailable"),
                   Answer(504, "Timeout"), CUT)
        self.check("storm-500")


class Watches(ApiFault):
    def test_watches_that_are_closed_again_and_again_lose_nothing(self):
        for i in range(4):
            plane.proxy.break_connections(watches_only=True)
            plane.velero("backup", "create", f"closed-{i}", "--include-namespaces", "many")
            plane.proxy.break_connections(watches_only=True)
            self.completed("backups.velero.io", f"closed-{i}")

    def test_a_watch_whose_version_is_gone_lists_again(self):
        gone = threading.Event()

        def rule(request):
            if request.is_watch and request.path.endswith("/backups") and not gone.is_set():
                gone.set()
                return Answer(410, "Expired", "too old resource version")
            return None
        plane.proxy.rule = rule
        plane.proxy.break_connections(watches_only=True)
        self.assertTrue(gone.wait(60))
        plane.velero("backup", "create", "after-gone", "--include-namespaces", "many")
        self.completed("backups.velero.io", "after-gone")


class Lists(ApiFault):
    def each_page(self, do):
        """Calls do(number) before the second page of config maps (1) and the third (2), once each."""
        numbers, lock = itertools.count(1), threading.Lock()

        def rule(request):
            if request.method == "GET" and request.path.endswith("/configmaps") and "continue" in request.query:
                with lock:
                    return do(next(numbers))
            return None
        plane.proxy.rule = rule

    def test_a_page_that_breaks_off_is_fetched_again(self):
        self.each_page(lambda number: Cut(20_000) if number < 3 else None)
        plane.velero("backup", "create", "broken-page", "--include-namespaces", "many")
        self.completed("backups.velero.io", "broken-page")
        self.assert_whole("broken-page")

    def test_a_continue_token_that_expires_starts_the_list_again_without_doubles(self):
        self.each_page(lambda number: Answer(410, "Expired", "the provided continue parameter is too old") if number == 2 else None)
        plane.velero("backup", "create", "expired", "--include-namespaces", "many")
        self.completed("backups.velero.io", "expired")
        self.assert_whole("expired")

    def test_objects_deleted_while_they_are_listed_do_no_harm(self):
        plane.config_maps("shrinking", CONFIG_MAPS)

        def do(number):
            if number == 1:
                plane.kubectl("-n", "shrinking", "delete", "configmap", *(f"c-{i:04}" for i in range(480, 1100, 20)))
        self.each_page(do)
        plane.velero("backup", "create", "shrinking", "--include-namespaces", "shrinking")
        self.completed("backups.velero.io", "shrinking")
        counts = plane.items_of("shrinking")
        self.assertGreaterEqual(len([p for p in counts if "/shrinking/c-" in p]), CONFIG_MAPS - 31)
        self.assertEqual(max(counts.values()), 1)

    def test_large_objects_are_taken_in_small_answers(self):
        plane.config_maps("large", 40, 1_000_000)
        pathlib.Path(f"/proc/{plane.server.pid}/clear_refs").write_text("5")
        plane.velero("backup", "create", "large", "--include-namespaces", "large")
        self.completed("backups.velero.io", "large")
        self.assert_whole("large", "large", 40)
        status = pathlib.Path(f"/proc/{plane.server.pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
        print(f"salvor server during a backup of 40 objects of 1 MB: {peak:.1f} MiB peak resident")
        self.assertLess(peak, 96)

    def test_a_definition_removed_meanwhile_is_told_and_the_rest_is_backed_up(self):
        plane.apply({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                     "metadata": {"name": "widgets.example.com"},
                     "spec": {"group": "example.com", "scope": "Namespaced",
                              "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
                              "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                                  "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})
        plane.kubectl("wait", "--for=condition=established", "crd/widgets.example.com", "--timeout=30s")

        def rule(request):
            if request.path.endswith("/widgets"):
                plane.kubectl("delete", "crd", "widgets.example.com", check=False)
            return None
        plane.proxy.rule = rule
        plane.velero("backup", "create", "removed", "--include-namespaces", "many")
        status = plane.ended("backups.velero.io", "removed")
        self.assertEqual(status["phase"], "PartiallyFailed", status)
        log = plane.velero("backup", "logs", "removed").out
        errors = [line for line in log.splitlines() if "level=error" in line]
        self.assertTrue(errors and all("widgets" in line for line in errors), errors)
        self.assert_whole("removed")


class Tokens(unittest.TestCase):
    def test_a_token_that_expires_in_the_middle_is_read_again(self):
        token = plane.dir / "token"
        token.write_text("first")
        accepted = {"first"}

        def rule(request):
            if request.method == "GET" and request.path.endswith("/configmaps") and "continue" in request.query and "first" in accepted:
                token.write_text("second")
                accepted.remove("first")
                accepted.add("second")
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            return None if given in accepted else Answer(401, "Unauthorized")
        plane.proxy.rule = rule
        plane.stop_server()
        plane.start_server({"tokenFile": str(token)})
        try:
            plane.velero("backup", "create", "renewed", "--include-namespaces", "many")
            status = plane.ended("backups.velero.io", "renewed")
            self.assertEqual(status["phase"], "Completed", status)
            self.assertEqual(accepted, {"second"})
        finally:
            plane.proxy.rule = None
            plane.stop_server()
            plane.start_server()


if __name__ == "__main__":
    unittest.main(verbosity=2)
