"""S3 for the repository tests: Ceph's gateway, and a proxy before it that kills who asks."""
import http.client
import http.server
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.parse

from harness import BIN, SOURCE, wait_for

counter = itertools.count()


class S3Service:
    """Ceph's gateway, or the endpoint in SALVOR_TEST_S3 ("URL ACCESS SECRET")."""

    def __init__(self):
        self.start()
        self.bucket = f"salvor-tests-{os.getpid()}"
        # init makes a bucket that is not there.
        subprocess.run([BIN / "salvor", "repo", "-r", f"s3:{self.endpoint}/{self.bucket}/first", "init"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, **self.env(), "RESTIC_PASSWORD": "x"})

    def start(self):
        self.process = None
        given = os.environ.get("SALVOR_TEST_S3")
        if given:
            self.endpoint, self.access, self.secret = given.split()
            return
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="salvor-s3-"))
        self.process = subprocess.Popen([SOURCE / "tests" / "services" / "ceph-s3", self.dir / "ceph"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ready = self.dir / "ceph" / "ready"
        wait_for("the Ceph gateway", ready.exists, timeout=180)
        self.endpoint, self.access, self.secret = ready.read_text().split()

    def env(self):
        return {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_DEFAULT_REGION": "us-east-1"}

    def new_path(self):
        """"bucket/prefix" of a repository that is not there yet."""
        return f"{self.bucket}/some/prefix-{next(counter)}"

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            shutil.rmtree(self.dir, ignore_errors=True)


class Killer:
    """Passes requests on, and kills the client at its n-th change: before that is passed on, or before the answer is."""

    def __init__(self, service):
        upstream = urllib.parse.urlsplit(service.endpoint)
        killer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                changes = self.command in ("PUT", "POST", "DELETE")
                turn = killer.turn() if changes else 0
                if turn and killer.kills(turn, "before"):
                    return
                connection = http.client.HTTPConnection(upstream.hostname, upstream.port)
                connection.request(self.command, self.path, body=body, headers=dict(self.headers))
                answer = connection.getresponse()
                data = answer.read()
                connection.close()
                if turn and killer.kills(turn, "after"):
                    return
                self.send_response_only(answer.status, answer.reason)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

        self.mutex = threading.Lock()
        self.changes, self.kill_at, self.when, self.pid = 0, None, None, None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def turn(self):
        with self.mutex:
            self.changes += 1
            return self.changes

    def kills(self, turn, when):
        if turn != self.kill_at or when != self.when:
            return False
        os.kill(self.pid, signal.SIGKILL)
        return True

    def run(self, argv, env, kill_at=None, when=None):
        """Runs a client of this endpoint; returns (exit code, changes)."""
        self.changes, self.kill_at, self.when = 0, kill_at, when
        with self.mutex:
            process = subprocess.Popen([str(a) for a in argv], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.pid = process.pid
        output, _ = process.communicate(timeout=180)
        return process.returncode, self.changes, output.decode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
