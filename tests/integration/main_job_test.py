"""The main job, as a newcomer runs it: on a directory, and on a real S3 (Ceph's RADOS gateway)."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import BIN, SOURCE, run, wait_for


def quickstart(directory, *flags, env=None):
    result = run(SOURCE / "scripts" / "quickstart", "--no-build", "--dir", directory, *flags, env=env, timeout=400)
    report = SOURCE / "quickstart-report.json"
    return result, json.loads(report.read_text()) if result.code == 0 else None


@unittest.skipIf(BIN != SOURCE / "build" / "release" / "bin", "the quickstart runs the release build")
class MainJob(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="salvor-main-job-"))

    def tearDown(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def test_it_passes_on_a_directory(self):
        result, report = quickstart(self.directory / "run")
        self.assertEqual(result.code, 0, result)
        facts = {key: value for step in report["steps"] for key, value in step["facts"].items()}
        self.assertEqual(facts["daily-1: rows and checksum"], "equal")
        self.assertEqual(facts["files-1: MLflow files"], "byte-equal")

    def test_it_passes_on_ceph(self):
        ready = self.directory / "ceph" / "ready"
        service = subprocess.Popen([SOURCE / "tests" / "services" / "ceph-s3", self.directory / "ceph"])
        try:
            wait_for("Ceph's gateway to answer", ready.exists, timeout=90)
            endpoint, access, secret = ready.read_text().split()
            result, report = quickstart(self.directory / "run", "--s3", endpoint,
                                        env={"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret})
            self.assertEqual(result.code, 0, result)
            self.assertEqual(report["store"], endpoint)
        finally:
            service.terminate()
            service.wait(30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
