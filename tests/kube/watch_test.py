"""Watches: order, resumption, selectors, bookmarks, ends and versions that are gone."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

from api import METADATA, TABLE, Api, path_of, wait_for
from conformance import BIN, Conformance, target


class Watches(Conformance):
    def version(self):
        return self.api.get("configmaps", namespace=self.ns)["metadata"]["resourceVersion"]

    def mine(self, watch):
        """The next change of an object that a test made (a controller makes some as well)."""
        while True:
            event = watch.next_change()
            if event is None or not event["object"]["metadata"]["name"].endswith(".crt"):
                return event

    def test_changes_arrive_in_order_with_their_versions(self):
        with self.api.watch("configmaps", self.ns, f"resourceVersion={self.version()}") as watch:
            made = self.make("w")
            changed = self.api.patch("configmaps", "w", self.ns, {"data": {"b": "2"}})
            self.api.delete("configmaps", "w", self.ns)
            events = [self.mine(watch) for _ in range(3)]
        self.assertEqual([event["type"] for event in events], ["ADDED", "MODIFIED", "DELETED"])
        self.assertEqual(events[0]["object"], made)
        self.assertEqual(events[1]["object"], changed)
        self.assertEqual(events[2]["object"]["data"], {"a": "1", "b": "2"})
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
        self.assertEqual(versions, sorted(set(versions)))

    def test_without_a_version_what_exists_comes_first(self):
        namespace = self.new_namespace()
        for name in ("x", "y"):
            self.make(name, namespace=namespace)
        with self.api.watch("configmaps", namespace) as watch:
            first = {self.mine(watch)["object"]["metadata"]["name"] for _ in range(2)}
            self.make("z", namespace=namespace)
            last = self.mine(watch)
        self.assertEqual((first, last["type"], last["object"]["metadata"]["name"]), ({"x", "y"}, "ADDED", "z"))

    def test_a_watch_goes_on_where_another_ended(self):
        before = self.version()
        for i in range(5):
            self.make(f"resume-{i}")
        seen = []
        with self.api.watch("configmaps", self.ns, f"resourceVersion={before}") as watch:
            while len(seen) < 2:
                seen.append(self.mine(watch))
        with self.api.watch("configmaps", self.ns,
                            f"resourceVersion={seen[-1]['object']['metadata']['resourceVersion']}") as watch:
            while len(seen) < 5:
                seen.append(self.mine(watch))
        self.assertEqual([event["object"]["metadata"]["name"] for event in seen], [f"resume-{i}" for i in range(5)])

    def test_a_selector_turns_changes_into_additions_and_deletions(self):
        with self.api.watch("configmaps", self.ns, f"resourceVersion={self.version()}&labelSelector=in%3Dyes") as watch:
            self.make("outside")
            self.make("moving", labels={"in": "no"})
            for value in ("yes", "no", "yes"):
                self.api.patch("configmaps", "moving", self.ns, {"metadata": {"labels": {"in": value}}})
            self.api.patch("configmaps", "moving", self.ns, {"data": {"b": "2"}})
            self.api.delete("configmaps", "moving", self.ns)
            events = [watch.next_change() for _ in range(5)]
        self.assertEqual([event["type"] for event in events], ["ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED"])
        self.assertEqual({event["object"]["metadata"]["name"] for event in events}, {"moving"})

    def test_one_object_is_watched_by_its_name(self):
        with self.api.watch("configmaps", self.ns,
                            f"resourceVersion={self.version()}&fieldSelector=metadata.name%3Dpicked") as watch:
            self.make("not-picked")
            self.make("picked")
            self.assertEqual(watch.next_change()["object"]["metadata"]["name"], "picked")

    def test_a_watch_ends_in_order_at_its_timeout(self):
        version = self.make("timed")["metadata"]["resourceVersion"]
        with self.api.watch("configmaps", self.ns, f"resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=2") as watch:
            while (event := watch.next()) is not None:
                self.assertEqual(event["type"], "BOOKMARK", event)

    @unittest.skipUnless(os.environ.get("KUBE_CONFORMANCE_SLOW"), "takes more than a minute; KUBE_CONFORMANCE_SLOW=1 runs it")
    def test_a_quiet_watch_gets_bookmarks(self):
        version = self.make("bookmarked")["metadata"]["resourceVersion"]
        with self.api.watch("configmaps", self.ns, f"resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=150",
                            timeout=200) as watch:
            event = watch.next()
        self.assertEqual(event["type"], "BOOKMARK")
        self.assertEqual((event["object"]["kind"], event["object"]["apiVersion"]), ("ConfigMap", "v1"))
        self.assertGreaterEqual(int(event["object"]["metadata"]["resourceVersion"]), int(version))
        self.assertFalse(event["object"]["metadata"].get("name"))

    def test_a_list_can_be_streamed_as_a_watch_that_marks_its_end(self):
        namespace = self.new_namespace()
        for name in ("x", "y"):
            self.make(name, namespace=namespace)
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        with self.api.watch("configmaps", namespace, query) as watch:
            names = []
            while (event := watch.next())["type"] != "BOOKMARK":
                names.append(event["object"]["metadata"]["name"])
            self.assertLessEqual({"x", "y"}, set(names))
            self.assertEqual(event["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true")
            self.make("z", namespace=namespace)
            self.assertEqual(self.mine(watch)["object"]["metadata"]["name"], "z")

    def test_initial_events_need_their_parameters(self):
        for query in ("sendInitialEvents=true", "sendInitialEvents=true&resourceVersionMatch=Exact",
                      "resourceVersionMatch=NotOlderThan"):
            status = self.api.expect((400, 422), "GET", path_of("configmaps", namespace=self.ns) + f"?watch=true&{query}")
            self.assertEqual(status["status"], "Failure", query)

    def test_metadata_and_tables_are_watched_as_such(self):
        for accept, kind in ((METADATA, "PartialObjectMetadata"), (TABLE, "Table")):
            name = f"as-{kind.lower()}"
            with self.api.watch("configmaps", self.ns, f"resourceVersion={self.version()}", Accept=accept) as watch:
                self.make(name)
                event = watch.next()
            self.assertEqual((event["type"], event["object"]["kind"]), ("ADDED", kind))
            self.assertIn(name, json.dumps(event))

    def test_many_watchers_see_the_same_changes(self):
        version = self.version()
        seen = [[] for _ in range(20)]

        def follow(into):
            with self.api.watch("configmaps", self.ns, f"resourceVersion={version}") as watch:
                while len(into) < 10:
                    into.append(self.mine(watch)["object"]["metadata"]["name"])

        threads = [threading.Thread(target=follow, args=(into,)) for into in seen]
        for thread in threads:
            thread.start()
        for i in range(10):
            self.make(f"many-{i}")
        for thread in threads:
            thread.join(60)
        self.assertEqual(seen, [[f"many-{i}" for i in range(10)]] * 20)

    def test_a_version_that_is_no_number_is_refused(self):
        answer = self.api.request("GET", path_of("configmaps", namespace=self.ns) + "?watch=true&resourceVersion=abc")
        self.assertGreaterEqual(answer.status, 400)
        self.assertEqual(answer.json["status"], "Failure")

    def check_gone(self, api, namespace, version):
        """Either form in which a server may tell that a version is gone: an answer 410 or an event ERROR."""
        answer = api.request("GET", path_of("configmaps", namespace=namespace) +
                             f"?watch=true&timeoutSeconds=5&resourceVersion={version}")
        status = answer.json if answer.status == 410 else json.loads(answer.data.splitlines()[0])
        if answer.status == 200:
            if status["type"] == "ADDED" and not target().embedded:
                self.skipTest("this cluster still remembers its first version")
            self.assertEqual(status["type"], "ERROR")
            status = status["object"]
        self.assertEqual((status["kind"], status["code"], status["reason"]), ("Status", 410, "Expired"))
        self.assertIn("too old resource version", status["message"])

    def test_a_version_that_is_gone_is_told(self):
        if not target().embedded:
            self.check_gone(self.api, self.ns, 1)
            return
        with ShortMemory() as short:
            first = short.api.get("configmaps", namespace="default", query="limit=1")["metadata"]
            for name in ("first", "gone"):
                short.api.create("configmaps", self.config_map(name, namespace="default"))
            page = short.api.get("configmaps", namespace="default", query="limit=1")["metadata"]
            short.api.delete("configmaps", "gone", "default")
            path = path_of("configmaps", namespace="default")

            def expired():
                return short.api.request("GET", path + f"?limit=1&continue={page['continue']}").status == 410
            wait_for("the continue token to expire", expired, 30)
            status = short.api.expect(410, "GET", path + f"?limit=1&continue={page['continue']}")
            self.assertEqual(status["reason"], "Expired")
            # The token in the answer goes on, inconsistently.
            fresh = short.api.get("configmaps", namespace="default", query=f"continue={status['metadata']['continue']}")
            self.assertNotIn("gone", self.names(fresh))
            self.check_gone(short.api, "default", first["resourceVersion"])
            self.refused_version(short.api, path, first["resourceVersion"])

    def refused_version(self, api, path, version):
        status = api.expect(410, "GET", path + f"?resourceVersion={version}&resourceVersionMatch=Exact")
        self.assertEqual(status["reason"], "Expired")


class ShortMemory:
    """An embedded server of its own that forgets old versions at once."""

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="salvor-conformance-"))
        subprocess.run([BIN / "salvor", "local", "up", "--no-server", "--no-pods", "--watch-history", "1s", "--dir", self.directory],
                       check=True, stdout=subprocess.DEVNULL)
        self.api = Api(self.directory / "kubeconfig")
        return self

    def __exit__(self, *_):
        subprocess.run([BIN / "salvor", "local", "down", "--dir", self.directory], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
