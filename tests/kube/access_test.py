"""Service accounts: their tokens, what RBAC lets them do, and what pods get of them."""
import json
import unittest

from api import Api, path_of, wait_for
from conformance import IMAGE, Conformance, target

RBAC = "rbac.authorization.k8s.io"


def as_account(token):
    """The API as the holder of a token sees it."""
    api = Api(target().api.kubeconfig)
    api.headers = {"Authorization": f"Bearer {token}"}
    if api.context is not None:  # without the administrator's certificate
        api.context = api._tls({"insecure-skip-tls-verify": True}, {})
    return api


class Access(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api.create("serviceaccounts", {"metadata": {"name": "robot", "namespace": cls.ns}})
        cls.user = f"system:serviceaccount:{cls.ns}:robot"

    def token(self, name="robot", status=201, **spec):
        return self.api.expect(status, "POST", path_of("serviceaccounts", name, self.ns, "token"),
                               {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})

    def robot(self):
        return as_account(self.token()["status"]["token"])

    def bind(self, name, rules, cluster=False):
        api, scope = self.api, {} if cluster else {"namespace": self.ns}
        kind = "ClusterRole" if cluster else "Role"
        metadata = {"name": f"{self.ns}-{name}" if cluster else name, **scope}
        api.create(f"{RBAC}/v1/{kind.lower()}s", {"metadata": metadata, "rules": rules})
        api.create(f"{RBAC}/v1/{kind.lower()}bindings", {
            "metadata": metadata, "roleRef": {"apiGroup": RBAC, "kind": kind, "name": metadata["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": self.ns}]})
        for what in ("bindings", "s"):
            self.addCleanup(api.request, "DELETE", path_of(f"{RBAC}/v1/{kind.lower()}{what}", metadata["name"], scope.get("namespace", "")))

    def forbidden(self, api, method, path, message, body=None):
        answer = api.request(method, path, body)
        self.assertEqual(answer.status, 403, answer)
        self.assertEqual(answer.json["reason"], "Forbidden")
        self.assertIn(message, answer.json["message"])

    def test_a_token_is_its_account(self):
        answer = self.token(expirationSeconds=3600)
        self.assertEqual(answer["kind"], "TokenRequest")
        self.assertRegex(answer["status"]["expirationTimestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        api = as_account(answer["status"]["token"])
        info = api.expect(201, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                          {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})["status"]["userInfo"]
        self.assertEqual(info["username"], self.user)
        self.assertEqual(sorted(info["groups"]),
                         ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{self.ns}"])
        review = self.api.expect(201, "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                                 {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                                  "spec": {"token": answer["status"]["token"]}})["status"]
        self.assertTrue(review["authenticated"])
        self.assertEqual(review["user"]["username"], self.user)

    def test_no_token_for_what_is_not_there_or_too_short(self):
        self.assertEqual(self.token("nobody", 404)["reason"], "NotFound")
        refused = self.token(status=422, expirationSeconds=10)
        self.assertIn("may not specify a duration less than 10 minutes", refused["message"])

    def test_a_token_that_was_changed_is_refused(self):
        token = self.token()["status"]["token"]
        for bad in (token[:-6] + "AAAAAA", token.rsplit(".", 1)[0] + ".", "nonsense"):
            answer = as_account(bad).request("GET", path_of("configmaps", "", self.ns))
            self.assertEqual((answer.status, answer.json["reason"]), (401, "Unauthorized"))

    def test_a_token_ends_with_its_pod(self):
        pod = self.pod("bound", "sleep 1000", serviceAccountName="robot", nodeSelector={"no-such": "node"})
        self.api.create("pods", pod)
        token = self.token(boundObjectRef={"apiVersion": "v1", "kind": "Pod", "name": "bound"})["status"]["token"]
        path = "/api"
        self.assertEqual(as_account(token).request("GET", path).status, 200)
        self.api.delete("pods", "bound", self.ns, {"gracePeriodSeconds": 0})
        wait_for("the token to end", lambda: as_account(token).request("GET", path).status == 401)

    def test_an_account_may_nothing_but_look_around(self):
        api = self.robot()
        self.forbidden(api, "GET", path_of("pods", "", self.ns),
                       f'pods is forbidden: User "{self.user}" cannot list resource "pods" in API group "" in the namespace "{self.ns}"')
        self.forbidden(api, "GET", path_of("apps/v1/deployments", "x", self.ns),
                       f'deployments.apps "x" is forbidden: User "{self.user}" cannot get resource "deployments" in API group "apps"')
        self.forbidden(api, "GET", path_of("nodes"), "at the cluster scope")
        self.forbidden(api, "DELETE", path_of("configmaps", "", self.ns), 'cannot deletecollection resource "configmaps"')
        for path in ("/api", "/apis", "/version", "/openapi/v3"):
            self.assertEqual(api.request("GET", path).status, 200, path)

    def test_a_role_reaches_as_far_as_its_binding(self):
        self.bind("reader", [{"apiGroups": [""], "resources": ["configmaps", "pods/log"], "verbs": ["get", "list"]}])
        api = self.robot()
        wait_for("the role to work", lambda: api.request("GET", path_of("configmaps", "", self.ns)).status == 200)
        self.forbidden(api, "POST", path_of("configmaps", "", self.ns), 'cannot create resource "configmaps"', self.config_map("x"))
        self.forbidden(api, "GET", path_of("configmaps", "", "default"), 'in the namespace "default"')
        self.forbidden(api, "GET", path_of("configmaps"), "at the cluster scope")
        self.forbidden(api, "GET", path_of("pods", "x", self.ns), 'cannot get resource "pods"')
        self.assertEqual(api.request("GET", path_of("pods", "x", self.ns, "log")).status, 404)

    def test_names_and_cluster_roles(self):
        self.bind("named", [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["*"]}])
        self.bind("everywhere", [{"apiGroups": ["*"], "resources": ["namespaces", "storageclasses"], "verbs": ["get"]}], cluster=True)
        for name in ("mine", "yours"):
            self.make(name)
        api = self.robot()
        wait_for("the role to work", lambda: api.request("GET", path_of("configmaps", "mine", self.ns)).status == 200)
        self.forbidden(api, "GET", path_of("configmaps", "yours", self.ns), "is forbidden")
        wait_for("the cluster role to work", lambda: api.request("GET", path_of("namespaces", "default")).status == 200)
        self.forbidden(api, "GET", path_of("namespaces"), 'cannot list resource "namespaces"')

    def test_applying_what_is_not_there_needs_the_right_to_create(self):
        self.bind("patcher", [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["patch", "get"]}])
        api = self.robot()
        path = path_of("secrets", "new", self.ns)
        wait_for("the role to work", lambda: api.request("GET", path).status == 404)
        answer = api.request("PATCH", path + "?fieldManager=t", json.dumps(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "new"}}), "application/apply-patch+yaml")
        self.assertEqual(answer.status, 403, answer)
        self.assertIn('cannot create resource "secrets"', answer.json["message"])

    def test_reviews_tell_what_an_account_may(self):
        self.bind("scaler", [{"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["update"]}])
        attributes = {"namespace": self.ns, "verb": "update", "group": "apps", "resource": "deployments"}

        def may(**more):
            return self.api.expect(201, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
                "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": {"user": self.user, "resourceAttributes": {**attributes, **more}}})["status"]["allowed"]
        wait_for("the role to work", lambda: may(subresource="scale"))
        self.assertFalse(may())
        self.assertFalse(may(subresource="scale", namespace="default"))

    def test_the_administrator_may_act_as_an_account(self):
        answer = self.api.request("GET", path_of("pods", "", self.ns), headers={"Impersonate-User": self.user})
        self.assertEqual(answer.status, 403, answer)
        self.assertIn(f'User "{self.user}" cannot list', answer.json["message"])
        answer = self.robot().request("GET", path_of("pods", "", self.ns), headers={"Impersonate-User": "system:admin"})
        self.assertEqual(answer.status, 403, answer)
        self.assertIn("cannot impersonate", answer.json["message"])

    def test_pods_get_the_token_of_their_account(self):
        pod = self.pod("with", "true", serviceAccountName="robot", nodeSelector={"no-such": "node"})
        made = self.api.create("pods", pod)
        volume = made["spec"]["volumes"][0]
        self.assertTrue(volume["name"].startswith("kube-api-access-"))
        self.assertEqual([next(iter(source)) for source in volume["projected"]["sources"]][:3],  # distributions add more
                         ["serviceAccountToken", "configMap", "downwardAPI"])
        self.assertEqual(made["spec"]["containers"][0]["volumeMounts"],
                         [{"name": volume["name"], "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}])
        without = self.pod("without", "true", serviceAccountName="robot", nodeSelector={"no-such": "node"}, automountServiceAccountToken=False)
        self.assertNotIn("volumes", self.api.create("pods", without)["spec"])
        self.refused(403, "Forbidden", "POST", path_of("pods", "", self.ns),
                     self.pod("stranger", "true", serviceAccountName="nobody"))


class InPods(Conformance):
    nodes = True

    def lines_of(self, name, script, security=None, pod_security=None, **spec):
        """What a container prints that runs to its end."""
        pod = self.pod(name, script, **spec)
        pod["spec"]["securityContext"] = pod_security or {}
        pod["spec"]["containers"][0]["securityContext"] = security or {}
        self.api.create("pods", pod)
        wait_for(f"the end of pod {name}", lambda: self.api.get("pods", name, self.ns)["status"].get("phase") in ("Succeeded", "Failed"))
        return self.api.request("GET", path_of("pods", name, self.ns, "log"), accept="*/*").data.decode().splitlines()

    def test_root_has_the_capabilities_of_its_security_context(self):
        script = "sed -n 's/^CapEff:.//p' /proc/self/status"
        has = ~0  # nobody gets what the machine of an embedded control plane has not
        if target().embedded:
            has = int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("CapBnd:")), 16)

        def capabilities(name, security):
            return [int(line, 16) for line in self.lines_of(name, script, security)]
        self.assertEqual(capabilities("usual", {}), [0xa80425fb & has])
        self.assertEqual(capabilities("two", {"capabilities": {"drop": ["ALL"], "add": ["CHOWN", "MKNOD"]}}), [0x8000001 & has])
        self.assertEqual(capabilities("user", {"runAsUser": 1234}), [0])

    def test_users_groups_and_a_root_directory_that_cannot_be_written(self):
        script = "id -u; id -g; id -G; touch /etc/x 2>/dev/null || echo refused; touch /data/x && echo written"
        lines = self.lines_of("bounded", script, {"readOnlyRootFilesystem": True},
                              {"runAsUser": 1234, "runAsGroup": 2345, "fsGroup": 3456, "runAsNonRoot": True},
                              volumes=[{"name": "data", "emptyDir": {}}],
                              containers=[{"name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", script],
                                           "volumeMounts": [{"name": "data", "mountPath": "/data"}]}])
        self.assertEqual(lines, ["1234", "2345", "2345 3456", "refused", "written"])

    def test_a_pod_that_must_not_run_as_root_does_not(self):
        self.api.create("pods", self.pod("rooted", "true", securityContext={"runAsNonRoot": True}))

        def reason():
            statuses = self.api.get("pods", "rooted", self.ns)["status"].get("containerStatuses", [{}])
            return statuses[0].get("state", {}).get("waiting", {}).get("reason")
        wait_for("the refusal", lambda: reason() == "CreateContainerConfigError")

    def test_a_pod_reaches_the_api_by_the_address_and_with_the_token_that_it_was_given(self):
        script = ("d=/var/run/secrets/kubernetes.io/serviceaccount; test -s $d/token -a -s $d/ca.crt || exit 1; cat $d/namespace; echo; "
                  "echo $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT")
        self.api.create("pods", self.pod("asking", script))
        wait_for("the pod's end", lambda: self.api.get("pods", "asking", self.ns)["status"].get("phase") == "Succeeded")
        log = self.api.request("GET", path_of("pods", "asking", self.ns, "log"), accept="*/*").data.decode().splitlines()
        service = self.api.get("services", "kubernetes", "default")["spec"]
        self.assertEqual(log, [self.ns, f"{service['clusterIP']} {service['ports'][0]['port']}"])


if __name__ == "__main__":
    unittest.main()
