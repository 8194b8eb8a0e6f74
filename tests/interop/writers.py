"""Several writers at once, writers that are killed, a full disk, a lock that is held.

    python writers.py BINARY [--kills 200]     (with the package `trackio` installed)

Held to: every row that was acknowledged is there exactly once; of a call that was
not, all rows are there or none; the database stays sound; what cannot be written is
told as such.
"""

import argparse
import fcntl
import json
import os
import pathlib
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from session import Session, ToolError

WRITERS = 4
ROWS = 20_000
BATCH = 50
ALLOWED = ["--allow-writes"]


def trackio_writer(project, run, batches, size):
    """Log as Trackio's own process does, telling each batch that is committed."""
    from trackio.sqlite_storage import SQLiteStorage

    for batch in range(batches):
        ids = [f"{run}:{batch}:{row}" for row in range(size)]
        rows = [{"loss": 1.0 / (row + 1), "batch": batch} for row in range(size)]
        SQLiteStorage.bulk_log(project, run, rows, steps=[None] * size, log_ids=ids, run_id=f"id-{run}")
        print(batch, flush=True)


class TrackioWriter:
    def __init__(self, project, run, batches, size):
        self.run, self.size, self.acknowledged = run, size, []
        command = [sys.executable, __file__, "--write", project, run, str(batches), str(size)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        for line in self.process.stdout:
            self.acknowledged.append(f"{self.run}:{int(line)}")

    def finish(self):
        code = self.process.wait()
        self.thread.join()
        assert code == 0, f"{self.run} ended with {code}"


class OurWriter:
    def __init__(self, binary, directory, project, run, batches, size, popen=None):
        self.project, self.run, self.size = project, run, size
        self.batches, self.acknowledged, self.error = batches, [], None
        self.session = Session(binary, directory, *ALLOWED, popen=popen)
        self.thread = threading.Thread(target=self._write)
        self.thread.start()

    def _write(self):
        try:
            for batch in range(self.batches):
                entries = [
                    {"project": self.project, "run": self.run, "metrics": {"loss": 1.0 / (row + 1), "batch": batch}, "log_id": f"{self.run}:{batch}:{row}"}
                    for row in range(self.size)
                ]
                written = self.session.call("bulk_log", entries=entries)["written"]
                assert written == self.size, written
                self.acknowledged.append(f"{self.run}:{batch}")
        except Exception as error:
            self.error = error

    def finish(self):
        self.thread.join()
        if self.error:
            raise self.error
        self.session.close()


def stored(path):
    """How often each batch's rows are there; the database must be sound."""
    database = sqlite3.connect(path, timeout=30)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",), path
    rows = [log_id for (log_id,) in database.execute("SELECT log_id FROM metrics")]
    database.close()
    assert len(rows) == len(set(rows)), "a row is there twice"
    batches = {}
    for log_id in rows:
        batches.setdefault(log_id.rpartition(":")[0], []).append(log_id)
    return {batch: len(found) for batch, found in batches.items()}


def check(path, writers):
    found = stored(path)
    for writer in writers:
        for batch in writer.acknowledged:
            assert found.get(batch) == writer.size, f"{batch} was acknowledged: {found.get(batch)} rows"
        halves = {b: n for b, n in found.items() if b.startswith(f"{writer.run}:") and n != writer.size}
        assert not halves, f"half written: {halves}"


def crowd(binary, directory):
    batches = ROWS // (2 * WRITERS * BATCH)
    writers = [OurWriter(binary, directory, "crowd", f"ours-{i}", batches, BATCH) for i in range(WRITERS)]
    writers += [TrackioWriter("crowd", f"trackio-{i}", batches, BATCH) for i in range(WRITERS)]
    reader, reads = Session(binary, directory), 0
    while any(writer.thread.is_alive() for writer in writers):
        try:
            reader.call("get_project_summary", project="crowd")
            reads += 1
        except ToolError as error:
            assert "no project" in str(error), error
        time.sleep(0.05)
    for writer in writers:
        writer.finish()
    reader.close()
    check(directory / "crowd.db", writers)
    assert sum(stored(directory / "crowd.db").values()) == ROWS
    print(f"{2 * WRITERS} writers, {ROWS} rows, each there once; {reads} reads meanwhile")


def kills(binary, directory, count):
    """Servers killed at random points, while Trackio writes into the same project."""
    other = TrackioWriter("killed", "trackio", 10 + count, 20)
    writers, size = [], 100
    for kill in range(count):
        # Every third one creates a project.
        project = f"new-{kill}" if kill % 3 == 0 else "killed"
        writer = OurWriter(binary, directory, project, f"ours-{kill}", 1000, size)
        # The kill falls into any part of any of the first calls.
        time.sleep(random.uniform(0, 0.6))
        writer.session.process.send_signal(signal.SIGKILL)
        writer.thread.join()
        writer.session.process.wait()
        writers.append(writer)
        path = directory / f"{project}.db"
        if project != "killed":
            again = Session(binary, directory, *ALLOWED)
            row = {"project": project, "run": "after", "metrics": {"a": 1}, "log_id": "after:0:0"}
            assert again.call("bulk_log", entries=[row])["written"] == 1
            again.close()
            check(path, [writer])
    other.finish()
    check(directory / "killed.db", [other, *[w for w in writers if w.project == "killed"]])
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    print(f"{count} servers killed; nothing of {acknowledged} acknowledged calls is lost, no call is half there")


def full_disk(binary, directory):
    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    # Python ignores SIGXFSZ, and so does the server then: a write fails, as on a full disk.
    limited = {"preexec_fn": small, "restore_signals": False}
    writer = OurWriter(binary, directory, "full", "ours", 1000, 200, popen=limited)
    writer.thread.join()
    assert isinstance(writer.error, ToolError), writer.error
    assert "othing was written" in str(writer.error)[-300:], writer.error
    assert "disk" in str(writer.error)[-300:], writer.error
    assert writer.acknowledged
    failed = f"ours:{len(writer.acknowledged)}"
    assert failed not in stored(directory / "full.db")
    # It goes on reading, and another goes on writing.
    assert writer.session.call("get_run_summary", project="full")["num_logs"] == 200 * len(writer.acknowledged)
    writer.session.close()
    check(directory / "full.db", [writer])
    after = OurWriter(binary, directory, "full", "after", 3, 200)
    after.finish()
    check(directory / "full.db", [writer, after])
    print(f"a full disk after {len(writer.acknowledged)} calls: the last one left nothing")


def held(binary, directory):
    """The lock, or SQLite's own, held by another process: a wait, then an error."""
    for project in ("lock", "sqlite"):
        OurWriter(binary, directory, project, "first", 1, 1).finish()
    lock = open(directory / "lock.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    database = sqlite3.connect(directory / "sqlite.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    writers = [OurWriter(binary, directory, project, "late", 1, 1) for project in ("lock", "sqlite")]
    for writer in writers:
        writer.thread.join()
        assert isinstance(writer.error, ToolError) and "nothing was written" in str(writer.error).lower(), writer.error
        writer.session.close()
    waited = time.monotonic() - start
    assert 9 < waited < 20, waited
    # Held for a moment only: a wait, then success.
    writers = [OurWriter(binary, directory, project, "late", 1, 1) for project in ("lock", "sqlite")]
    time.sleep(0.5)
    assert not any(writer.acknowledged for writer in writers)
    fcntl.flock(lock, fcntl.LOCK_UN)
    database.execute("ROLLBACK")
    database.close()
    for writer in writers:
        writer.finish()
        assert stored(directory / f"{writer.project}.db") == {"first:0": 1, "late:0": 1}
    print(f"a lock that is held: an error after {waited:.0f} s, and a write as soon as it is free")


def in_background(work, *arguments):
    outcome = {}

    def run():
        try:
            work(*arguments)
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=run)
    thread.start()

    def wait():
        thread.join()
        if outcome:
            raise outcome["error"]

    return wait


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--write", nargs=4)
    arguments = parser.parse_args()
    if arguments.write:
        project, run, batches, size = arguments.write
        trackio_writer(project, run, int(batches), int(size))
        return
    with tempfile.TemporaryDirectory() as scratch:
        directory, home = pathlib.Path(scratch) / "trackio", pathlib.Path(scratch) / "home"
        directory.mkdir()
        os.environ.update(TRACKIO_DIR=str(directory), XDG_STATE_HOME=str(home), HF_HUB_OFFLINE="1")
        waits = in_background(held, arguments.binary, directory)
        full_disk(arguments.binary, directory)
        kills(arguments.binary, directory, arguments.kills)
        waits()
        crowd(arguments.binary, directory)
        noted = [json.loads(line) for line in (home / "mcp-trackio" / "mcp-trackio.log").open()]
        assert [entry["id"] for entry in noted] == list(range(1, len(noted) + 1))


if __name__ == "__main__":
    main()
