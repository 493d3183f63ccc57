"""What controllers do: jobs, cron jobs, deployments, claims and volumes."""
import pathlib
import shutil
import tempfile
import unittest

from api import TABLE, path_of, wait_for
from conformance import IMAGE, Conformance, embedded_lacks, target


def template(script, restart="Never", **spec):
    return {"metadata": {"labels": {"made": "here"}},
            "spec": {"restartPolicy": restart, "terminationGracePeriodSeconds": 1,
                     "containers": [{"name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", script]}], **spec}}


class Jobs(Conformance):
    nodes = True

    def job(self, name, script, **spec):
        return self.api.create("batch/v1/jobs", {"metadata": {"name": name, "namespace": self.ns},
                                                 "spec": {"template": template(script), **spec}})

    def ended(self, name, condition):
        def state():
            status = self.api.get("batch/v1/jobs", name, self.ns).get("status", {})
            kinds = {c["type"]: c for c in status.get("conditions", []) if c["status"] == "True"}
            return condition in kinds and (status, kinds[condition])
        return wait_for(f"job {name} to be {condition}", state, 90)

    def pods_of(self, name):
        return self.api.get("pods", namespace=self.ns, query=f"labelSelector=job-name%3D{name}")["items"]

    def test_a_job_runs_to_its_end(self):
        made = self.job("once", "true")
        uid = made["metadata"]["uid"]
        self.assertEqual((made["spec"]["completions"], made["spec"]["parallelism"], made["spec"]["backoffLimit"]), (1, 1, 6))
        self.assertEqual(made["spec"]["selector"]["matchLabels"], {"batch.kubernetes.io/controller-uid": uid})
        self.assertEqual(made["spec"]["template"]["metadata"]["labels"]["batch.kubernetes.io/job-name"], "once")
        status, _ = self.ended("once", "Complete")
        self.assertEqual(status["succeeded"], 1)
        self.assertTrue(status["completionTime"])
        pod = self.pods_of("once")[0]
        self.assertEqual((pod["status"]["phase"], pod["metadata"]["ownerReferences"][0]["uid"]), ("Succeeded", uid))
        table = self.api.get("batch/v1/jobs", namespace=self.ns, query="fieldSelector=metadata.name%3Donce", accept=TABLE)
        self.assertEqual(table["rows"][0]["cells"][:3], ["once", "Complete", "1/1"])

    def test_several_completions_run_side_by_side(self):
        self.job("several", "true", completions=4, parallelism=2)
        self.assertEqual(self.ended("several", "Complete")[0]["succeeded"], 4)
        self.assertEqual(len(self.pods_of("several")), 4)

    @embedded_lacks("indexed jobs")
    def test_an_indexed_job_tells_each_pod_its_index(self):
        self.job("indexed", 'test -n "$JOB_COMPLETION_INDEX"', completions=3, parallelism=3, completionMode="Indexed")
        status, _ = self.ended("indexed", "Complete")
        self.assertEqual(status["completedIndexes"], "0-2")
        self.assertEqual({pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]
                          for pod in self.pods_of("indexed")}, {"0", "1", "2"})

    def test_a_job_that_fails_too_often_gives_up(self):
        self.job("failing", "false", backoffLimit=0)
        status, condition = self.ended("failing", "Failed")
        self.assertEqual((condition["reason"], status["failed"]), ("BackoffLimitExceeded", 1))

    def test_a_job_that_takes_too_long_is_ended(self):
        self.job("late", "sleep 600", activeDeadlineSeconds=2)
        self.assertEqual(self.ended("late", "Failed")[1]["reason"], "DeadlineExceeded")
        wait_for("its pod to end", lambda: not [p for p in self.pods_of("late") if p["status"]["phase"] == "Running"])

    @embedded_lacks("the condition Suspended of jobs")
    def test_a_suspended_job_runs_when_it_may(self):
        self.job("suspended", "true", suspend=True)
        wait_for("the condition", lambda: [c for c in self.api.get("batch/v1/jobs", "suspended", self.ns).get("status", {})
                                           .get("conditions", []) if c["type"] == "Suspended" and c["status"] == "True"])
        self.assertEqual(self.pods_of("suspended"), [])
        self.api.patch("batch/v1/jobs", "suspended", self.ns, {"spec": {"suspend": False}})
        self.ended("suspended", "Complete")

    def test_a_job_is_removed_after_its_time(self):
        self.job("short-lived", "true", ttlSecondsAfterFinished=1)
        wait_for("the job to be removed", lambda: not self.api.find("batch/v1/jobs", "short-lived", self.ns), 90)
        wait_for("its pod to be removed", lambda: not self.pods_of("short-lived"))

    @embedded_lacks("immutable templates of jobs")
    def test_a_jobs_template_cannot_change(self):
        made = self.job("fixed", "true", suspend=True)
        made["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
        made["metadata"].pop("resourceVersion")
        status = self.refused(422, "Invalid", "PUT", path_of("batch/v1/jobs", "fixed", self.ns), made)
        self.assertIn("field is immutable", status["message"])

    def test_a_job_needs_a_restart_policy_that_ends(self):
        self.refused(422, "Invalid", "POST", path_of("batch/v1/jobs", namespace=self.ns),
                     {"metadata": {"name": "always", "namespace": self.ns}, "spec": {"template": template("true", "Always")}})


class CronJobs(Conformance):
    nodes = True

    def cron_job(self, name, schedule="* * * * *", **spec):
        return self.api.create("batch/v1/cronjobs", {
            "metadata": {"name": name, "namespace": self.ns},
            "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": template("true")}}, **spec}})

    def test_a_cron_job_makes_a_job_at_its_minute(self):
        made = self.cron_job("minutely")
        self.assertEqual((made["spec"]["concurrencyPolicy"], made["spec"]["suspend"], made["spec"]["successfulJobsHistoryLimit"],
                          made["spec"]["failedJobsHistoryLimit"]), ("Allow", False, 3, 1))
        self.cron_job("asleep", suspend=True)

        def jobs():
            return [job for job in self.api.get("batch/v1/jobs", namespace=self.ns)["items"]
                    if job["metadata"].get("ownerReferences", [{}])[0].get("uid") == made["metadata"]["uid"]]
        job = wait_for("a job of the cron job", jobs, 90)[0]
        self.assertRegex(job["metadata"]["name"], r"^minutely-\d+$")
        self.assertIn("batch.kubernetes.io/cronjob-scheduled-timestamp", job["metadata"]["annotations"])
        wait_for("the schedule's time", lambda: self.api.get("batch/v1/cronjobs", "minutely", self.ns).get("status", {}).get("lastScheduleTime"))
        if not target().embedded:  # which does not tell the time of the last success yet
            wait_for("the success", lambda: self.api.get("batch/v1/cronjobs", "minutely", self.ns)["status"].get("lastSuccessfulTime"), 90)
        self.assertFalse([job for job in self.api.get("batch/v1/jobs", namespace=self.ns)["items"]
                          if job["metadata"]["name"].startswith("asleep")])
        self.api.delete("batch/v1/cronjobs", "minutely", self.ns, {"propagationPolicy": "Background"})
        wait_for("its jobs to go", lambda: not jobs())

    @embedded_lacks("validation of cron schedules")
    def test_a_bad_schedule_is_refused(self):
        for schedule in ("", "every minute", "61 * * * *"):
            self.refused(422, "Invalid", "POST", path_of("batch/v1/cronjobs", namespace=self.ns), {
                "metadata": {"name": "bad", "namespace": self.ns},
                "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": template("true")}}}})


