"""`salvor install` and `uninstall` in a cluster that has another installation."""
import unittest

from harness import ControlPlane, wait_for

plane = None


def setUpModule():
    global plane
    plane = ControlPlane(location=False)


def tearDownModule():
    plane.close()


def names(kind):
    return set(plane.kubectl("get", kind, "-A", "-o", "jsonpath={.items[*].metadata.name}").out.split())


class Install(unittest.TestCase):
    def test_uninstall_takes_what_install_made_and_leaves_the_rights_of_others(self):
        labels = {"component": "velero"}
        plane.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": [],
                     "metadata": {"name": "other-backup", "labels": labels}})
        plane.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                     "metadata": {"name": "other-backup", "labels": labels},
                     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "other-backup"},
                     "subjects": [{"kind": "ServiceAccount", "name": "velero", "namespace": "other-backup"}]})
        kinds = ("clusterroles", "clusterrolebindings", "roles", "rolebindings", "deployments", "daemonsets")
        before = {kind: names(kind) for kind in kinds}
        plane.velero("install", "--provider", "aws", "--bucket", "b", "--no-secret", "--use-node-agent",
                     "-n", "mine", check=True)
        made = {kind: names(kind) - before[kind] for kind in kinds}
        self.assertTrue(all(made[kind] for kind in ("clusterroles", "clusterrolebindings", "deployments", "daemonsets")), made)
        result = plane.velero("uninstall", "--force", "--keep-crds", "-n", "mine", check=True)
        for kind in kinds:
            wait_for(f"the {kind} of before: {result}", lambda kind=kind: names(kind) == before[kind])
        self.assertIn("backups.velero.io", names("crds"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
