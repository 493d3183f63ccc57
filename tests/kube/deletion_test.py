"""Finalizers, propagation of deletions, garbage collection and the end of namespaces."""
import unittest

from api import JSON_PATCH, path_of, wait_for
from conformance import Conformance


class Finalizers(Conformance):
    def test_an_object_with_a_finalizer_stays_until_it_is_removed(self):
        self.make("held", finalizers=["example.com/hold"])
        answer = self.api.expect(200, "DELETE", path_of("configmaps", "held", self.ns))
        self.assertEqual((answer["kind"], answer["metadata"]["name"]), ("ConfigMap", "held"))
        held = self.api.get("configmaps", "held", self.ns)
        self.assertTrue(held["metadata"]["deletionTimestamp"])
        self.assertEqual(held["metadata"]["deletionGracePeriodSeconds"], 0)
        # Still an object like any other, but for one thing.
        self.assertEqual(self.api.patch("configmaps", "held", self.ns, {"data": {"b": "2"}})["data"], {"a": "1", "b": "2"})
        status = self.refused(422, "Invalid", "PATCH", path_of("configmaps", "held", self.ns),
                              {"metadata": {"finalizers": ["example.com/hold", "example.com/new"]}},
                              content_type="application/merge-patch+json")
        self.assertIn("no new finalizers can be added if the object is being deleted", status["message"])
        self.api.expect(200, "DELETE", path_of("configmaps", "held", self.ns))
        self.api.patch("configmaps", "held", self.ns, [{"op": "remove", "path": "/metadata/finalizers"}], JSON_PATCH)
        self.assertIsNone(self.api.find("configmaps", "held", self.ns))

    def test_a_watch_sees_the_mark_and_then_the_deletion(self):
        made = self.make("seen", finalizers=["example.com/hold"])
        with self.api.watch("configmaps", self.ns, f"resourceVersion={made['metadata']['resourceVersion']}&"
                            "fieldSelector=metadata.name%3Dseen") as watch:
            self.api.delete("configmaps", "seen", self.ns)
            self.api.patch("configmaps", "seen", self.ns, {"metadata": {"finalizers": None}})
            events = [watch.next_change(), watch.next_change()]
        self.assertEqual([event["type"] for event in events], ["MODIFIED", "DELETED"])
        self.assertTrue(events[0]["object"]["metadata"]["deletionTimestamp"])

    def test_a_mark_of_deletion_cannot_be_taken_back(self):
        self.make("marked", finalizers=["example.com/hold"])
        self.api.delete("configmaps", "marked", self.ns)
        patched = self.api.patch("configmaps", "marked", self.ns, {"metadata": {"deletionTimestamp": None}})
        self.assertTrue(patched["metadata"]["deletionTimestamp"])
        self.api.patch("configmaps", "marked", self.ns, {"metadata": {"finalizers": None}})

    def test_a_bad_finalizer_is_refused(self):
        self.refused(422, "Invalid", "POST", path_of("configmaps", namespace=self.ns),
                     self.config_map("bad", finalizers=["not qualified!"]))

    def test_a_policy_that_does_not_exist_is_refused(self):
        self.make("policy")
        self.refused(422, "Invalid", "DELETE", path_of("configmaps", "policy", self.ns), {"propagationPolicy": "Sideways"})


