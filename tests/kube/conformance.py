"""What the conformance tests share: the API server under test, namespaces, and simple objects.

By default that is the embedded control plane, started for the run with pods; KUBE_CONFORMANCE_KUBECONFIG names any other
API server, which may lack controllers or nodes: what needs them is skipped there and only there.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from api import Api, path_of, wait_for

BIN = pathlib.Path(os.environ.get("SALVOR_BIN", "build/release/bin")).resolve()
IMAGE = os.environ.get("KUBE_CONFORMANCE_IMAGE", "busybox:1.36")


class Target:
    """The server under test; one for the whole run."""

    def __init__(self):
        self.directory = None
        given = os.environ.get("KUBE_CONFORMANCE_KUBECONFIG")
        self.embedded = not given
        if self.embedded:
            self.directory = pathlib.Path(tempfile.mkdtemp(prefix="salvor-conformance-"))
            subprocess.run([BIN / "salvor", "local", "up", "--no-server", "--dir", self.directory], check=True,
                           stdout=subprocess.DEVNULL)
            given = self.directory / "kubeconfig"
        self.api = Api(given)
        self._controllers = self._nodes = None

    def close(self):
        if self.directory:
            subprocess.run([BIN / "salvor", "local", "down", "--dir", self.directory], check=True, stdout=subprocess.DEVNULL)
            shutil.rmtree(self.directory, ignore_errors=True)

    def has_controllers(self):
        """Whether something makes service accounts, collects garbage and empties namespaces."""
        if self._controllers is None:
            name = self.api.create("namespaces", {"metadata": {"generateName": "probe-"}})["metadata"]["name"]
            try:
                wait_for("a default service account", lambda: self.api.find("serviceaccounts", "default", name), 10)
                self._controllers = True
            except AssertionError:
                self._controllers = False
            self.api.delete("namespaces", name)
        return self._controllers

    def has_nodes(self):
        if self._nodes is None:
            self._nodes = any(condition["type"] == "Ready" and condition["status"] == "True"
                              for node in self.api.get("nodes")["items"]
                              for condition in node.get("status", {}).get("conditions", []))
        return self._nodes


_target = None


def target():
    global _target
    if _target is None:
        _target = Target()
    return _target


def close_target():
    if _target is not None:
        _target.close()


def embedded_lacks(what):
    """Marks what a real kube-apiserver does and the embedded control plane does not do yet: skipped there, and said."""
    def decorate(test):
        def run(self):
            if target().embedded:
                self.skipTest(f"the embedded control plane lacks {what}")
            test(self)
        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run
    return decorate


class Conformance(unittest.TestCase):
    """A test class with a namespace of its own."""
    controllers = nodes = False  # what the class needs of the cluster
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.api = target().api
        if not target().embedded:
            if (cls.controllers or cls.nodes) and not target().has_controllers():
                raise unittest.SkipTest("this cluster runs no controllers")
            if cls.nodes and not target().has_nodes():
                raise unittest.SkipTest("this cluster has no node that is ready")
        cls.namespaces = []
        cls.ns = cls.new_namespace()

    @classmethod
    def tearDownClass(cls):
        for name in cls.namespaces:
            cls.api.request("DELETE", path_of("namespaces", name))

    @classmethod
    def new_namespace(cls):
        name = cls.api.create("namespaces", {"metadata": {"generateName": "conformance-"}})["metadata"]["name"]
        cls.namespaces.append(name)
        if cls.controllers or cls.nodes:
            wait_for("a default service account", lambda: cls.api.find("serviceaccounts", "default", name))
        return name

    def config_map(self, name, data=None, namespace=None, **metadata):
        return {"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": namespace or self.ns, **metadata}, "data": data or {"a": "1"}}

    def make(self, name, data=None, namespace=None, **metadata):
        return self.api.create("configmaps", self.config_map(name, data, namespace, **metadata))

    def pod(self, name, script, **spec):
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": self.ns, "labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 1, "restartPolicy": "Never",
                         "containers": [{"name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", script]}], **spec}}

    def refused(self, code, reason, method, path, body=None, **more):
        """The Status of a request that must fail."""
        status = self.api.expect(code, method, path, body, **more)
        self.assertEqual((status["kind"], status["apiVersion"], status["status"]), ("Status", "v1", "Failure"))
        self.assertEqual((status["code"], status["reason"]), (code, reason), status)
        self.assertTrue(status["message"])
        return status

    def names(self, answer):
        return [item["metadata"]["name"] for item in answer["items"]]
