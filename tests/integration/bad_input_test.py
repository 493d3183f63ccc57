"""What a user mistypes or misconfigures is named, with exit 1, and harms nothing."""
import unittest

from harness import ControlPlane, wait_for

plane = None


def setUpModule():
    global plane
    plane = ControlPlane()
    plane.namespace("app")
    plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "app"}, "data": {"k": "v"}})


def tearDownModule():
    plane.close()


class Commands(unittest.TestCase):
    def assert_refused(self, result, *words):
        self.assertEqual(result.code, 1, result)
        for word in words:
            self.assertIn(word, result.err, result)

    def test_a_missing_backup_is_named(self):
        for verb in ("describe", "logs", "get"):
            self.assert_refused(plane.velero("backup", verb, "nope"), '"nope" not found')

    def test_a_missing_schedule_is_named(self):
        self.assert_refused(plane.velero("backup", "create", "--from-schedule", "nope"), "nope", "not found")

    def test_a_missing_location_is_named_before_anything_is_submitted(self):
        self.assert_refused(plane.velero("backup", "create", "x", "--storage-location", "nope"),
                            'backupstoragelocations.velero.io "nope" not found')
        self.assertIsNone(plane.get("backups.velero.io", "x"))

    def test_a_restore_needs_an_existing_backup(self):
        self.assert_refused(plane.velero("restore", "create", "--from-backup", "nope"), "nope", "not found")

    def test_a_malformed_selector_is_refused(self):
        self.assert_refused(plane.velero("backup", "create", "x", "-l", "a in ("), "a in (")

    def test_an_unknown_flag_is_named(self):
        self.assert_refused(plane.velero("backup", "create", "x", "--nope"), "unknown flag: --nope")

    def test_a_cluster_that_does_not_answer_is_named(self):
        result = plane.velero("backup", "get", "--kubeconfig", "/does/not/exist")
        self.assert_refused(result, "/does/not/exist")


class Objects(unittest.TestCase):
    def test_a_malformed_cron_expression_fails_validation_and_says_why(self):
        plane.velero("schedule", "create", "bad", "--schedule", "61 * * * *", check=True)
        wait_for("the schedule to fail validation", lambda: plane.phase("schedules.velero.io", "bad") == "FailedValidation")
        errors = plane.get("schedules.velero.io", "bad")["status"]["validationErrors"]
        self.assertIn("invalid schedule", errors[0])
        self.assertIn("61", errors[0])
        plane.velero("schedule", "delete", "bad", "--confirm", check=True)

    def test_an_unknown_location_in_an_object_fails_validation(self):
        plane.apply({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "lost", "namespace": "velero"},
                     "spec": {"storageLocation": "nowhere"}})
        wait_for("validation", lambda: plane.phase("backups.velero.io", "lost") == "FailedValidation")
        self.assertIn("nowhere", str(plane.get("backups.velero.io", "lost")["status"]["validationErrors"]))

    def test_a_location_without_its_directory_is_unavailable_and_says_so(self):
        plane.velero("backup-location", "create", "gone", "--provider", "filesystem", "--bucket", "b",
                     "--config", "root=/does/not/exist", check=True)
        wait_for("the phase", lambda: plane.phase("bsl", "gone") == "Unavailable")
        self.assertIn("/does/not/exist", plane.get("bsl", "gone")["status"]["message"])

    def test_an_unknown_provider_is_named(self):
        plane.velero("backup-location", "create", "odd", "--provider", "example.com/none", "--bucket", "b", check=True)
        wait_for("the phase", lambda: plane.phase("bsl", "odd") == "Unavailable")
        self.assertIn("example.com/none", plane.get("bsl", "odd")["status"]["message"])

    def test_a_missing_namespace_makes_the_backup_partially_failed(self):
        result = plane.backup("no-namespace", "--include-namespaces", "app,missing")
        self.assertEqual(result.code, 2, result)
        self.assertEqual(plane.phase("backups.velero.io", "no-namespace"), "PartiallyFailed")
        self.assertIn("missing", plane.velero("backup", "logs", "no-namespace").out)

    def test_waiting_for_a_failure_is_an_error_unless_velero_is_imitated(self):
        import os
        os.environ["VELERO_COMPAT_EXIT"] = "1"
        try:
            self.assertEqual(plane.backup("imitated", "--include-namespaces", "missing").code, 0)
        finally:
            del os.environ["VELERO_COMPAT_EXIT"]

    def test_after_all_this_a_backup_completes(self):
        result = plane.backup("fine", "--include-namespaces", "app")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(plane.phase("backups.velero.io", "fine"), "Completed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
