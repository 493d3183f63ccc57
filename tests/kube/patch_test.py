"""The four kinds of patch, and server-side apply as kubectl needs it."""
import json
import unittest

from api import APPLY, JSON_PATCH, MERGE, STRATEGIC, path_of
from conformance import Conformance


def deployment(name, namespace, containers, **spec):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}, **spec}}


class Patches(Conformance):
    def change(self, name, patch, content_type, collection="configmaps", **more):
        return self.api.patch(collection, name, self.ns, patch, content_type, **more)

    def test_a_merge_patch_merges_maps_and_removes_with_null(self):
        self.make("merge", {"a": "1", "b": "2"}, labels={"l": "1"})
        changed = self.change("merge", {"data": {"a": None, "c": "3"}, "metadata": {"labels": {"m": "2"}}}, MERGE)
        self.assertEqual((changed["data"], changed["metadata"]["labels"]), ({"b": "2", "c": "3"}, {"l": "1", "m": "2"}))

    def test_a_merge_patch_replaces_lists(self):
        self.api.create("apps/v1/deployments", deployment("merge-list", self.ns, [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]))
        changed = self.change("merge-list", {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "j"}]}}}},
                              MERGE, "apps/v1/deployments")
        self.assertEqual([c["name"] for c in changed["spec"]["template"]["spec"]["containers"]], ["c"])

    def test_a_json_patch_does_its_operations_in_order(self):
        self.make("json", {"a": "1", "b": "2"}, annotations={"b/c": "2", "d": "3"})
        changed = self.change("json", [{"op": "test", "path": "/data/a", "value": "1"},
                                       {"op": "replace", "path": "/data/a", "value": "9"},
                                       {"op": "move", "from": "/metadata/annotations/b~1c", "path": "/data/moved"},
                                       {"op": "copy", "from": "/data/a", "path": "/data/copied"},
                                       {"op": "remove", "path": "/data/b"},
                                       {"op": "add", "path": "/metadata/labels", "value": {"x": "y"}}], JSON_PATCH)
        self.assertEqual(changed["data"], {"a": "9", "moved": "2", "copied": "9"})
        self.assertEqual(changed["metadata"]["labels"], {"x": "y"})

    def test_a_json_patch_that_does_not_fit_changes_nothing(self):
        self.make("json-bad")
        path = path_of("configmaps", "json-bad", self.ns)
        for operations in ([{"op": "test", "path": "/data/a", "value": "2"}],
                           [{"op": "replace", "path": "/data/a", "value": "2"}, {"op": "remove", "path": "/data/none"}]):
            self.refused(422, "Invalid", "PATCH", path, operations, content_type=JSON_PATCH)
        self.assertEqual(self.api.get("configmaps", "json-bad", self.ns)["data"], {"a": "1"})
        self.refused(400, "BadRequest", "PATCH", path, {"op": "add"}, content_type=JSON_PATCH)

    def test_a_strategic_patch_merges_lists_by_their_key(self):
        self.api.create("apps/v1/deployments", deployment("strategic", self.ns, [
            {"name": "a", "image": "one", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
            {"name": "b", "image": "two"}]))
        patch = {"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "three", "env": [{"name": "X", "value": "9"}]}, {"name": "c", "image": "four"}]}}}}
        changed = self.change("strategic", patch, STRATEGIC, "apps/v1/deployments")
        containers = {c["name"]: c for c in changed["spec"]["template"]["spec"]["containers"]}
        self.assertEqual({name: c["image"] for name, c in containers.items()}, {"a": "three", "b": "two", "c": "four"})
        self.assertEqual({e["name"]: e["value"] for e in containers["a"]["env"]}, {"X": "9", "Y": "2"})

    def test_a_strategic_patch_deletes_replaces_and_orders(self):
        self.api.create("apps/v1/deployments", deployment("directives", self.ns, [
            {"name": "a", "image": "i"}, {"name": "b", "image": "i"}, {"name": "c", "image": "i"}]))

        def containers(patch):
            changed = self.change("directives", {"spec": {"template": {"spec": patch}}}, STRATEGIC, "apps/v1/deployments")
            return [c["name"] for c in changed["spec"]["template"]["spec"]["containers"]]
        self.assertEqual(containers({"containers": [{"name": "b", "$patch": "delete"}]}), ["a", "c"])
        self.assertEqual(containers({"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}), ["c", "a"])
        self.assertEqual(containers({"containers": [{"$patch": "replace"}, {"name": "z", "image": "i"}]}), ["z"])

    def test_a_strategic_patch_of_a_map_is_a_merge_patch(self):
        self.make("strategic-map", {"a": "1", "b": "2"}, finalizers=["example.com/a"])
        changed = self.change("strategic-map", {"data": {"a": None, "c": "3"}, "metadata": {"finalizers": ["example.com/b"]}}, STRATEGIC)
        self.assertEqual(changed["data"], {"b": "2", "c": "3"})
        self.assertEqual(sorted(changed["metadata"]["finalizers"]), ["example.com/a", "example.com/b"])
        changed = self.change("strategic-map", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a", "example.com/b"]}}, STRATEGIC)
        self.assertFalse(changed["metadata"].get("finalizers"))

    def test_a_patch_with_a_stale_version_is_a_conflict(self):
        first = self.make("stale")
        self.change("stale", {"data": {"a": "2"}}, MERGE)
        self.refused(409, "Conflict", "PATCH", path_of("configmaps", "stale", self.ns),
                     {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "data": {"a": "3"}}, content_type=MERGE)

    def test_patches_at_once_are_all_kept(self):
        import concurrent.futures
        self.make("together")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: self.change("together", {"data": {f"k{i}": "v"}}, MERGE), range(32)))
        self.assertEqual(len(self.api.get("configmaps", "together", self.ns)["data"]), 33)

    def test_a_patch_of_an_unknown_type_is_refused(self):
        self.make("untyped")
        answer = self.api.request("PATCH", path_of("configmaps", "untyped", self.ns), {"data": {}}, content_type="application/json")
        self.assertEqual((answer.status, answer.json["reason"]), (415, "UnsupportedMediaType"))

    def test_a_patch_cannot_break_an_object(self):
        self.make("kept")
        self.refused(422, "Invalid", "PATCH", path_of("configmaps", "kept", self.ns), {"data": {"a b": "x"}}, content_type=MERGE)

    def test_a_scale_is_patched_as_a_subresource(self):
        self.api.create("apps/v1/deployments", {**deployment("scaled", self.ns, [{"name": "a", "image": "i"}], paused=True)})
        scale = self.api.expect(200, "GET", path_of("apps/v1/deployments", "scaled", self.ns, "scale"))
        self.assertEqual((scale["kind"], scale["apiVersion"], scale["spec"]), ("Scale", "autoscaling/v1", {}))
        scale = self.change("scaled", {"spec": {"replicas": 1}}, MERGE, "apps/v1/deployments", subresource="scale")
        self.assertEqual(scale["spec"]["replicas"], 1)
        self.assertEqual(self.api.get("apps/v1/deployments", "scaled", self.ns)["spec"]["replicas"], 1)


class ServerSideApply(Conformance):
    def apply(self, body, manager="one", force=False, status=(200, 201), collection="configmaps"):
        query = f"fieldManager={manager}" + ("&force=true" if force else "")
        return self.api.patch(collection, body["metadata"]["name"], self.ns, body, APPLY, query, status=status)

    def managers(self, made):
        return {entry["manager"]: entry for entry in made["metadata"]["managedFields"]}

    def test_an_applied_object_is_created_and_owned(self):
        made = self.apply(self.config_map("created", {"a": "1"}), status=201)
        entry = self.managers(made)["one"]
        self.assertEqual((entry["operation"], entry["apiVersion"], entry["fieldsType"]), ("Apply", "v1", "FieldsV1"))
        self.assertEqual(entry["fieldsV1"], {"f:data": {"f:a": {}}})

    def test_what_is_no_longer_applied_is_removed(self):
        self.apply(self.config_map("removed", {"a": "1", "b": "2"}))
        self.assertEqual(self.apply(self.config_map("removed", {"a": "1"}))["data"], {"a": "1"})

    def test_what_others_own_stays(self):
        self.apply(self.config_map("shared", {"a": "1"}))
        self.api.patch("configmaps", "shared", self.ns, {"data": {"b": "2"}}, query="fieldManager=two")
        self.assertEqual(self.apply(self.config_map("shared", {"a": "3"}))["data"], {"a": "3", "b": "2"})

    def test_a_field_of_another_manager_is_a_conflict_unless_forced(self):
        self.apply(self.config_map("contended", {"a": "1"}))
        status = self.apply(self.config_map("contended", {"a": "2"}), "two", status=409)
        self.assertEqual((status["reason"], status["details"]["causes"][0]["reason"]), ("Conflict", "FieldManagerConflict"))
        self.assertEqual(status["details"]["causes"][0]["field"], ".data.a")
        self.assertIn('conflict with "one"', status["message"])
        forced = self.apply(self.config_map("contended", {"a": "2"}), "two", force=True)
        self.assertEqual(forced["data"], {"a": "2"})
        self.assertNotIn("one", self.managers(forced))

    def test_the_same_value_is_shared_without_a_conflict(self):
        self.apply(self.config_map("agreed", {"a": "1"}))
        both = self.managers(self.apply(self.config_map("agreed", {"a": "1"}), "two"))
        self.assertLessEqual({"one", "two"}, set(both))

    def test_applying_the_same_again_changes_nothing(self):
        first = self.apply(self.config_map("again", {"a": "1"}))
        self.assertEqual(self.apply(self.config_map("again", {"a": "1"}))["metadata"]["resourceVersion"],
                         first["metadata"]["resourceVersion"])

    def test_lists_with_keys_are_merged_by_element(self):
        body = deployment("keyed", self.ns, [{"name": "a", "image": "one", "ports": [{"containerPort": 80}]}])
        self.apply(body, collection="apps/v1/deployments")
        other = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "keyed"},
                 "spec": {"template": {"spec": {"containers": [{"name": "b", "image": "two"}]}}}}
        both = self.apply(other, "two", collection="apps/v1/deployments")
        self.assertEqual([c["name"] for c in both["spec"]["template"]["spec"]["containers"]], ["a", "b"])
        fields = self.managers(both)["one"]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
        self.assertIn('k:{"name":"a"}', fields)
        self.assertIn('k:{"containerPort":80,"protocol":"TCP"}', fields['k:{"name":"a"}']["f:ports"])
        less = self.apply(body, collection="apps/v1/deployments")
        self.assertEqual([c["name"] for c in less["spec"]["template"]["spec"]["containers"]], ["a", "b"])

    def test_an_apply_needs_a_manager_and_matching_names(self):
        path = path_of("configmaps", "strict", self.ns)
        answer = self.api.request("PATCH", path, self.config_map("strict"), content_type=APPLY)
        self.assertIn(answer.status, (400, 422))
        self.assertIn("fieldManager", answer.json["message"])
        self.refused(400, "BadRequest", "PATCH", path + "?fieldManager=x", self.config_map("other"), content_type=APPLY)

    def test_updates_are_tracked_by_manager(self):
        made = self.api.create("configmaps", self.config_map("tracked", {"a": "1"}), "fieldManager=maker")
        self.assertEqual(self.managers(made)["maker"]["operation"], "Update")
        self.assertEqual(self.managers(made)["maker"]["fieldsV1"], {"f:data": {".": {}, "f:a": {}}})
        changed = self.api.patch("configmaps", "tracked", self.ns, {"data": {"b": "2"}}, query="fieldManager=changer")
        self.assertEqual(self.managers(changed)["changer"]["fieldsV1"], {"f:data": {"f:b": {}}})

    def test_kubectl_applies_on_both_sides(self):
        text = json.dumps(deployment("kubectl", self.ns, [{"name": "a", "image": "one"}]))
        first = self.api.kubectl("apply", "-f", "-", stdin=text)
        self.assertEqual((first.returncode, first.stdout), (0, "deployment.apps/kubectl created\n"), first.stderr)
        self.assertEqual(self.api.kubectl("apply", "-f", "-", stdin=text).stdout, "deployment.apps/kubectl unchanged\n")
        changed = text.replace('"one"', '"two"')
        self.assertEqual(self.api.kubectl("apply", "-f", "-", stdin=changed).stdout, "deployment.apps/kubectl configured\n")
        side = self.api.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=changed)
        self.assertEqual((side.returncode, side.stdout), (0, "deployment.apps/kubectl serverside-applied\n"), side.stderr)
        self.assertEqual(self.api.kubectl("diff", "-f", "-", stdin=changed).returncode, 0)


if __name__ == "__main__":
    unittest.main()
