"""A small Kubernetes API client over plain HTTP, so that the conformance suite sees what is on the wire.

One `Api` a kubeconfig; it may be used from several threads (each has its own connection).
"""
import base64
import contextlib
import http.client
import json
import pathlib
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

JSON = "application/json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


class Answer:
    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data

    @property
    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"HTTP {self.status}: {self.data[:2000].decode('utf-8', 'replace')}"


def path_of(collection, name="", namespace="", subresource=""):
    """"configmaps" or "apps/v1/deployments" to a URL path; the core group needs no version."""
    parts = collection.split("/")
    root = "/api/v1" if len(parts) == 1 else "/apis/" + "/".join(parts[:-1])
    path = root + (f"/namespaces/{namespace}" if namespace else "") + "/" + parts[-1]
    for part in (name, subresource):
        path += f"/{part}" if part else ""
    return path


def wait_for(what, condition, timeout=60):
    """Polls until condition() is true; says what it awaited when it is not in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.05)


class Watch:
    """Events of one watch request, in order. Use as a context manager."""

    def __init__(self, connection, response):
        self.connection, self.response = connection, response

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self):
        """The next event, or None when the server has ended the watch."""
        line = self.response.readline()
        return json.loads(line) if line else None

    def next_change(self):
        """The next event that is no bookmark."""
        while True:
            event = self.next()
            if event is None or event["type"] != "BOOKMARK":
                return event


class Api:
    def __init__(self, kubeconfig):
        self.kubeconfig = str(kubeconfig)
        text = subprocess.run(
            ["kubectl", "--kubeconfig", self.kubeconfig, "config", "view", "--raw", "--flatten", "--minify", "-o", "json"],
            check=True, capture_output=True, text=True).stdout
        config = json.loads(text)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = urllib.parse.urlsplit(cluster["server"])
        self.headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self.context = self._tls(cluster, user) if self.server.scheme == "https" else None
        self.local = threading.local()

    @staticmethod
    def _tls(cluster, user):
        context = ssl.create_default_context()
        if "certificate-authority-data" in cluster:
            context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if "client-certificate-data" in user:
            with tempfile.TemporaryDirectory() as directory:
                files = []
                for name in ("client-certificate-data", "client-key-data"):
                    files.append(pathlib.Path(directory) / name)
                    files[-1].write_bytes(base64.b64decode(user[name]))
                context.load_cert_chain(*files)
        return context

    def connect(self, timeout=30):
        if self.context is None:
            return http.client.HTTPConnection(self.server.hostname, self.server.port, timeout=timeout)
        return http.client.HTTPSConnection(self.server.hostname, self.server.port, timeout=timeout, context=self.context)

    def _connection(self):
        if getattr(self.local, "connection", None) is None:
            self.local.connection = self.connect()
        return self.local.connection

    def request(self, method, path, body=None, content_type=JSON, accept=JSON, headers=None):
        data = body if isinstance(body, (bytes, str)) or body is None else json.dumps(body)
        everything = {**self.headers, "Accept": accept, **(headers or {})}
        if data is not None:
            everything["Content-Type"] = content_type
        for attempt in (1, 2):
            connection = self._connection()
            try:
                connection.request(method, path, body=data, headers=everything)
                response = connection.getresponse()
                return Answer(response.status, response.headers, response.read())
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                self.local.connection = None
                stale = isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError))
                if attempt == 2 or not stale:
                    raise

    # --- what a test mostly does: the named answers or a failure that shows the body ---
    def expect(self, status, method, path, body=None, **more):
        answer = self.request(method, path, body, **more)
        if answer.status not in (status if isinstance(status, tuple) else (status,)):
            raise AssertionError(f"{method} {path}: expected {status}, got {answer!r}")
        return answer.json

    def get(self, collection, name="", namespace="", query="", **more):
        return self.expect(200, "GET", path_of(collection, name, namespace) + (f"?{query}" if query else ""), **more)

    def find(self, collection, name, namespace=""):
        answer = self.request("GET", path_of(collection, name, namespace))
        return answer.json if answer.status == 200 else None

    def create(self, collection, body, query=""):
        path = path_of(collection, namespace=body["metadata"].get("namespace", ""))
        return self.expect(201, "POST", path + (f"?{query}" if query else ""), body)

    def update(self, collection, body, subresource=""):
        metadata = body["metadata"]
        return self.expect(200, "PUT", path_of(collection, metadata["name"], metadata.get("namespace", ""), subresource), body)

    def patch(self, collection, name, namespace, body, content_type=MERGE, query="", subresource="", status=(200, 201)):
        path = path_of(collection, name, namespace, subresource) + (f"?{query}" if query else "")
        return self.expect(status, "PATCH", path, body, content_type=content_type)

    def delete(self, collection, name, namespace="", options=None):
        return self.expect((200, 202), "DELETE", path_of(collection, name, namespace), options)

    def watch(self, collection, namespace="", query="", timeout=30, **headers):
        connection = self.connect(timeout)
        connection.request("GET", path_of(collection, namespace=namespace) + "?watch=true" + (f"&{query}" if query else ""),
                           headers={**self.headers, "Accept": JSON, **headers})
        response = connection.getresponse()
        if response.status != 200:
            with contextlib.closing(connection):
                raise AssertionError(f"watch of {collection}: {Answer(response.status, response.headers, response.read())!r}")
        return Watch(connection, response)

    def kubectl(self, *arguments, stdin=None, timeout=60):
        return subprocess.run(["kubectl", "--kubeconfig", self.kubeconfig, *arguments], input=stdin, text=True,
                              capture_output=True, timeout=timeout)
