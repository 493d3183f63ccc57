"""Custom resources: definitions, validation, defaults, pruning, columns, versions, subresources and their end."""
import unittest

from api import STRATEGIC, TABLE, path_of, wait_for
from conformance import Conformance, embedded_lacks

SPEC = {
    "type": "object", "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
        "name": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z]+$"},
        "at": {"type": "string", "format": "date-time"},
        "ratio": {"type": "number", "exclusiveMinimum": True, "minimum": 0, "multipleOf": 0.5},
        "port": {"x-kubernetes-int-or-string": True},
        "maybe": {"type": "string", "nullable": True},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "uniqueItems": False,
                 "x-kubernetes-list-type": "set"},
        "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                  "items": {"type": "object", "required": ["id"],
                            "properties": {"id": {"type": "string"}, "weight": {"type": "integer", "default": 7}}}},
        "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "replicas": {"type": "integer"},
        "either": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                   "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        "nested": {"type": "object", "default": {}, "properties": {"depth": {"type": "integer", "default": 3}}},
    },
}


class CustomResources(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.group = f"{cls.ns}.example.com"
        cls.crd = f"widgets.{cls.group}"
        cls.widgets = f"{cls.group}/v1/widgets"
        cls.define(cls.definition("widgets", "Widget", SPEC))

    @classmethod
    def tearDownClass(cls):
        cls.api.request("DELETE", path_of("apiextensions.k8s.io/v1/customresourcedefinitions", cls.crd))
        super().tearDownClass()

    @classmethod
    def definition(cls, plural, kind, spec, **more):
        schema = {"type": "object", "properties": {
            "spec": spec,
            "status": {"type": "object", "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}}}}}
        return {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{cls.group}"},
            "spec": {
                "group": cls.group, "scope": "Namespaced",
                "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": kind + "List",
                          "shortNames": [plural[:2]], "categories": ["conformance"]},
                "versions": [{
                    "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                                                             "statusReplicasPath": ".status.replicas"}},
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                        {"name": "Mode", "type": "string", "jsonPath": ".spec.mode", "priority": 1},
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
                    **more}]}}

    @classmethod
    def define(cls, body):
        cls.api.create("apiextensions.k8s.io/v1/customresourcedefinitions", body)
        name = body["metadata"]["name"]

        def served():
            found = cls.api.find("apiextensions.k8s.io/v1/customresourcedefinitions", name)
            conditions = {c["type"]: c["status"] for c in found.get("status", {}).get("conditions", [])}
            path = path_of(f"{cls.group}/{body['spec']['versions'][0]['name']}/{body['spec']['names']['plural']}")
            return conditions.get("Established") == "True" and cls.api.request("GET", path).status == 200
        wait_for(f"{name} to be served", served)

    def widget(self, name, /, **spec):
        return {"apiVersion": f"{self.group}/v1", "kind": "Widget", "metadata": {"name": name, "namespace": self.ns},
                "spec": {"size": 1, **spec}}

    def invalid(self, field, /, **spec):
        status = self.refused(422, "Invalid", "POST", path_of(self.widgets, namespace=self.ns), self.widget("bad", **spec))
        self.assertIn(field, [cause["field"] for cause in status["details"]["causes"]])
        return status

    def test_a_definition_tells_its_names_and_stored_versions(self):
        found = self.api.get("apiextensions.k8s.io/v1/customresourcedefinitions", self.crd)
        self.assertEqual(found["status"]["acceptedNames"]["kind"], "Widget")
        self.assertEqual(found["status"]["storedVersions"], ["v1"])
        self.assertEqual({c["type"]: c["status"] for c in found["status"]["conditions"]},
                         {"NamesAccepted": "True", "Established": "True"})
        self.assertEqual(found["spec"]["conversion"], {"strategy": "None"})

    def test_a_defined_kind_is_discovered(self):
        def discovered():
            answer = self.api.request("GET", f"/apis/{self.group}/v1")
            return answer.status == 200 and {entry["name"]: entry for entry in answer.json["resources"]}
        kinds = wait_for("the kind in discovery", discovered)
        self.assertLessEqual({"widgets", "widgets/status", "widgets/scale"}, set(kinds))
        self.assertEqual((kinds["widgets"]["shortNames"], kinds["widgets"]["categories"]), (["wi"], ["conformance"]))

    def test_an_object_is_made_read_changed_listed_watched_and_deleted(self):
        version = self.api.get(self.widgets, namespace=self.ns)["metadata"]["resourceVersion"]
        made = self.api.create(self.widgets, self.widget("whole", size=3))
        self.assertEqual((made["kind"], made["apiVersion"], made["metadata"]["generation"]), ("Widget", f"{self.group}/v1", 1))
        made["spec"]["size"] = 4
        self.assertEqual(self.api.update(self.widgets, made)["metadata"]["generation"], 2)
        listed = self.api.get(self.widgets, namespace=self.ns, query="fieldSelector=metadata.name%3Dwhole")
        self.assertEqual((listed["kind"], listed["items"][0]["kind"]), ("WidgetList", "Widget"))
        self.api.delete(self.widgets, "whole", self.ns)
        with self.api.watch(self.widgets, self.ns, f"resourceVersion={version}&fieldSelector=metadata.name%3Dwhole") as watch:
            self.assertEqual([watch.next_change()["type"] for _ in range(3)], ["ADDED", "MODIFIED", "DELETED"])

    def test_defaults_are_filled_in_at_every_depth(self):
        made = self.api.create(self.widgets, self.widget("defaults", parts=[{"id": "a"}, {"id": "b", "weight": 1}]))
        self.assertEqual((made["spec"]["mode"], made["spec"]["nested"]), ("fast", {"depth": 3}))
        self.assertEqual([part["weight"] for part in made["spec"]["parts"]], [7, 1])

    def test_unknown_fields_are_pruned_except_where_they_may_stay(self):
        made = self.api.create(self.widgets, {**self.widget("pruned", extra=1, free={"any": {"thing": 1}}, nested={"deep": 1, "depth": 2}),
                                              "more": 1})
        self.assertNotIn("extra", made["spec"])
        self.assertNotIn("more", made)
        self.assertEqual((made["spec"]["free"], made["spec"]["nested"]), ({"any": {"thing": 1}}, {"depth": 2}))

    def test_strict_validation_names_unknown_fields(self):
        status = self.refused(400, "BadRequest", "POST", path_of(self.widgets, namespace=self.ns) + "?fieldValidation=Strict",
                              self.widget("strict", extra=1))
        self.assertIn('unknown field "spec.extra"', status["message"])

    def test_values_are_validated(self):
        self.assertIn("Required value", self.refused(
            422, "Invalid", "POST", path_of(self.widgets, namespace=self.ns),
            {**self.widget("bad"), "spec": {}})["message"])
        self.assertIn("should be greater than or equal to 1", self.invalid("spec.size", size=0)["message"])
        self.assertIn("should be less than or equal to 10", self.invalid("spec.size", size=11)["message"])
        self.assertIn('supported values: "fast", "slow"', self.invalid("spec.mode", mode="other")["message"])
        self.invalid("spec.size", size="1")
        self.invalid("spec.size", size=1.5)
        self.invalid("spec.name", name="a")
        self.invalid("spec.name", name="abcdef")
        self.invalid("spec.name", name="AB")
        self.invalid("spec.at", at="yesterday")
        self.invalid("spec.ratio", ratio=0)
        self.invalid("spec.port", port=True)
        self.invalid("spec.tags", tags=["a", "b", "c", "d"])
        self.invalid("spec.tags[1]", tags=["a", "a"])
        self.invalid("spec.parts[1]", parts=[{"id": "a"}, {"id": "a"}])
        self.invalid("spec.limits.x", limits={"x": "y"})

    @embedded_lacks("oneOf in schemas")
    def test_alternatives_are_validated(self):
        self.refused(422, "Invalid", "POST", path_of(self.widgets, namespace=self.ns), self.widget("bad", either={"a": "1", "b": "2"}))

    @embedded_lacks("multipleOf in schemas")
    def test_multiples_are_validated(self):
        self.invalid("spec.ratio", ratio=0.7)

    def test_values_at_the_edge_are_accepted(self):
        made = self.api.create(self.widgets, self.widget(
            "edge", size=10, name="ab", at="2024-01-02T03:04:05Z", ratio=0.5, port="http", maybe=None, tags=["a", "b", "c"],
            limits={"x": 1}, either={"a": "1"}))
        self.assertEqual((made["spec"]["port"], made["spec"]["ratio"]), ("http", 0.5))

    def test_the_status_is_a_subresource(self):
        made = self.api.create(self.widgets, {**self.widget("status"), "status": {"phase": "Early"}})
        self.assertNotIn("status", made)
        made["status"] = {"phase": "Ready", "unknown": 1}
        made["spec"]["size"] = 9
        changed = self.api.update(self.widgets, made, "status")
        self.assertEqual((changed["status"], changed["spec"]["size"], changed["metadata"]["generation"]),
                         ({"phase": "Ready"}, 1, 1))

    def test_the_scale_is_a_subresource(self):
        self.api.create(self.widgets, self.widget("scale", replicas=2))
        scale = self.api.patch(self.widgets, "scale", self.ns, {"spec": {"replicas": 5}}, subresource="scale")
        self.assertEqual((scale["kind"], scale["spec"]["replicas"]), ("Scale", 5))
        self.assertEqual(self.api.get(self.widgets, "scale", self.ns)["spec"]["replicas"], 5)

    def test_columns_are_printed(self):
        self.api.create(self.widgets, self.widget("printed", size=6))
        table = self.api.get(self.widgets, namespace=self.ns, query="fieldSelector=metadata.name%3Dprinted", accept=TABLE)
        columns = [(c["name"], c["type"], c["priority"]) for c in table["columnDefinitions"]]
        self.assertEqual(columns, [("Name", "string", 0), ("Size", "integer", 0), ("Mode", "string", 1), ("Age", "date", 0)])
        self.assertEqual(table["rows"][0]["cells"][:3], ["printed", 6, "fast"])

    def test_a_strategic_patch_of_a_custom_resource_is_refused(self):
        self.api.create(self.widgets, self.widget("strategic"))
        answer = self.api.request("PATCH", path_of(self.widgets, "strategic", self.ns), {"spec": {"size": 2}}, content_type=STRATEGIC)
        self.assertEqual(answer.status, 415)

    def test_lists_with_keys_are_applied_by_element(self):
        def applied(manager, parts):
            return self.api.patch(self.widgets, "applied", self.ns, self.widget("applied", parts=parts),
                                  "application/apply-patch+yaml", f"fieldManager={manager}&force=true")
        applied("one", [{"id": "a", "weight": 1}])
        both = applied("two", [{"id": "b", "weight": 2}])
        self.assertEqual([(p["id"], p["weight"]) for p in both["spec"]["parts"]], [("a", 1), ("b", 2)])

    def test_versions_are_served_side_by_side(self):
        body = self.definition("gears", "Gear", {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
        old = {**body["spec"]["versions"][0], "name": "v1beta1", "storage": False, "deprecated": True}
        body["spec"]["versions"].append(old)
        self.define(body)
        self.api.create(f"{self.group}/v1beta1/gears", {"apiVersion": f"{self.group}/v1beta1", "kind": "Gear",
                                                        "metadata": {"name": "g", "namespace": self.ns}, "spec": {"x": 1}})
        found = self.api.get(f"{self.group}/v1/gears", "g", self.ns)
        self.assertEqual((found["apiVersion"], found["spec"]), (f"{self.group}/v1", {"x": 1}))
        answer = self.api.request("GET", path_of(f"{self.group}/v1beta1/gears", "g", self.ns))
        self.assertEqual(answer.json["apiVersion"], f"{self.group}/v1beta1")
        self.assertIn("deprecated", answer.headers["Warning"])
        self.api.delete("apiextensions.k8s.io/v1/customresourcedefinitions", f"gears.{self.group}")

    def test_a_changed_schema_takes_effect(self):
        self.define(self.definition("bolts", "Bolt", {"type": "object", "properties": {"n": {"type": "integer"}}}))
        bolts = f"{self.group}/v1/bolts"
        crd = self.api.get("apiextensions.k8s.io/v1/customresourcedefinitions", f"bolts.{self.group}")
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["n"]["maximum"] = 3
        self.api.update("apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        body = {"apiVersion": f"{self.group}/v1", "kind": "Bolt", "metadata": {"name": "b", "namespace": self.ns}, "spec": {"n": 4}}
        wait_for("the new schema", lambda: self.api.request("POST", path_of(bolts, namespace=self.ns) + "?dryRun=All", body).status == 422)
        self.api.delete("apiextensions.k8s.io/v1/customresourcedefinitions", f"bolts.{self.group}")

    def test_deleting_a_definition_deletes_its_objects(self):
        self.define(self.definition("nuts", "Nut", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}))
        nuts = f"{self.group}/v1/nuts"
        self.api.create(nuts, {"apiVersion": f"{self.group}/v1", "kind": "Nut", "metadata": {"name": "n", "namespace": self.ns}})
        self.api.delete("apiextensions.k8s.io/v1/customresourcedefinitions", f"nuts.{self.group}")
        wait_for("the definition to be gone",
                 lambda: not self.api.find("apiextensions.k8s.io/v1/customresourcedefinitions", f"nuts.{self.group}"))
        wait_for("the kind to be gone", lambda: self.api.request("GET", path_of(nuts, namespace=self.ns)).status == 404)

    def test_a_definition_that_is_wrong_is_refused(self):
        path = path_of("apiextensions.k8s.io/v1/customresourcedefinitions")

        def wrong(change):
            body = self.definition("wrongs", "Wrong", {"type": "object"})
            change(body)
            return self.refused(422, "Invalid", "POST", path, body)
        wrong(lambda body: body["metadata"].update(name="other.example.com"))
        wrong(lambda body: body["spec"]["versions"][0].update(storage=False))
        wrong(lambda body: body["spec"]["versions"][0].pop("schema"))
        wrong(lambda body: body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].update(bad={}))
        wrong(lambda body: body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].update(
            bad={"type": "array"}))
        wrong(lambda body: body["spec"].update(scope="Everywhere"))


if __name__ == "__main__":
    unittest.main()
