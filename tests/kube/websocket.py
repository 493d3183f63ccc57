"""Commands in pods over the WebSocket protocol v5.channel.k8s.io: what kubectl exec does, without its version."""
import base64
import json
import os
import struct
import urllib.parse

from api import path_of

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


class Executed:
    def __init__(self):
        self.out, self.err, self.status = b"", b"", None

    @property
    def exit_code(self):
        """The Status of the last channel as a number; None when it does not name one."""
        if self.status["status"] == "Success":
            return 0
        causes = {cause["reason"]: cause["message"] for cause in self.status.get("details", {}).get("causes", [])}
        return int(causes["ExitCode"]) if "ExitCode" in causes else None


def _frame(opcode, payload):
    mask = os.urandom(4)
    size = len(payload)
    head = bytes([0x80 | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def _read_frame(stream):
    first, second = stream.read(2)
    size = second & 0x7F
    if size == 126:
        size = struct.unpack(">H", stream.read(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", stream.read(8))[0]
    return bool(first & 0x80), first & 0x0F, stream.read(size)


def execute(api, namespace, pod, command, stdin=None, container=""):
    """Runs the command; the HTTP status and body instead when the server refuses (a tuple)."""
    query = [("command", word) for word in command] + [("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if stdin is not None else []
    query += [("container", container)] if container else []
    connection = api.connect(60)
    path = path_of("pods", pod, namespace, "exec") + "?" + urllib.parse.urlencode(query)
    connection.request("GET", path, headers={
        **api.headers, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": "v5.channel.k8s.io"})
    response = connection.sock.makefile("rb")
    status = int(response.readline().split()[1])
    headers = {}
    while line := response.readline().strip():
        key, _, value = line.decode().partition(":")
        headers[key.lower()] = value.strip()
    if status != 101:
        return status, response.read(int(headers.get("content-length", 0)))
    assert headers["sec-websocket-protocol"] == "v5.channel.k8s.io", headers
    done = _converse(connection.sock, response, stdin)
    connection.close()
    return done


def _converse(socket, stream, stdin):
    if stdin is not None:
        for at in range(0, len(stdin), 30000):
            socket.sendall(_frame(2, bytes([STDIN]) + stdin[at:at + 30000]))
        socket.sendall(_frame(2, bytes([CLOSE, STDIN])))
    done, message = Executed(), b""
    while True:
        final, opcode, payload = _read_frame(stream)
        if opcode == 8:
            return done
        if opcode == 9:
            socket.sendall(_frame(10, payload))
            continue
        message += payload
        if not final:
            continue
        channel, data, message = message[0], message[1:], b""
        if channel == STDOUT:
            done.out += data
        elif channel == STDERR:
            done.err += data
        elif channel == ERROR and data:  # each channel begins with an empty message
            done.status = json.loads(data)
