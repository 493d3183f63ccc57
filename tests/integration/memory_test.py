"""Resident memory: the idle control plane, and a backup of 20,000 objects. The numbers are printed for
docs/performance.md; the limits are those of the design."""
import json
import pathlib
import subprocess
import unittest

from harness import ControlPlane, run, wait_for

IDLE_LIMIT_MIB = 48
BACKUP_LIMIT_MIB = 96


def memory_mib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"{field} of {pid} is not known")


class Memory(unittest.TestCase):
    def setUp(self):
        self.plane = ControlPlane()
        self.pid = int((self.plane.dir / "pid").read_text().split()[0])

    def tearDown(self):
        self.plane.close()

    def test_idle_and_during_a_backup_of_20000_objects(self):
        idle = memory_mib(self.pid, "VmRSS")
        print(f"idle control plane: {idle:.1f} MiB resident")
        self.assertLess(idle, IDLE_LIMIT_MIB)
        self.plane.namespace("many")
        for batch in range(10):
            items = [{"apiVersion": "v1", "kind": "ConfigMap",
                      "metadata": {"name": f"c-{batch}-{i}", "namespace": "many"},
                      "data": {"value": "x" * 192}} for i in range(2000)]
            path = self.plane.dir / "objects.json"
            path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
            self.plane.kubectl("create", "-f", path, "-o", "name")
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # VmHWM counts from here
        result = self.plane.backup("many", "--include-namespaces", "many")
        self.assertEqual(result.code, 0, result)
        status = self.plane.get("backups.velero.io", "many")["status"]
        self.assertGreaterEqual(status["progress"]["itemsBackedUp"], 20000)
        peak = memory_mib(self.pid, "VmHWM")
        print(f"control plane, API server and all, during a backup of 20,000 objects: {peak:.1f} MiB peak resident")
        self.assertLess(peak, BACKUP_LIMIT_MIB)


if __name__ == "__main__":
    unittest.main(verbosity=2)