class GarbageCollection(Conformance):
    controllers = True

    def owned(self, name, *owners, block=False, controller=False):
        references = [{"apiVersion": "v1", "kind": "ConfigMap", "name": o["metadata"]["name"], "uid": o["metadata"]["uid"],
                       **({"blockOwnerDeletion": True} if block else {}), **({"controller": True} if controller else {})}
                      for o in owners]
        return self.make(name, ownerReferences=references)

    def gone(self, name):
        wait_for(f"the end of {name}", lambda: not self.api.find("configmaps", name, self.ns))

    def test_dependents_go_after_their_owner_in_the_background(self):
        owner = self.make("owner")
        self.owned("grandchild", self.owned("child", owner))
        self.api.delete("configmaps", "owner", self.ns, {"propagationPolicy": "Background"})
        self.assertIsNone(self.api.find("configmaps", "owner", self.ns))
        for name in ("child", "grandchild"):
            self.gone(name)

    def test_the_owner_waits_for_its_dependents_in_the_foreground(self):
        owner = self.make("front")
        child = self.owned("front-child", owner, block=True)
        self.api.patch("configmaps", "front-child", self.ns, {"metadata": {"finalizers": ["example.com/hold"]}})
        self.api.delete("configmaps", "front", self.ns, {"propagationPolicy": "Foreground"})
        waiting = self.api.get("configmaps", "front", self.ns)
        self.assertIn("foregroundDeletion", waiting["metadata"]["finalizers"])
        wait_for("the child to be marked", lambda: self.api.get("configmaps", "front-child", self.ns)["metadata"].get("deletionTimestamp"))
        self.assertEqual(child["metadata"]["uid"], self.api.get("configmaps", "front-child", self.ns)["metadata"]["uid"])
        self.assertTrue(self.api.find("configmaps", "front", self.ns))
        self.api.patch("configmaps", "front-child", self.ns, {"metadata": {"finalizers": None}})
        self.gone("front-child")
        self.gone("front")

    def test_orphans_stay_and_forget_their_owner(self):
        owner = self.make("parent")
        self.owned("orphan", owner)
        self.api.delete("configmaps", "parent", self.ns, {"propagationPolicy": "Orphan"})
        self.gone("parent")
        wait_for("the reference to be taken out",
                 lambda: not self.api.get("configmaps", "orphan", self.ns)["metadata"].get("ownerReferences"))

    def test_one_owner_that_is_left_keeps_an_object(self):
        first, second = self.make("first"), self.make("second")
        self.owned("both", first, second)
        self.api.delete("configmaps", "first", self.ns, {"propagationPolicy": "Background"})
        wait_for("the gone owner to be forgotten",
                 lambda: len(self.api.get("configmaps", "both", self.ns)["metadata"]["ownerReferences"]) == 1)
        self.api.delete("configmaps", "second", self.ns, {"propagationPolicy": "Background"})
        self.gone("both")

    def test_a_dependent_of_an_owner_that_never_was_goes(self):
        self.make("dangling", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "never",
                                                "uid": "00000000-0000-4000-8000-000000000000"}])
        self.gone("dangling")

    def test_owner_references_are_validated(self):
        owner = self.make("valid")
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "valid", "uid": owner["metadata"]["uid"], "controller": True}
        for references in ([{**reference, "uid": ""}], [{**reference, "name": ""}],
                           [reference, {**reference, "name": "other", "uid": "1"}]):
            self.refused(422, "Invalid", "POST", path_of("configmaps", namespace=self.ns),
                         self.config_map("x", ownerReferences=references))


class Namespaces(Conformance):
    controllers = True

    def test_a_namespace_has_its_finalizer_phase_and_label(self):
        found = self.api.get("namespaces", self.ns)
        self.assertEqual((found["spec"]["finalizers"], found["status"]["phase"]), (["kubernetes"], "Active"))
        self.assertEqual(found["metadata"]["labels"]["kubernetes.io/metadata.name"], self.ns)

    def test_a_deleted_namespace_takes_all_that_is_in_it(self):
        name = self.new_namespace()
        for i in range(5):
            self.make(f"c-{i}", namespace=name)
        self.make("held", namespace=name, finalizers=["example.com/hold"])
        self.api.create("secrets", {"metadata": {"name": "s", "namespace": name}})
        self.api.create("apps/v1/deployments", {
            "metadata": {"name": "d", "namespace": name},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}},
                     "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}})
        answer = self.api.delete("namespaces", name)
        self.assertEqual((answer["kind"], answer["status"]["phase"]), ("Namespace", "Terminating"))
        status = self.refused(403, "Forbidden", "POST", path_of("configmaps", namespace=name), self.config_map("late", namespace=name))
        self.assertIn("because it is being terminated", status["message"])
        self.assertEqual(status["details"]["causes"][0]["reason"], "NamespaceTerminating")
        wait_for("all but the held object to go", lambda: [c for c in self.names(self.api.get("configmaps", namespace=name))] == ["held"])
        self.assertEqual(self.api.get("namespaces", name)["status"]["phase"], "Terminating")
        self.api.patch("configmaps", "held", name, {"metadata": {"finalizers": None}})
        wait_for("the namespace to go", lambda: not self.api.find("namespaces", name))
        again = self.api.create("namespaces", {"metadata": {"name": name}})
        self.assertEqual(again["status"]["phase"], "Active")
        self.assertEqual(self.api.get("secrets", namespace=name, query="fieldSelector=metadata.name%3Ds")["items"], [])

    def test_the_default_namespace_cannot_be_deleted(self):
        self.refused(403, "Forbidden", "DELETE", path_of("namespaces", "default"))

    def test_a_namespace_is_named_as_a_label(self):
        self.refused(422, "Invalid", "POST", path_of("namespaces"), {"metadata": {"name": "a.b"}})


if __name__ == "__main__":
    unittest.main()
