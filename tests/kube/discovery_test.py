"""Discovery, versions, OpenAPI and health: what a client asks before anything else."""
import unittest

from conformance import Conformance


class Discovery(Conformance):
    def test_the_version_names_a_release(self):
        version = self.api.expect(200, "GET", "/version")
        self.assertRegex(version["gitVersion"], r"^v\d+\.\d+")
        self.assertEqual(version["major"], "1")
        self.assertRegex(version["minor"], r"^\d+")

    def test_health_endpoints_answer_ok(self):
        for path in ("/healthz", "/livez", "/readyz"):
            answer = self.api.request("GET", path, accept="*/*")
            self.assertEqual((answer.status, answer.data), (200, b"ok"), path)

    def test_the_core_group_lists_its_kinds_with_verbs_and_names(self):
        self.assertIn("v1", self.api.expect(200, "GET", "/api")["versions"])
        document = self.api.expect(200, "GET", "/api/v1")
        self.assertEqual((document["kind"], document["groupVersion"]), ("APIResourceList", "v1"))
        kinds = {entry["name"]: entry for entry in document["resources"]}
        self.assertEqual((kinds["pods"]["kind"], kinds["pods"]["namespaced"]), ("Pod", True))
        self.assertIn("po", kinds["pods"]["shortNames"])
        self.assertIn("all", kinds["pods"]["categories"])
        self.assertFalse(kinds["namespaces"]["namespaced"])
        for verb in ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"):
            self.assertIn(verb, kinds["configmaps"]["verbs"])
        for name in ("pods/exec", "pods/log", "pods/status", "persistentvolumes", "persistentvolumeclaims", "secrets",
                     "serviceaccounts", "services", "events", "nodes", "endpoints", "replicationcontrollers"):
            self.assertIn(name, kinds)

    def test_groups_name_their_versions_and_the_preferred_one(self):
        groups = {group["name"]: group for group in self.api.expect(200, "GET", "/apis")["groups"]}
        for name in ("apps", "batch", "rbac.authorization.k8s.io", "storage.k8s.io", "apiextensions.k8s.io",
                     "networking.k8s.io", "policy", "coordination.k8s.io", "authorization.k8s.io"):
            self.assertEqual(groups[name]["preferredVersion"], {"groupVersion": f"{name}/v1", "version": "v1"})
            self.assertIn(groups[name]["preferredVersion"], groups[name]["versions"])
            alone = self.api.expect(200, "GET", f"/apis/{name}")
            self.assertEqual((alone["kind"], alone["name"], alone["versions"]), ("APIGroup", name, groups[name]["versions"]))

    def test_group_versions_list_their_kinds(self):
        wanted = {"apps/v1": {"deployments", "deployments/scale", "statefulsets", "daemonsets", "replicasets"},
                  "batch/v1": {"jobs", "cronjobs"},
                  "rbac.authorization.k8s.io/v1": {"roles", "rolebindings", "clusterroles", "clusterrolebindings"},
                  "storage.k8s.io/v1": {"storageclasses", "csidrivers", "csinodes", "volumeattachments"},
                  "apiextensions.k8s.io/v1": {"customresourcedefinitions", "customresourcedefinitions/status"}}
        for version, names in wanted.items():
            document = self.api.expect(200, "GET", f"/apis/{version}")
            self.assertEqual(document["groupVersion"], version)
            self.assertLessEqual(names, {entry["name"] for entry in document["resources"]})

    def test_aggregated_discovery_names_everything_in_two_requests(self):
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
        for path, group, resource in (("/api", "", "configmaps"), ("/apis", "apps", "deployments")):
            answer = self.api.request("GET", path, accept=accept)
            self.assertIn("as=APIGroupDiscoveryList", answer.headers["Content-Type"])
            document = answer.json
            self.assertEqual(document["kind"], "APIGroupDiscoveryList")
            found = [entry for entry in document["items"] if entry["metadata"].get("name", "") == group]
            kinds = {entry["resource"]: entry for entry in found[0]["versions"][0]["resources"]}
            self.assertEqual(kinds[resource]["scope"], "Namespaced")
            self.assertIn("list", kinds[resource]["verbs"])

    def test_open_api_version_3_describes_kinds(self):
        paths = self.api.expect(200, "GET", "/openapi/v3")["paths"]
        self.assertIn("apis/apps/v1", paths)
        schemas = self.api.expect(200, "GET", "/openapi/v3/api/v1")["components"]["schemas"]
        config_map = schemas["io.k8s.api.core.v1.ConfigMap"]
        self.assertEqual(config_map["properties"]["data"]["type"], "object")
        self.assertIn({"group": "", "kind": "ConfigMap", "version": "v1"}, config_map["x-kubernetes-group-version-kind"])

    def test_an_unknown_path_group_or_kind_is_not_found(self):
        for path in ("/apis/nowhere.example.com/v1", "/api/v1/namespaces/default/nothings", "/apis/apps/v7/deployments"):
            self.assertEqual(self.api.request("GET", path).status, 404, path)


if __name__ == "__main__":
    unittest.main()
