"""Create, read, update and delete; names, versions and preconditions; dry run; bodies of errors."""
import json
import unittest

from api import path_of
from conformance import Conformance


class Objects(Conformance):
    def test_a_created_object_gets_identity_and_version(self):
        made = self.make("identity", labels={"l": "1"}, annotations={"n": "2"})
        metadata = made["metadata"]
        self.assertEqual((made["kind"], made["apiVersion"], made["data"]), ("ConfigMap", "v1", {"a": "1"}))
        self.assertRegex(metadata["uid"], r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$")
        self.assertRegex(metadata["creationTimestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertGreater(int(metadata["resourceVersion"]), 0)
        self.assertEqual((metadata["labels"], metadata["annotations"]), ({"l": "1"}, {"n": "2"}))
        self.assertEqual(self.api.get("configmaps", "identity", self.ns), made)

    def test_what_a_client_says_of_identity_is_not_believed(self):
        made = self.make("liar", uid="0", creationTimestamp="2001-01-01T00:00:00Z", generation=77,
                         deletionTimestamp="2001-01-01T00:00:00Z", selfLink="/x")
        self.assertNotEqual(made["metadata"]["uid"], "0")
        self.assertGreater(made["metadata"]["creationTimestamp"], "2020")
        self.assertNotIn("deletionTimestamp", made["metadata"])
        self.assertNotIn("selfLink", made["metadata"])

    def test_a_version_in_a_created_object_is_refused(self):
        answer = self.api.request("POST", path_of("configmaps", namespace=self.ns),
                                  self.config_map("versioned", resourceVersion="5"))
        self.assertIn(answer.status, (400, 500), answer)
        self.assertIn("resourceVersion should not be set on objects to be created", answer.json["message"])

    def test_a_generated_name_has_the_prefix_and_five_characters(self):
        names = set()
        for _ in range(10):
            body = self.config_map("")
            body["metadata"] = {"generateName": "generated-", "namespace": self.ns}
            made = self.api.create("configmaps", body)
            self.assertRegex(made["metadata"]["name"], r"^generated-[bcdfghjklmnpqrstvwxz2456789]{5}$")
            self.assertEqual(made["metadata"]["generateName"], "generated-")
            names.add(made["metadata"]["name"])
        self.assertEqual(len(names), 10)

    def test_a_name_wins_over_a_generated_one(self):
        self.assertEqual(self.make("given", generateName="other-")["metadata"]["name"], "given")

    def test_a_taken_name_is_refused_as_already_existing(self):
        self.make("taken")
        status = self.refused(409, "AlreadyExists", "POST", path_of("configmaps", namespace=self.ns), self.config_map("taken"))
        self.assertEqual(status["details"], {"name": "taken", "kind": "configmaps"})
        self.assertEqual(status["message"], 'configmaps "taken" already exists')

    def test_an_absent_object_is_not_found(self):
        for method, body in (("GET", None), ("DELETE", None), ("PUT", self.config_map("absent", resourceVersion="1"))):
            status = self.refused(404, "NotFound", method, path_of("configmaps", "absent", self.ns), body)
            self.assertEqual(status["details"], {"name": "absent", "kind": "configmaps"})
            self.assertEqual(status["message"], 'configmaps "absent" not found')

    def test_an_absent_namespace_is_named(self):
        status = self.refused(404, "NotFound", "POST", path_of("configmaps", namespace="conformance-nowhere"),
                              self.config_map("x", namespace="conformance-nowhere"))
        self.assertEqual(status["message"], 'namespaces "conformance-nowhere" not found')

    def test_a_foreign_namespace_in_the_body_is_refused(self):
        status = self.refused(400, "BadRequest", "POST", path_of("configmaps", namespace=self.ns),
                              self.config_map("x", namespace="default"))
        self.assertIn("does not match", status["message"])

    def test_a_bad_name_is_refused_with_its_field(self):
        status = self.refused(422, "Invalid", "POST", path_of("configmaps", namespace=self.ns), self.config_map("Bad_Name"))
        cause = status["details"]["causes"][0]
        self.assertEqual((cause["reason"], cause["field"]), ("FieldValueInvalid", "metadata.name"))
        self.assertIn("RFC 1123 subdomain", cause["message"])
        self.assertEqual((status["details"]["name"], status["details"]["kind"]), ("Bad_Name", "ConfigMap"))

    def test_a_body_that_is_no_json_is_refused(self):
        self.refused(400, "BadRequest", "POST", path_of("configmaps", namespace=self.ns), "{")

    def test_a_value_of_the_wrong_type_is_refused(self):
        body = self.config_map("wrong")
        body["data"] = {"a": 1}
        status = self.refused(400, "BadRequest", "POST", path_of("configmaps", namespace=self.ns), body)
        self.assertIn("cannot unmarshal", status["message"])

    def test_an_unknown_content_type_is_refused(self):
        answer = self.api.request("POST", path_of("configmaps", namespace=self.ns), "a=b", content_type="text/plain")
        self.assertEqual((answer.status, answer.json["reason"]), (415, "UnsupportedMediaType"))

    def test_an_answer_in_a_form_that_is_not_there_is_refused(self):
        answer = self.api.request("GET", path_of("configmaps", namespace=self.ns), accept="text/csv")
        self.assertEqual(answer.status, 406)

    def test_yaml_is_accepted(self):
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: yaml, namespace: {self.ns}}}\ndata:\n  a: |\n    x\n    y\n"
        made = self.api.expect(201, "POST", path_of("configmaps", namespace=self.ns), text, content_type="application/yaml")
        self.assertEqual(made["data"], {"a": "x\ny\n"})

    def test_unknown_fields_are_dropped_warned_of_or_refused(self):
        def body(name):
            return {**self.config_map(name), "dta": {"b": "1"}}
        path = path_of("configmaps", namespace=self.ns)
        self.assertNotIn("dta", self.api.expect(201, "POST", path + "?fieldValidation=Ignore", body("ignored")))
        answer = self.api.request("POST", path + "?fieldValidation=Warn", body("warned"))
        self.assertEqual(answer.status, 201)
        self.assertIn('unknown field \\"dta\\"', answer.headers["Warning"])
        status = self.refused(400, "BadRequest", "POST", path + "?fieldValidation=Strict", body("strict"))
        self.assertIn('unknown field "dta"', status["message"])

    def test_an_update_changes_the_version_and_needs_the_current_one(self):
        first = self.make("updated")
        second = self.api.update("configmaps", {**first, "data": {"a": "2"}})
        self.assertGreater(int(second["metadata"]["resourceVersion"]), int(first["metadata"]["resourceVersion"]))
        status = self.refused(409, "Conflict", "PUT", path_of("configmaps", "updated", self.ns), {**first, "data": {"a": "3"}})
        self.assertIn("the object has been modified; please apply your changes to the latest version", status["message"])
        self.assertEqual(self.api.get("configmaps", "updated", self.ns)["data"], {"a": "2"})

    def test_an_update_that_changes_nothing_keeps_the_version(self):
        first = self.make("unchanged")
        self.assertEqual(self.api.update("configmaps", first)["metadata"]["resourceVersion"],
                         first["metadata"]["resourceVersion"])

    def test_an_update_without_a_version_is_unconditional(self):
        first = self.make("unconditional")
        del first["metadata"]["resourceVersion"]
        self.assertEqual(self.api.update("configmaps", {**first, "data": {"a": "9"}})["data"], {"a": "9"})

    def test_an_update_under_another_name_is_refused(self):
        first = self.make("one")
        first["metadata"]["name"] = "two"
        self.refused(400, "BadRequest", "PUT", path_of("configmaps", "one", self.ns), first)

    def test_an_update_of_another_uid_is_a_conflict(self):
        first = self.make("uid")
        first["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000"
        status = self.refused(409, "Conflict", "PUT", path_of("configmaps", "uid", self.ns), first)
        self.assertIn("Precondition failed: UID in precondition", status["message"])

    def test_identity_survives_updates(self):
        first = self.make("identity-kept")
        changed = json.loads(json.dumps(first))
        changed["metadata"].update(creationTimestamp="2001-01-01T00:00:00Z")
        changed["data"] = {"a": "2"}
        second = self.api.update("configmaps", changed)
        for field in ("uid", "creationTimestamp"):
            self.assertEqual(second["metadata"][field], first["metadata"][field])

    def test_an_immutable_config_map_stays_as_it_is(self):
        first = self.api.create("configmaps", {**self.config_map("immutable"), "immutable": True})
        status = self.refused(422, "Invalid", "PUT", path_of("configmaps", "immutable", self.ns), {**first, "data": {"a": "2"}})
        self.assertIn("field is immutable when `immutable` is set", status["message"])

    def test_a_secret_takes_plain_strings_and_returns_base64(self):
        made = self.api.create("secrets", {"metadata": {"name": "plain", "namespace": self.ns}, "stringData": {"p": "word"}})
        self.assertEqual((made["data"], made["type"]), ({"p": "d29yZA=="}, "Opaque"))
        self.assertNotIn("stringData", made)

    def test_a_secrets_type_cannot_change(self):
        made = self.api.create("secrets", {"metadata": {"name": "typed", "namespace": self.ns}})
        self.refused(422, "Invalid", "PUT", path_of("secrets", "typed", self.ns), {**made, "type": "example.com/other"})

    def test_status_and_spec_are_changed_apart(self):
        made = self.api.create("services", {
            "metadata": {"name": "halves", "namespace": self.ns},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}})
        self.assertEqual(made["status"], {"loadBalancer": {}})
        changed = json.loads(json.dumps(made))
        changed["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
        changed["metadata"]["labels"] = {"both": "no"}
        first = self.api.update("services", changed, "status")
        self.assertEqual(first["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.1")
        changed["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
        changed["status"] = {"loadBalancer": {}}
        second = self.api.update("services", changed)
        self.assertEqual(second["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.1")
        self.assertEqual(second["metadata"]["labels"], {"both": "no"})

    def test_generation_counts_changes_of_the_spec_only(self):
        body = {"metadata": {"name": "generation", "namespace": self.ns},
                "spec": {"replicas": 0, "selector": {"matchLabels": {"x": "y"}},
                         "template": {"metadata": {"labels": {"x": "y"}},
                                      "spec": {"containers": [{"name": "c", "image": "none"}]}}}}
        made = self.api.create("apps/v1/deployments", body)
        self.assertEqual(made["metadata"]["generation"], 1)
        labelled = self.api.patch("apps/v1/deployments", "generation", self.ns, {"metadata": {"labels": {"l": "1"}}})
        self.assertEqual(labelled["metadata"]["generation"], 1)
        scaled = self.api.patch("apps/v1/deployments", "generation", self.ns, {"spec": {"paused": True}})
        self.assertEqual(scaled["metadata"]["generation"], 2)

    def test_a_deletion_answers_with_a_success_and_honours_preconditions(self):
        made = self.make("deleted")
        path = path_of("configmaps", "deleted", self.ns)
        for precondition in ({"uid": "00000000-0000-4000-8000-000000000000"}, {"resourceVersion": "1"}):
            self.refused(409, "Conflict", "DELETE", path, {"preconditions": precondition})
        status = self.api.expect(200, "DELETE", path, {"preconditions": {"uid": made["metadata"]["uid"]}})
        self.assertEqual((status["kind"], status["status"]), ("Status", "Success"))
        self.assertEqual(status["details"]["uid"], made["metadata"]["uid"])
        self.assertIsNone(self.api.find("configmaps", "deleted", self.ns))

    def test_a_collection_is_deleted_by_selector(self):
        for i in range(6):
            self.make(f"collected-{i}", labels={"collected": str(i % 2)})
        gone = self.api.expect(200, "DELETE", path_of("configmaps", namespace=self.ns) + "?labelSelector=collected%3D1")
        self.assertEqual((gone["kind"], len(gone["items"])), ("ConfigMapList", 3))
        self.assertEqual(self.names(self.api.get("configmaps", namespace=self.ns, query="labelSelector=collected")),
                         ["collected-0", "collected-2", "collected-4"])

    def test_a_dry_run_checks_and_shows_but_stores_nothing(self):
        path = path_of("configmaps", namespace=self.ns)
        shown = self.api.expect(201, "POST", path + "?dryRun=All", self.config_map("dry"))
        self.assertTrue(shown["metadata"]["uid"])
        self.assertIsNone(self.api.find("configmaps", "dry", self.ns))
        self.refused(422, "Invalid", "POST", path + "?dryRun=All", self.config_map("Bad_Name"))
        made = self.make("dry-kept")
        self.refused(409, "AlreadyExists", "POST", path + "?dryRun=All", self.config_map("dry-kept"))
        changed = self.api.expect(200, "PUT", path + "/dry-kept?dryRun=All", {**made, "data": {"a": "2"}})
        self.assertEqual(changed["data"], {"a": "2"})
        patched = self.api.patch("configmaps", "dry-kept", self.ns, {"data": {"b": "3"}}, query="dryRun=All")
        self.assertEqual(patched["data"], {"a": "1", "b": "3"})
        self.api.expect(200, "DELETE", path + "/dry-kept?dryRun=All")
        self.assertEqual(self.api.get("configmaps", "dry-kept", self.ns), made)
        status = self.api.expect((400, 422), "POST", path + "?dryRun=Some", self.config_map("dry"))
        self.assertEqual(status["status"], "Failure")

    def test_labels_and_annotations_are_validated(self):
        for metadata, field in (({"labels": {"a b": "1"}}, "metadata.labels"), ({"labels": {"a": "b c"}}, "metadata.labels"),
                                ({"annotations": {"a b": "1"}}, "metadata.annotations")):
            status = self.refused(422, "Invalid", "POST", path_of("configmaps", namespace=self.ns),
                                  self.config_map("labelled", **metadata))
            self.assertEqual(status["details"]["causes"][0]["field"], field)

    def test_several_errors_are_told_at_once(self):
        pod = {"metadata": {"labels": {"a": "b"}},
               "spec": {"containers": [{"name": "c"}, {"name": "c", "image": "i"}], "restartPolicy": "Sometimes"}}
        body = {"metadata": {"name": "many", "namespace": self.ns}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": pod}}
        status = self.refused(422, "Invalid", "POST", path_of("apps/v1/deployments", namespace=self.ns), body)
        fields = {cause["field"].removeprefix("spec.template.") for cause in status["details"]["causes"]}
        self.assertLessEqual({"spec.containers[0].image", "spec.containers[1].name", "spec.restartPolicy"}, fields)

    def test_an_object_beyond_the_limit_is_refused(self):
        body = self.config_map("large", {"a": "x" * (1 << 20), "b": "y"})
        status = self.refused(422, "Invalid", "POST", path_of("configmaps", namespace=self.ns), body)
        self.assertIn("Too long: may not be more than 1048576 bytes", status["message"])

    def test_a_method_that_a_kind_lacks_is_refused(self):
        self.refused(405, "MethodNotAllowed", "POST", path_of("configmaps", "x", self.ns), self.config_map("x"))

    def test_a_request_without_credentials_is_refused(self):
        connection = self.api.connect()
        connection.request("GET", path_of("secrets", namespace=self.ns), headers={"Accept": "application/json"})
        response = connection.getresponse()
        self.assertIn(response.status, (401, 403))
        self.assertEqual(json.loads(response.read())["status"], "Failure")
        connection.close()

    def test_access_reviews_answer_for_the_caller(self):
        review = self.api.expect(201, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                                 {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                                  "spec": {"resourceAttributes": {"verb": "create", "resource": "pods", "namespace": self.ns}}})
        self.assertTrue(review["status"]["allowed"])


if __name__ == "__main__":
    unittest.main()
