"""The real Trackio writes, renames, deletes and imports, while get_updates is polled.

    python updates.py BINARY        (with the package `trackio` installed)

Held to: every row that was logged is counted in exactly one answer, whatever
moves it; a rename and a deletion are told as such, once.
"""

import argparse
import collections
import os
import pathlib
import random
import sqlite3
import tempfile
import time

from live_writer import BATCH, PROJECT, Writer
from session import Session


class Poller:
    """Polls with one cursor, which goes from server to server; adds up what is told."""

    def __init__(self, binary, directory, **arguments):
        self.binary, self.directory, self.arguments = binary, directory, arguments
        self.session = Session(binary, directory)
        self.rows, self.events, self.polls, self.cursor = collections.Counter(), [], 0, None
        self.poll()

    def poll(self, wait=0.0):
        more = {"cursor": self.cursor, "wait_seconds": wait} if self.cursor else {}
        answer = self.session.call("get_updates", **self.arguments, **more)
        self.cursor = answer["next_cursor"]
        assert len(self.cursor) <= 500, len(self.cursor)
        self.polls += 1
        seen = collections.Counter()
        for change in answer["changes"]:
            if change["kind"] == "rows":
                self.rows[change["run_id"]] += change["count"]
                seen["rows"] += change["count"]
            elif change["kind"] in ("new_run", "renamed", "deleted"):
                told = (change["kind"], change.get("run"), change.get("old_name"), change.get("count"))
                self.events.append(told)
        assert seen["rows"] == answer.get("new", {}).get("rows", 0), answer
        assert not answer.get("notes"), answer["notes"]
        return answer

    def poll_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.poll(random.choice([0, 0, 0.3, 1]))

    def restart(self):
        self.session.close()
        self.session = Session(self.binary, self.directory)


def stored(directory):
    database = sqlite3.connect(directory / f"{PROJECT}.db")
    rows = dict(database.execute("SELECT run_id, count(*) FROM metrics GROUP BY run_id").fetchall())
    database.close()
    return collections.Counter(rows)


def story(binary, directory):
    from trackio import fragments
    from trackio.sqlite_storage import SQLiteStorage

    first = Writer("first", batches=3)
    assert first.process.wait(timeout=60) == 0
    before = stored(directory)
    one = Poller(binary, directory, project=PROJECT)
    every = Poller(binary, directory)

    def check(what):
        one.poll()
        every.poll()
        expected = stored(directory) - before
        for poller in (one, every):
            rows = collections.Counter({run: n for run, n in poller.rows.items() if n and run in expected})
            assert rows == expected, f"{what}: told {rows}, logged {expected}"
        told, one.events, every.events = (one.events, every.events), [], []
        assert sorted(told[0], key=str) == sorted(told[1], key=str), f"{what}: {told}"
        return told[0]

    writers = [Writer("same name"), Writer("same name"), Writer("to be renamed")]
    api = Writer("as a script", api_rows=300)
    for writer in writers:
        writer.wait_for(BATCH)
    every.poll()
    one.poll_for(3)
    SQLiteStorage.rename_run(PROJECT, "to be renamed", "renamed", run_id=writers[2].run_id)
    one.poll_for(1)
    one.restart()
    one.poll_for(2)
    assert api.process.wait(timeout=60) == 0
    for writer in writers:
        writer.kill()
    events = check("four writers, one renamed")
    renames = [event for event in events if event[0] == "renamed"]
    assert renames == [("renamed", "renamed", "to be renamed", None)], events
    assert sum(event[0] == "new_run" for event in events) == 4, events
    assert not [event for event in events if event[0] == "deleted"], events
    print(f"  {one.polls} polls, {sum(one.rows.values())} rows, each counted once; one rename")

    SQLiteStorage.rename_run(PROJECT, "first", "second", run_id=first.run_id)
    again = Writer("second", run_id=first.run_id, first_step=21, batches=2)
    assert again.process.wait(timeout=60) == 0
    SQLiteStorage.rename_run(PROJECT, "second", "third", run_id=first.run_id)
    assert check("two renames and rows between") == [("renamed", "third", "first", None)]
    SQLiteStorage.delete_run(PROJECT, "third", run_id=first.run_id)
    assert check("a deletion") == [("deleted", "third", None, None)]
    before -= before
    for poller in (one, every):
        poller.rows.pop(first.run_id)
    again = Writer("third", run_id=first.run_id, batches=1)
    assert again.process.wait(timeout=60) == 0
    assert check("logged again") == [("new_run", "third", None, None)]
    sqlite3.connect(directory / f"{PROJECT}.db").execute("VACUUM").connection.close()
    assert check("a vacuum") == []
    print("  renames, a deletion, a new beginning and a vacuum are told as what they are")

    for round in range(3):
        fragment = Writer("by fragment", api_rows=40, env={"TRACKIO_STORAGE_MODE": "jsonl"})
        assert fragment.process.wait(timeout=60) == 0
        one.poll(), every.poll()
        assert sum(one.rows.values()) == sum(stored(directory).values()) + 40, "before the import"
        assert fragments.import_inbox_dir(), "nothing was imported"
        events = check("an import")
        assert events == [("new_run", "by fragment", None, None)], events
    print("  rows in the inbox are counted once, before their import")
    one.session.close()
    every.session.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        directory = pathlib.Path(temp) / "trackio"
        directory.mkdir()
        os.environ.update(TRACKIO_DIR=str(directory), HF_HOME=f"{temp}/hf", HF_HUB_OFFLINE="1")
        story(options.binary, directory)


if __name__ == "__main__":
    main()
