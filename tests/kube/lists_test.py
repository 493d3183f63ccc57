"""Lists: order, selectors, pages, versions and the forms in which a list may be asked for."""
import unittest
import urllib.parse

from api import METADATA, METADATA_LIST, TABLE, path_of
from conformance import Conformance


def quote(text):
    return urllib.parse.quote(text, safe="")


class Lists(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.new_namespace()
        for i in range(25):
            labels = {"suite": cls.ns, "even": "yes" if i % 2 == 0 else "no", **({"third": ""} if i % 3 == 0 else {})}
            cls.api.create("configmaps", {"metadata": {"name": f"m-{i:02}", "namespace": cls.ns, "labels": labels}})
        cls.api.create("configmaps", {"metadata": {"name": "m-00", "namespace": cls.other, "labels": {"suite": cls.ns}}})

    def listed(self, **query):
        query = {"labelSelector": f"suite={self.ns}", **query}
        text = "&".join(f"{key}={quote(str(value))}" for key, value in query.items())
        return self.api.get("configmaps", namespace=self.ns, query=text)

    def selected(self, selector):
        return len(self.listed(labelSelector=f"suite={self.ns},{selector}")["items"])

    def test_a_list_is_in_order_of_names_and_has_a_version(self):
        answer = self.listed()
        self.assertEqual((answer["kind"], answer["apiVersion"]), ("ConfigMapList", "v1"))
        self.assertEqual(self.names(answer), [f"m-{i:02}" for i in range(25)])
        self.assertGreater(int(answer["metadata"]["resourceVersion"]), 0)
        self.assertNotIn("continue", answer["metadata"])
        self.assertNotIn("kind", answer["items"][0])

    def test_all_namespaces_are_listed_in_one_request(self):
        answer = self.api.get("configmaps", query=f"labelSelector=suite%3D{self.ns}")
        self.assertEqual(len(answer["items"]), 26)
        keys = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in answer["items"]]
        self.assertEqual(keys, sorted(keys))

    def test_an_empty_list_has_an_empty_array(self):
        self.assertEqual(self.listed(labelSelector="suite=nobody")["items"], [])

    def test_label_selectors_of_every_form(self):
        for selector, count in (("even=yes", 13), ("even==yes", 13), ("even!=yes", 12), ("even in (yes, no)", 25),
                                ("even notin (yes)", 12), ("third", 9), ("!third", 16), ("third=", 9),
                                ("even=yes,third", 5), ("absent notin (x)", 25), ("absent!=x", 25)):
            self.assertEqual(self.selected(selector), count, selector)

    def test_a_bad_label_selector_is_refused(self):
        for selector in ("a in b", "a=b c", "=", "a in ("):
            answer = self.api.request("GET", path_of("configmaps", namespace=self.ns) + f"?labelSelector={quote(selector)}")
            self.assertEqual((answer.status, answer.json["reason"]), (400, "BadRequest"), selector)

    def test_field_selectors_by_name_and_namespace(self):
        self.assertEqual(self.names(self.listed(fieldSelector="metadata.name=m-07")), ["m-07"])
        self.assertEqual(len(self.listed(fieldSelector="metadata.name!=m-07")["items"]), 24)
        answer = self.api.get("configmaps", query=f"labelSelector=suite%3D{self.ns}&fieldSelector=metadata.namespace%3D{self.other}")
        self.assertEqual(len(answer["items"]), 1)

    def test_a_field_that_cannot_be_selected_is_refused(self):
        answer = self.api.request("GET", path_of("configmaps", namespace=self.ns) + "?fieldSelector=data.a%3D1")
        self.assertEqual(answer.status, 400)
        self.assertIn("data.a", answer.json["message"])

    def test_pages_make_the_whole_list_at_one_version(self):
        names, versions, token = [], set(), None
        while token != "":
            page = self.listed(limit=7, **({"continue": token} if token else {}))
            self.assertLessEqual(len(page["items"]), 7)
            names += self.names(page)
            versions.add(page["metadata"]["resourceVersion"])
            token = page["metadata"].get("continue", "")
        self.assertEqual(names, [f"m-{i:02}" for i in range(25)])
        self.assertEqual(len(versions), 1)

    def test_later_pages_show_the_list_as_it_was(self):
        namespace = self.new_namespace()
        for name in "abcd":
            self.make(name, namespace=namespace)
        first = self.api.get("configmaps", namespace=namespace, query="limit=2&labelSelector=%21kubernetes.io/none")
        rest = quote(first["metadata"]["continue"])
        self.api.delete("configmaps", "c", namespace)
        self.api.delete("configmaps", "d", namespace)
        self.make("e", namespace=namespace)
        second = self.api.get("configmaps", namespace=namespace, query=f"continue={rest}&labelSelector=%21kubernetes.io/none")
        self.assertEqual([name for name in self.names(first) + self.names(second) if len(name) == 1], list("abcd"))

    def test_pages_of_an_unselected_list_tell_how_many_remain(self):
        page = self.api.get("configmaps", namespace=self.ns, query="limit=5")
        whole = self.api.get("configmaps", namespace=self.ns)
        self.assertEqual(page["metadata"]["remainingItemCount"], len(whole["items"]) - 5)

    def test_a_bad_continue_token_is_refused(self):
        for token in ("nonsense", "e30"):
            answer = self.api.request("GET", path_of("configmaps", namespace=self.ns) + f"?limit=1&continue={token}")
            self.assertEqual((answer.status, answer.json["reason"]), (400, "BadRequest"))

    def test_version_zero_and_not_older_than_take_what_is_there(self):
        version = self.listed()["metadata"]["resourceVersion"]
        self.assertEqual(len(self.listed(resourceVersion="0")["items"]), 25)
        answer = self.listed(resourceVersion=version, resourceVersionMatch="NotOlderThan")
        self.assertGreaterEqual(int(answer["metadata"]["resourceVersion"]), int(version))

    def test_an_exact_version_shows_the_past(self):
        namespace = self.new_namespace()
        self.make("past", {"a": "old"}, namespace=namespace)
        selector = "fieldSelector=metadata.name%3Dpast"
        version = self.api.get("configmaps", namespace=namespace, query=selector)["metadata"]["resourceVersion"]
        self.api.patch("configmaps", "past", namespace, {"data": {"a": "new"}})
        answer = self.api.get("configmaps", namespace=namespace,
                              query=f"{selector}&resourceVersion={version}&resourceVersionMatch=Exact")
        self.assertEqual(answer["items"][0]["data"], {"a": "old"})
        self.assertEqual(answer["metadata"]["resourceVersion"], version)

    def test_version_parameters_that_contradict_are_refused(self):
        for query in ("resourceVersionMatch=Exact", "resourceVersion=0&resourceVersionMatch=Exact",
                      "resourceVersion=5&resourceVersionMatch=Sometimes", "resourceVersion=abc"):
            answer = self.api.request("GET", path_of("configmaps", namespace=self.ns) + f"?{query}")
            self.assertIn(answer.status, (400, 422), query)
            self.assertEqual(answer.json["status"], "Failure")

    def test_a_version_from_the_future_times_out(self):
        answer = self.api.request("GET", path_of("configmaps", namespace=self.ns) +
                                  "?resourceVersion=99999999999&resourceVersionMatch=NotOlderThan")
        self.assertEqual((answer.status, answer.json["reason"]), (504, "Timeout"))
        self.assertIn("Too large resource version", answer.json["message"])

    def test_a_list_of_metadata_holds_no_data(self):
        answer = self.api.get("configmaps", namespace=self.ns, query=f"labelSelector=suite%3D{self.ns}", accept=METADATA_LIST)
        self.assertEqual((answer["kind"], answer["apiVersion"]), ("PartialObjectMetadataList", "meta.k8s.io/v1"))
        self.assertEqual(len(answer["items"]), 25)
        self.assertLessEqual(set(answer["items"][0]), {"kind", "apiVersion", "metadata"})
        one = self.api.get("configmaps", "m-00", self.ns, accept=METADATA)
        self.assertEqual((one["kind"], one["metadata"]["name"]), ("PartialObjectMetadata", "m-00"))
        self.assertNotIn("data", one)

    def test_a_table_has_columns_and_cells(self):
        answer = self.api.get("configmaps", namespace=self.ns, query=f"labelSelector=suite%3D{self.ns}&limit=3", accept=TABLE)
        self.assertEqual((answer["kind"], answer["apiVersion"]), ("Table", "meta.k8s.io/v1"))
        self.assertEqual([column["name"] for column in answer["columnDefinitions"]], ["Name", "Data", "Age"])
        self.assertEqual(len(answer["rows"]), 3)
        self.assertEqual(answer["rows"][0]["cells"][:2], ["m-00", 0])
        self.assertEqual(answer["rows"][0]["object"]["kind"], "PartialObjectMetadata")
        self.assertTrue(answer["metadata"]["continue"])

    def test_a_table_includes_the_objects_that_are_asked_for(self):
        path = f"labelSelector=suite%3D{self.ns}&limit=1&includeObject="
        self.assertEqual(self.api.get("configmaps", namespace=self.ns, query=path + "Object", accept=TABLE)
                         ["rows"][0]["object"]["kind"], "ConfigMap")
        self.assertIsNone(self.api.get("configmaps", namespace=self.ns, query=path + "None", accept=TABLE)
                          ["rows"][0].get("object"))

    def test_tables_of_core_kinds_have_the_columns_that_kubectl_prints(self):
        wanted = {
            "pods": ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"],
            "namespaces": ["Name", "Status", "Age"],
            "secrets": ["Name", "Type", "Data", "Age"],
            "serviceaccounts": ["Name", "Age"],
            "services": ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector"],
            "persistentvolumes": ["Name", "Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass",
                                  "VolumeAttributesClass", "Reason", "Age", "VolumeMode"],
            "persistentvolumeclaims": ["Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass",
                                       "VolumeAttributesClass", "Age", "VolumeMode"],
            "apps/v1/deployments": ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"],
            "apps/v1/statefulsets": ["Name", "Ready", "Age", "Containers", "Images"],
            "batch/v1/jobs": ["Name", "Status", "Completions", "Duration", "Age", "Containers", "Images", "Selector"],
            "batch/v1/cronjobs": ["Name", "Schedule", "Timezone", "Suspend", "Active", "Last Schedule", "Age", "Containers",
                                  "Images", "Selector"],
            "storage.k8s.io/v1/storageclasses": ["Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode",
                                                 "AllowVolumeExpansion", "Age"],
            "apiextensions.k8s.io/v1/customresourcedefinitions": ["Name", "Created At"]}
        for collection, columns in wanted.items():
            table = self.api.get(collection, query="limit=1", accept=TABLE)
            self.assertEqual([column["name"] for column in table["columnDefinitions"]], columns, collection)

    def test_pods_are_selected_by_node_phase_and_policy(self):
        for selector in ("spec.nodeName=none-such", "status.phase=Failed", "spec.restartPolicy=Always",
                         "spec.serviceAccountName=x", "status.podIP=10.0.0.1", "spec.schedulerName=x"):
            self.api.get("pods", namespace=self.ns, query=f"fieldSelector={quote(selector)}")

    def test_secrets_are_selected_by_type(self):
        for name, kind in (("opaque", "Opaque"), ("own", "example.com/own")):
            self.api.create("secrets", {"metadata": {"name": name, "namespace": self.ns}, "type": kind})
        self.assertEqual(self.names(self.api.get("secrets", namespace=self.ns, query="fieldSelector=type%3Dexample.com/own")),
                         ["own"])


if __name__ == "__main__":
    unittest.main()
