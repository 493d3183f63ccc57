"""What the repository tests share: source directories, their description, and repositories of ours and restic's.

Scratch space is in memory where there is some, because these tests make hundreds of repositories.
"""
import atexit
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

from harness import BIN, run

PASSWORD = "geheim"
WHOLE = os.environ.get("SALVOR_TEST_WHOLE") == "1"  # scripts/test --whole: nothing sampled


def scratch(prefix):
    """A directory that is gone when the test program ends."""
    parent = "/dev/shm" if os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > 1 << 30 else None
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"salvor-{prefix}-", dir=parent))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def write(path, data, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(mode)


def describe(root):
    """Relative path -> what must come back: type, mode, times, content, target, attributes."""
    found = {}
    for path in sorted(pathlib.Path(os.fsencode(root).decode("utf-8", "surrogateescape")).rglob("*")):
        info = path.lstat()
        entry = [oct(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns]
        if path.is_symlink():
            entry.append(os.readlink(path))
        elif path.is_file():
            entry += [info.st_size, hashlib.sha256(path.read_bytes()).hexdigest()]
        if not path.is_symlink():
            entry += [(name, os.getxattr(path, name)) for name in sorted(os.listxattr(path))]
        found[str(path.relative_to(root))] = entry
    return found


class Tool:
    """`salvor repo`, or a restic binary."""

    def __init__(self, name, argv, version=(99,)):
        self.name, self.argv, self.version = name, [str(word) for word in argv], version

    def __call__(self, repository, *arguments, check=True, env=None, password=PASSWORD, **more):
        environment = {"RESTIC_PASSWORD": password, "RESTIC_CACHE_DIR": "/nonexistent", "HOME": "/nonexistent",
                       "RESTIC_PROGRESS_FPS": "0.01", **(env or {})}
        return run(*self.argv, "--no-cache", "-r", repository, *arguments, env=environment, check=check, **more)

    def json(self, repository, *arguments, **more):
        return json.loads(self(repository, *arguments, "--json", **more).out)


salvor = Tool("salvor", [BIN / "salvor", "repo"])
restic = Tool("restic", ["restic"])


def restics():
    """Debian's restic, and those that SALVOR_RESTICS names, separated by colons."""
    found = []
    for path in filter(None, [shutil.which("restic"), *os.environ.get("SALVOR_RESTICS", "").split(":")]):
        version = subprocess.run([path, "version"], capture_output=True, text=True).stdout.split()[1]
        numbers = tuple(int(part) for part in version.split("-")[0].split("."))
        found.append(Tool(f"restic {version}", [path], numbers))
    return found


def has(command):
    """Whether `salvor repo` has this command."""
    return re.search(rf"^ +{command}\b", run(BIN / "salvor", "repo", "--help").out, re.MULTILINE) is not None


def snapshots(repository, tool=salvor, **more):
    return [entry["id"] for entry in tool.json(repository, "snapshots", "--no-lock", **more) or []]


def restored(repository, snapshot, source, tool=salvor, check=True, **more):
    """Restores into a directory of its own; returns (result, description of what came back)."""
    target = scratch("restored")
    result = tool(repository, "restore", snapshot, "--target", target, "--no-lock", check=check, **more)
    below = target / str(source).lstrip("/")
    found = describe(below) if below.exists() else {}
    shutil.rmtree(target, ignore_errors=True)
    return result, found


def objects(repository, kind):
    """Files of a kind ("config", "keys", "index", "snapshots", "locks", "data"), sorted by name."""
    if kind == "config":
        return [pathlib.Path(repository) / "config"]
    return sorted(p for p in (pathlib.Path(repository) / kind).rglob("*") if p.is_file() and len(p.name) == 64)


def rewrite(path, data):
    """Replaces a stored file; restic and we leave them read-only."""
    path.chmod(0o600)
    path.write_bytes(data)
    path.chmod(0o400)