class Deployments(Conformance):
    nodes = True

    def test_a_deployment_keeps_its_pods_and_replaces_them(self):
        self.api.create("apps/v1/deployments", {
            "metadata": {"name": "web", "namespace": self.ns},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"made": "here"}},
                     "template": template("sleep 1000", "Always")}})

        def settled(replicas):
            found = self.api.get("apps/v1/deployments", "web", self.ns)
            status = found.get("status", {})
            return (status.get("observedGeneration") == found["metadata"]["generation"] and
                    status.get("availableReplicas", 0) == status.get("updatedReplicas", 0) == status.get("replicas", 0) == replicas)

        def pods():
            return {p["metadata"]["name"] for p in self.api.get("pods", namespace=self.ns, query="labelSelector=made%3Dhere")["items"]
                    if "deletionTimestamp" not in p["metadata"]}
        wait_for("two pods", lambda: settled(2), 90)
        first = pods()
        self.api.delete("pods", sorted(first)[0], self.ns)
        wait_for("a replacement", lambda: len(pods()) == 2 and pods() != first and settled(2), 90)
        before = pods()
        self.api.patch("apps/v1/deployments", "web", self.ns, {"spec": {"template": {"metadata": {"annotations": {"v": "2"}}}}},
                       "application/strategic-merge-patch+json")
        wait_for("a roll-out", lambda: settled(2) and not before & pods(), 120)
        sets = self.api.get("apps/v1/replicasets", namespace=self.ns)["items"]
        self.assertEqual(sorted(s["spec"]["replicas"] for s in sets), [0, 2])
        self.api.patch("apps/v1/deployments", "web", self.ns, {"spec": {"replicas": 0}}, subresource="scale")
        wait_for("no pods", lambda: not pods(), 90)


