"""The data that bench/restic/run backs up: generated from one seed, so that two runs back up the same bytes."""
import os
import shutil
import subprocess
import tempfile

BLOCK = 1 << 20


def postgres_bin():
    """Debian's PostgreSQL programs, or None."""
    root = "/usr/lib/postgresql"
    for version in sorted(os.listdir(root) if os.path.isdir(root) else [], reverse=True):
        if os.path.exists(os.path.join(root, version, "bin", "initdb")):
            return os.path.join(root, version, "bin")
    return None


def make_dump(directory, mib, rng):
    """Text in the form of a pg_dump of an experiment log: sequences, words, numbers, hex digests, times."""
    words = ["model", "layer", "weight", "gradient", "epoch", "loss", "batch", "tensor", "index", "label"]
    with open(os.path.join(directory, "dump.sql"), "w", encoding="ascii") as out:
        out.write("--\n-- PostgreSQL database dump\n--\n\nCOPY public.runs (id, name, metric, digest, at) FROM stdin;\n")
        row, size = 0, 0
        while size < mib * BLOCK:
            lines = []
            for _ in range(2000):
                row += 1
                lines.append("%d\t%s_%d\t%.12f\t%s\t2026-11-%02d %02d:%02d:%02d\n" % (
                    row, rng.choice(words), rng.randrange(100000), rng.random(),
                    "".join(rng.choices("0123456789abcdef", k=24)), rng.randrange(1, 29), rng.randrange(24),
                    rng.randrange(60), rng.randrange(60)))
            text = "".join(lines)
            size += len(text)
            out.write(text)
        out.write("\\.\n")


def make_pgbench_dump(directory, mib, _rng):
    """A real pg_dump of pgbench's tables, from a server started for it; 1 GiB is about scale 110."""
    programs = postgres_bin()
    work = tempfile.mkdtemp(prefix="salvor-bench-pg-")
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_postgres:
        shutil.chown(work, "postgres", "postgres")

    def run(*argv, **rest):
        subprocess.run(as_postgres + list(argv), check=True, cwd=work, stdout=subprocess.DEVNULL, **rest)

    data = os.path.join(work, "data")
    environment = dict(os.environ, PGHOST=work, PGUSER="postgres")
    try:
        run(os.path.join(programs, "initdb"), "-D", data, "-U", "postgres", "--no-sync")
        run(os.path.join(programs, "pg_ctl"), "-D", data, "-w", "-l", os.path.join(work, "log"), "-o",
            "-c listen_addresses= -c unix_socket_directories=%s -c fsync=off -c max_wal_size=4GB" % work, "start")
        try:
            run(os.path.join(programs, "pgbench"), "-i", "-q", "-s", str(max(1, mib * 10 // 94)), "postgres",
                env=environment, stderr=subprocess.DEVNULL)
            with open(os.path.join(directory, "dump.sql"), "wb") as out:
                subprocess.run(as_postgres + [os.path.join(programs, "pg_dump"), "postgres"], check=True, cwd=work,
                               env=environment, stdout=out)
        finally:
            run(os.path.join(programs, "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def make_random(directory, mib, rng):
    with open(os.path.join(directory, "data"), "wb") as out:
        for _ in range(mib):
            out.write(rng.randbytes(BLOCK))


def make_small_files(directory, count, rng):
    """Source-like text, 10.7 KB a file in the mean, seven to a folder and three levels deep."""
    words = ("static int struct return if else for while const char void include define size data node list next "
             "lock unlock error device register read write").split()
    for i in range(count):
        folder = os.path.join(directory, "d%03d" % (i // 100 % 300), "s%d" % (i % 7))
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "f%d.c" % i), "w", encoding="ascii") as out:
            out.write(source_text(rng, words, int(rng.lognormvariate(8.67, 1.1))))


def source_text(rng, words, size):
    text = []
    while size > 0:
        line = " ".join(rng.choices(words, k=9)) + " %d;\n" % rng.randrange(1 << 30)
        size -= len(line)
        text.append(line)
    return "".join(text)


def change_some_files(directory, share, rng):
    """Rewrites `share` of the files with as much new text, and one MiB of incompressible data."""
    words = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu".split()
    paths = sorted(os.path.join(at, name) for at, _, names in os.walk(directory) for name in names)
    for path in rng.sample(paths, max(1, int(len(paths) * share))):
        size = os.path.getsize(path)
        with open(path, "w", encoding="ascii") as out:
            out.write(source_text(rng, words, size))
    with open(os.path.join(directory, "blob"), "wb") as out:
        out.write(rng.randbytes(BLOCK))


def make_empty_files(directory, folders, each):
    for i in range(folders):
        folder = os.path.join(directory, "%04d" % i)
        os.makedirs(folder)
        for k in range(each):
            os.close(os.open(os.path.join(folder, "%04d" % k), os.O_CREAT | os.O_WRONLY, 0o644))


def size_of(directory):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(directory) for name in names)
