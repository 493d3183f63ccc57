"""An HTTP proxy in front of an API server that fails on demand.

The server under test is given `kubeconfig()`, plain HTTP on loopback; the proxy holds the real credentials. `rule` is asked
for every request and returns what happens to it: None (passed on), `Answer`, or `CUT` (the connection is broken, after
`cut_after` bytes of the body if that is not 0). `down()` refuses all connections until `up()`.
"""
import http.client
import http.server
import json
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "kube"))

from api import Api  # noqa: E402

CUT = "cut"
HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Answer:
    def __init__(self, status, reason="", message="", headers=None):
        self.status, self.headers = status, headers or {}
        self.body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status,
                                "reason": reason, "message": message or reason}).encode()


class Cut:
    """The connection breaks after so many bytes of the answer's body."""

    def __init__(self, after=0):
        self.after = after


class Request:
    def __init__(self, method, target, headers):
        self.method, self.target, self.headers = method, target, headers
        self.path, _, query = target.partition("?")
        self.query = dict(part.partition("=")[::2] for part in query.split("&") if part)

    @property
    def is_watch(self):
        return self.query.get("watch") in ("1", "true")


class FaultProxy:
    def __init__(self, kubeconfig):
        self.api = Api(kubeconfig)
        self.rule = None
        self.lock = threading.Lock()
        self.sockets = set()  # guarded by lock
        self.watches = set()  # guarded by lock
        self.requests = []
        self.port = 0
        self.listener = None
        self.up()

    # --- the switch ---
    def up(self):
        self.listener = _Listener(("127.0.0.1", self.port), _handler_of(self))
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        self.listener.shutdown()
        self.listener.server_close()
        self.break_connections()

    def close(self):
        self.down()

    def break_connections(self, watches_only=False):
        with self.lock:
            chosen = list(self.watches if watches_only else self.sockets)
        for connection in chosen:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def kubeconfig(self, user=None):
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "u", "user": user or {}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]})

    def decide(self, request):
        self.requests.append(f"{request.method} {request.target}")
        return self.rule(request) if self.rule else None


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # broken connections are the purpose


def _handler_of(proxy):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        upstream = None

        def setup(self):
            super().setup()
            with proxy.lock:
                proxy.sockets.add(self.connection)

        def finish(self):
            with proxy.lock:
                proxy.sockets.discard(self.connection)
                proxy.watches.discard(self.connection)
            if self.upstream:
                self.upstream.close()
            super().finish()

        def log_message(self, *_):
            pass

        def handle_request(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, self.headers)
            fault = proxy.decide(request)
            if fault == CUT:
                return self.cut()
            if isinstance(fault, Answer):
                return self.send(fault.status, fault.headers, fault.body)
            if request.is_watch:
                with proxy.lock:
                    proxy.watches.add(self.connection)
            self.pass_on(request, body, fault.after if isinstance(fault, Cut) else None)

        def cut(self):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def send(self, status, headers, body):
            self.send_response_only(status)
            for name, value in {"Content-Type": "application/json", **headers, "Content-Length": len(body)}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def ask(self, request, body):
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS | {"host", "authorization"}}
            for attempt in (1, 2):
                if self.upstream is None:
                    self.upstream = proxy.api.connect(3600)
                try:
                    self.upstream.request(request.method, request.target, body=body or None, headers={**headers, **proxy.api.headers})
                    return self.upstream.getresponse()
                except (http.client.RemoteDisconnected, ConnectionError):
                    self.upstream.close()
                    self.upstream = None
                    if attempt == 2:
                        raise

        def pass_on(self, request, body, cut_after):
            response = self.ask(request, body)
            self.send_response_only(response.status)
            for name, value in response.headers.items():
                if name.lower() not in HOP_HEADERS:
                    self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            sent = 0
            while data := response.read1(65536):
                if cut_after is not None and sent + len(data) > cut_after:
                    return self.cut()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
                sent += len(data)
            self.wfile.write(b"0\r\n\r\n")
            response.close()  # else the connection still waits for the end that read1 has come to

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request

    return Handler