class VolumeMaker:
    """Local volumes and claims on them, for the classes below."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="conformance-volume-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def volume(self, name, node="none", **spec):
        name = f"{self.ns}-{name}"
        self.api.create("persistentvolumes", {
            "metadata": {"name": name},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "local": {"path": str(self.directory)},
                     "storageClassName": f"manual-{self.ns}", "persistentVolumeReclaimPolicy": "Retain",
                     "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                         {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]}}, **spec}})
        self.addCleanup(self.api.request, "DELETE", path_of("persistentvolumes", name))
        return name

    def claim(self, name, **spec):
        return self.api.create("persistentvolumeclaims", {
            "metadata": {"name": name, "namespace": self.ns},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": f"manual-{self.ns}",
                     "resources": {"requests": {"storage": "500Mi"}}, **spec}})

    def bound(self, name):
        def state():
            found = self.api.get("persistentvolumeclaims", name, self.ns)
            return found["status"].get("phase") == "Bound" and found
        return wait_for(f"claim {name} to be bound", state)


class Volumes(VolumeMaker, Conformance):
    controllers = True

    def test_a_claim_is_bound_to_a_local_volume_that_fits(self):
        small = self.volume("small", capacity={"storage": "100Mi"})
        fits = self.volume("fits")
        self.claim("wanting")
        claim = self.bound("wanting")
        self.assertEqual((claim["spec"]["volumeName"], claim["status"]["capacity"]), (fits, {"storage": "1Gi"}))
        self.assertIn("pv.kubernetes.io/bind-completed", claim["metadata"]["annotations"])
        volume = self.api.get("persistentvolumes", fits)
        self.assertEqual(volume["status"]["phase"], "Bound")
        self.assertEqual((volume["spec"]["claimRef"]["name"], volume["spec"]["claimRef"]["uid"]), ("wanting", claim["metadata"]["uid"]))
        wait_for("the small one to stay free", lambda: self.api.get("persistentvolumes", small)["status"]["phase"] == "Available")
        self.api.delete("persistentvolumeclaims", "wanting", self.ns)
        wait_for("the volume to be released", lambda: self.api.get("persistentvolumes", fits)["status"]["phase"] == "Released")

    def test_a_claim_takes_the_volume_that_it_names(self):
        self.volume("first")
        second = self.volume("second")
        self.claim("choosy", volumeName=second)
        self.assertEqual(self.bound("choosy")["spec"]["volumeName"], second)

    def test_a_volume_is_kept_for_the_claim_that_it_names(self):
        reserved = self.volume("reserved", claimRef={"namespace": self.ns, "name": "expected"})
        self.claim("unexpected")
        self.claim("expected")
        self.assertEqual(self.bound("expected")["spec"]["volumeName"], reserved)
        self.assertEqual(self.api.get("persistentvolumeclaims", "unexpected", self.ns)["status"]["phase"], "Pending")

    def test_a_local_volume_needs_a_node(self):
        status = self.refused(422, "Invalid", "POST", path_of("persistentvolumes"), {
            "metadata": {"name": f"{self.ns}-nowhere"},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "local": {"path": "/tmp"}}})
        self.assertIn("Local volume requires node affinity", status["message"])

    def test_a_claims_spec_cannot_change(self):
        made = self.claim("fixed")
        made["spec"]["accessModes"] = ["ReadOnlyMany"]
        made["metadata"].pop("resourceVersion")
        status = self.refused(422, "Invalid", "PUT", path_of("persistentvolumeclaims", "fixed", self.ns), made)
        self.assertIn("spec is immutable after creation", status["message"])


class LateBinding(VolumeMaker, Conformance):
    """Claims that are bound when a pod comes."""
    nodes = True

    @embedded_lacks("the binding of a claim to a local volume of its own class at its first pod")
    def test_a_claim_waits_for_its_first_pod(self):
        node = next(n["metadata"]["labels"]["kubernetes.io/hostname"] for n in self.api.get("nodes")["items"])
        name = f"late-{self.ns}"
        self.api.create("storage.k8s.io/v1/storageclasses", {
            "metadata": {"name": name}, "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"})
        self.addCleanup(self.api.request, "DELETE", path_of("storage.k8s.io/v1/storageclasses", name))
        (self.directory / "found").write_text("yes")
        volume = self.volume("late", node=node, storageClassName=name)
        self.claim("late", storageClassName=name)
        wait_for("the free volume", lambda: self.api.get("persistentvolumes", volume)["status"].get("phase") == "Available")
        self.assertEqual(self.api.get("persistentvolumeclaims", "late", self.ns)["status"]["phase"], "Pending")
        pod = self.pod("reader", "cat /data/found; echo more > /data/written",
                       volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "late"}}])
        pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        self.api.create("pods", pod)
        self.assertEqual(self.bound("late")["spec"]["volumeName"], volume)
        wait_for("the pod to end", lambda: self.api.get("pods", "reader", self.ns)["status"]["phase"] == "Succeeded", 90)
        self.assertEqual((self.directory / "written").read_text(), "more\n")


if __name__ == "__main__":
    unittest.main()
