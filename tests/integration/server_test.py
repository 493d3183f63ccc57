"""Servers beside each other, servers that are told to stop, and work that is cancelled: nothing runs twice, nothing is
lost, what should stop stops."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import unittest
import urllib.request

from harness import BIN, BUCKET, ControlPlane, run, wait_for

plane = None


def setUpModule():
    global plane
    plane = ControlPlane()


def tearDownModule():
    plane.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`salvor server` as a process of its own against a control plane."""

    def __init__(self, of, *flags):
        self.metrics = f"127.0.0.1:{free_port()}"
        self.log_path = of.dir / f"server-{self.metrics.rsplit(':', 1)[1]}.log"
        self.log = open(self.log_path, "w")
        self.process = subprocess.Popen([BIN / "salvor", "server", "--metrics-address", self.metrics, *flags],
                                        env={**os.environ, **of.env()}, stderr=self.log)

    def lines(self):
        return self.log_path.read_text().splitlines()

    def scrape(self):
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(timeout=60)
        self.log.close()
        return code


def annotations(name):
    return plane.get("backups.velero.io", name)["metadata"].get("annotations", {})


def phase(name, of=None):
    return (of or plane).phase("backups.velero.io", name)


class Cancel(unittest.TestCase):
    def test_a_running_backup_is_cancelled_with_its_hook(self):
        plane.hooked_pod("cancelled", "p", ["/bin/sh", "-c", "sleep 4244"], timeout="10m")
        plane.velero("backup", "create", "cancelled", "--include-namespaces", "cancelled", check=True)
        wait_for("the hook to run", lambda: run("pgrep", "-f", "sleep 4244").code == 0)
        result = plane.velero("backup", "cancel", "cancelled", "--wait", check=True)
        self.assertIn('backup "cancelled" is cancelled.', result.out)
        status = plane.get("backups.velero.io", "cancelled")["status"]
        self.assertEqual((status["phase"], status["failureReason"]), ("Failed", "the backup was cancelled on request"))
        wait_for("the end of the hook's process", lambda: run("pgrep", "-f", "sleep 4244").code == 1, timeout=20)
        left = sorted(p.name for p in (plane.dir / "buckets" / BUCKET / "velero" / "backups" / "cancelled").iterdir())
        self.assertEqual(left, ["cancelled-logs.gz"])
        reasons = [e["reason"] for e in json.loads(plane.kubectl("-n", "velero", "get", "events", "-o", "json").out)["items"]
                   if e["involvedObject"]["name"] == "cancelled"]
        self.assertEqual(reasons.count("InProgress"), 1, reasons)
        self.assertEqual(reasons.count("Failed"), 1, reasons)
        again = plane.velero("backup", "cancel", "cancelled")
        self.assertIn("is finished already: Failed", again.out)

    def test_what_is_not_there_cannot_be_cancelled(self):
        result = plane.velero("backup", "cancel", "nobody")
        self.assertEqual(result.code, 1)
        self.assertIn('backups.velero.io "nobody" not found', result.err)


class Names(unittest.TestCase):
    def test_names_longer_than_a_label_work_everywhere(self):
        plane.volume_pod("long", "p", script="echo data >/data/f; while true; do sleep 1; done")
        name = "a-backup-with-a-name-that-is-much-longer-than-what-the-value-of-a-label-may-be-" + "x" * 30
        self.assertGreater(len(name), 100)
        self.assertEqual(plane.backup(name, "--include-namespaces", "long", "--default-volumes-to-fs-backup").code, 0)
        self.assertIn("Completed:  1", plane.velero("backup", "describe", name, check=True).out)
        self.assertIn("Backed up", plane.velero("backup", "logs", name, check=True).out)
        restore = "r-" + name
        self.assertEqual(plane.velero("restore", "create", restore, "--from-backup", name, "--namespace-mappings",
                                      "long:long-restored", "--wait").code, 0)
        plane.velero("backup", "delete", name, "--confirm", check=True)
        wait_for("the deletion", lambda: plane.get("backups.velero.io", name) is None)
        wait_for("the deletion of the restore", lambda: plane.get("restores.velero.io", restore) is None)

        schedule = "a-schedule-with-a-name-that-is-longer-than-what-the-value-of-a-label-may-be"
        plane.velero("schedule", "create", schedule, "--schedule", "@every 1s", "--include-namespaces", "long", check=True)
        def made():
            items = json.loads(plane.kubectl("-n", "velero", "get", "backups.velero.io", "-o", "json").out)["items"]
            return [b for b in items if b["metadata"]["name"].startswith(schedule) and
                    b.get("status", {}).get("phase") == "Completed"]
        wait_for("two backups of the schedule", lambda: len(made()) >= 2)
        plane.velero("schedule", "delete", schedule, "--confirm", check=True)


class Two(unittest.TestCase):
    def test_two_servers_without_leader_election_run_each_backup_once(self):
        second = Server(plane, "--log-format", "json")
        try:
            names = [f"once-{i}" for i in range(12)]
            for name in names:
                plane.namespace(name)
            for name in names:
                plane.velero("backup", "create", name, "--include-namespaces", name, check=True)
            for name in names:
                wait_for(name, lambda: phase(name) == "Completed")
            events = json.loads(plane.kubectl("-n", "velero", "get", "events", "-o", "json").out)["items"]
            for name in names:
                started = [e for e in events if e["involvedObject"]["name"] == name and e["reason"] == "InProgress"]
                self.assertEqual(len(started), 1, name)
            self.assertIn("velero_backup_attempt_total", second.scrape())
        finally:
            code = second.end(signal.SIGTERM)
        self.assertEqual(code, 0)
        lines = [json.loads(line) for line in second.lines()]
        self.assertTrue(all({"time", "level", "msg"} <= line.keys() for line in lines))
        for line in lines:
            if "starts" in line["msg"]:
                self.assertTrue(line["backup"].startswith("velero/once-"))
                self.assertEqual(len(line["request"]), 8)

    def test_a_server_that_is_told_to_stop_leaves_its_backup_to_the_other(self):
        second = Server(plane)
        for name in ("stop-a", "stop-b"):
            plane.hooked_pod(name, "p", ["/bin/sh", "-c", "sleep 8"], timeout="60s")
        for name in ("stop-a", "stop-b"):
            plane.velero("backup", "create", name, "--include-namespaces", name, check=True)
        # Each runs one at a time, so each of the two has one.
        for name in ("stop-a", "stop-b"):
            wait_for(f"{name} to run", lambda: phase(name) == "InProgress")
        owners = {name: annotations(name)["salvor.io/server"] for name in ("stop-a", "stop-b")}
        self.assertEqual(len(set(owners.values())), 2, owners)
        self.assertEqual(second.end(signal.SIGTERM), 0)
        for name in ("stop-a", "stop-b"):
            wait_for(f"{name} to be completed", lambda: phase(name) == "Completed")
        self.assertEqual(len({annotations(name)["salvor.io/server"] for name in owners}), 1)
        self.assertTrue(any("goes back to New" in line for line in second.lines()), second.lines())


class Leader(unittest.TestCase):
    def test_a_standby_takes_over_when_the_leader_is_killed_and_resumes_its_backup(self):
        class Bare(ControlPlane):
            def up(self):
                run(BIN / "salvor", "local", "up", "--dir", self.dir, "--no-server", check=True)

        bare = Bare(location=False)
        servers = []
        try:
            for _ in range(2):
                servers.append(Server(bare, "--leader-elect", "--leader-elect-lease-duration", "3s"))
            wait_for("a leader", lambda: any("server started" in line for s in servers for line in s.lines()))
            bare.add_location("default", bare.dir / "buckets", "--default")
            leader = next(s for s in servers if any("server started" in line for line in s.lines()))
            standby = next(s for s in servers if s is not leader)
            wait_for("the other to stand by", lambda: any("standing by" in line for line in standby.lines()))
            self.assertFalse(any("server started" in line for line in standby.lines()))
            bare.hooked_pod("app", "p", ["/bin/sh", "-c", "sleep 4"], timeout="60s")
            bare.velero("backup", "create", "b", "--include-namespaces", "app", check=True)
            wait_for("the backup to run", lambda: phase("b", bare) == "InProgress")
            leader.end(signal.SIGKILL)
            wait_for("the backup", lambda: phase("b", bare) == "Completed", timeout=90)
            self.assertEqual(bare.get("backups.velero.io", "b")["metadata"]["annotations"]["salvor.io/restarts"], "1")
            self.assertIn("salvor_leader 1", standby.scrape())
            self.assertEqual(standby.end(signal.SIGTERM), 0)
        finally:
            for server in servers:
                if server.process.poll() is None:
                    server.end(signal.SIGKILL)
            bare.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
