"""The real Trackio writes, in several processes at once, while one session reads.

    python live_writer.py BINARY        (with the package `trackio` installed)

Held to: no call fails; every row that was committed before a call began is in
its answer; what is in an answer is whole batches without a gap; a writer that
is killed loses nothing that it had acknowledged; reads change no file.
"""

import argparse
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from session import Session, ToolError, snapshot

PROJECT = "live"
BATCH = 7
SECONDS = 8


def write_through_storage(run, run_id, batches, first_step):
    """Log batch after batch, telling the last committed step after each."""
    from trackio.sqlite_storage import SQLiteStorage

    step, held = first_step, None
    for _ in range(batches):
        steps = list(range(step, step + BATCH))
        rows = [{"loss": 1.0 / (s + 1), "up": s, "down": -s, "text": "x" * (s % 50)} for s in steps]
        SQLiteStorage.bulk_log(PROJECT, run, rows, steps=steps, run_id=run_id, config={"lr": 0.1})
        step += BATCH
        print(step - 1, flush=True)
        if held is None:
            # Like a dashboard: as long as someone looks, the -wal stays.
            held = sqlite3.connect(SQLiteStorage.get_project_db_path(PROJECT))
            held.execute("SELECT count(*) FROM metrics").fetchone()
        if step % (BATCH * 10) == 0:
            SQLiteStorage.bulk_log_system(
                PROJECT, run, [{"gpu/0/utilization": step}], timestamps=[now()], run_id=run_id
            )
            SQLiteStorage.bulk_alert(PROJECT, run, ["mark"], [None], ["info"], [step - 1], run_id=run_id)


def write_through_api(run, rows):
    """Log as a training script does."""
    import trackio

    trackio.init(project=PROJECT, name=run, config={"lr": 0.2}, embed=False)
    for step in range(rows):
        trackio.log({"loss": 1.0 / (step + 1), "up": step, "down": -step})
        time.sleep(0.002)
    trackio.finish()


def now():
    import datetime

    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class Writer:
    """A process that logs one run; `acknowledged` is its last committed step."""

    def __init__(self, run, *, run_id=None, batches=10_000_000, first_step=0, api_rows=None, env=None):
        self.run, self.run_id = run, run_id or uuid.uuid4().hex
        self.first_step, self.acknowledged = first_step, first_step - 1
        command = [sys.executable, __file__, "--write", run]
        if api_rows:
            command += ["--api-rows", str(api_rows)]
        else:
            command += ["--run-id", self.run_id, "--batches", str(batches), "--first-step", str(first_step)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            if line.strip().lstrip("-").isdigit():
                self.acknowledged = int(line)

    def wait_for(self, step):
        for _ in range(600):
            if self.acknowledged >= step:
                return
            assert self.process.poll() is None, f"the writer of {self.run} ended"
            time.sleep(0.05)
        raise AssertionError(f"the writer of {self.run} is stuck at {self.acknowledged}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        time.sleep(0.2)


class Reader:
    """Asks one session about the writers' runs and judges the answers."""

    def __init__(self, session):
        self.session, self.calls, self.checks = session, 0, 0

    def call(self, tool, **arguments):
        self.calls += 1
        return self.session.call(tool, project=PROJECT, **arguments)

    def check(self, condition, what):
        self.checks += 1
        assert condition, what

    def look(self, writer):
        """One round of questions about one run."""
        who = {"run": writer.run_id}

        before = writer.acknowledged
        summary = self.call("get_run_summary", **who)
        count = summary["num_logs"]
        self.check(count >= before + 1, f"{before + 1} rows committed, get_run_summary saw {count}")
        self.check(count % BATCH == 0, f"get_run_summary saw a torn batch: {count} rows")
        self.check(summary["last_step"] == count - 1, f"last_step {summary['last_step']} of {count} rows")
        self.check(summary["config"].get("lr") == 0.1, f"config {summary['config']}")

        before = writer.acknowledged
        values = self.call("get_metric_values", metric="up", **who)
        stats = values["stats"]
        self.check(stats["count"] >= before + 1, f"{before + 1} rows committed, the metric has {stats['count']}")
        self.check(stats["count"] % BATCH == 0, f"get_metric_values saw a torn batch: {stats}")
        self.check(stats["max"]["value"] == stats["count"] - 1, f"rows are missing: {stats}")
        self.check(stats["mean"] == (stats["count"] - 1) / 2, f"rows are missing: {stats}")

        before = writer.acknowledged
        start = max(0, before - 20)
        rows = self.call(
            "get_metric_values", metric="down", format="records", max_points=0, from_step=start, to_step=before, **who
        )["values"]
        seen = [(row["step"], row["value"]) for row in rows]
        self.check(seen == [(step, -step) for step in range(start, before + 1)], f"{start} to {before}: {seen}")

        before = writer.acknowledged
        sql = f"""SELECT count(*) AS n, max(step) AS last, sum(step) AS total,
                  sum(json_extract(metrics, '$.up') + json_extract(metrics, '$.down')) AS zero
                  FROM metrics WHERE run_id = '{writer.run_id}'"""
        row = self.call("query_project", sql=sql)["rows"][0]
        n = row["n"]
        self.check(n >= before + 1 and n % BATCH == 0, f"{before + 1} rows committed, SQL saw {n}")
        self.check((row["last"], row["total"], row["zero"]) == (n - 1, n * (n - 1) // 2, 0), f"torn: {row}")

        before = writer.acknowledged
        logs = self.call("get_logs", format="records", max_points=3, **who)["logs"]
        self.check(logs[-1]["step"] >= before, f"{before} committed, the last of get_logs is {logs[-1]}")
        self.check(all(log["up"] == -log["down"] == log["step"] for log in logs), f"torn rows: {logs}")

    def survey(self, writers):
        """One round of questions about the whole project."""
        acknowledged = {writer.run_id: writer.acknowledged for writer in writers}
        runs = self.session.pages("get_runs_for_project", "runs", project=PROJECT)
        steps = {run["id"]: run["last_step"] for run in runs}
        for run_id, step in acknowledged.items():
            if step >= 0:
                self.check(steps.get(run_id, -1) >= step, f"{run_id} at {step}, listed at {steps.get(run_id)}")
        marks = {writer.run: (writer.acknowledged + 1) // (BATCH * 10) for writer in writers}
        alerts = self.session.pages("get_alerts", "alerts", project=PROJECT)
        for run, expected in marks.items():
            found = sum(alert["run"] == run for alert in alerts)
            self.check(found >= expected - 1, f"{run}: {expected} marks, {found} alerts")
        self.call("get_project_summary")
        self.session.call("get_all_projects")

    def everything(self, writer):
        """Every read tool once."""
        for tool in self.session.tools():
            known = {"project": PROJECT, "run": writer.run_id, "metric": "loss", "query": "loss", "name": "model"}
            known |= {"runs": [writer.run_id], "metrics": ["loss"]}
            names = tool["inputSchema"].get("required", [])
            if tool["annotations"]["readOnlyHint"] and all(name in known for name in names):
                try:
                    self.session.call(tool["name"], **{name: known[name] for name in names})
                except (ToolError, KeyError):
                    pass  # an answer without what this run lacks; only the traces count here
                self.calls += 1


def story(binary, directory):
    session = Session(binary, directory)
    reader = Reader(session)

    writers = [Writer(f"writer {number}") for number in range(3)]
    for writer in writers:
        writer.wait_for(BATCH)
    api = Writer("as a script", api_rows=200)
    end, rounds = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        for writer in writers:
            reader.look(writer)
        reader.survey(writers)
        rounds += 1
    assert api.process.wait(timeout=60) == 0
    logged = session.call("get_run_summary", project=PROJECT, run="as a script")
    reader.check((logged["num_logs"], logged["last_step"]) == (200, 199), f"trackio.log: {logged}")
    print(f"  {rounds} rounds beside four writers, {writers[0].acknowledged + 1} rows in one run")

    for writer in writers:
        writer.kill()
    for writer in writers:
        reader.look(writer)
    reader.survey(writers)
    reader.check((directory / f"{PROJECT}.db-wal").stat().st_size > 0, "the killed writers left no -wal")
    print(f"  killed after {[writer.acknowledged + 1 for writer in writers]} acknowledged rows, all there")
    before = snapshot(directory)
    reader.everything(writers[0])
    for writer in writers:
        reader.look(writer)
    after = snapshot(directory)
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    reader.check(not changed, f"reading beside what the killed writers left changed {changed}")

    rows = session.call("get_run_summary", project=PROJECT, run=writers[0].run_id)["num_logs"]
    again = Writer(writers[0].run, run_id=writers[0].run_id, first_step=rows, batches=20)
    again.wait_for(rows + 20 * BATCH - 1)
    assert again.process.wait(timeout=60) == 0
    reader.look(again)
    print("  a new writer went on where the killed one had stopped")

    change_under_the_reader(reader, writers)
    inbox(reader)

    quiet = Session(binary, directory)
    before = snapshot(directory)
    Reader(quiet).everything(writers[1])
    quiet.close()
    session.close()
    after = snapshot(directory)
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    reader.check(not changed, f"reading where nobody writes changed {changed}")
    return reader


def change_under_the_reader(reader, writers):
    """Rename, delete and start over, with the session open all the time."""
    from trackio.sqlite_storage import SQLiteStorage

    SQLiteStorage.rename_run(PROJECT, writers[0].run, "renamed", run_id=writers[0].run_id)
    names = {run["id"]: run["name"] for run in reader.session.pages("get_runs_for_project", "runs", project=PROJECT)}
    reader.check(names.get(writers[0].run_id) == "renamed", f"after a rename: {names}")

    SQLiteStorage.delete_run(PROJECT, writers[2].run, run_id=writers[2].run_id)
    names = {run["id"]: run["name"] for run in reader.session.pages("get_runs_for_project", "runs", project=PROJECT)}
    reader.check(writers[2].run_id not in names, f"after a deletion: {names}")

    other = "starts over"
    for loss in (1.0, 2.0):
        SQLiteStorage.bulk_log(other, "only", [{"loss": loss}], steps=[0], run_id="only")
        values = reader.session.call("get_metric_values", project=other, run="only", metric="loss", format="records")
        reader.check([row["value"] for row in values["values"]] == [loss], f"a replaced file: {values}")
        if loss == 1.0:
            path = SQLiteStorage.get_project_db_path(other)
            for stale in path.parent.glob(path.name + "*"):
                stale.unlink()
            try:
                reader.session.call("get_runs_for_project", project=other)
                reader.check(False, "a deleted project is still answered for")
            except ToolError:
                reader.check(True, "")
    print("  a rename, a deletion and a replaced file were seen at once")


def inbox(reader):
    """What Trackio left in its inbox is seen before and after the import, once."""
    from trackio import fragments

    writer = Writer("by fragment", api_rows=30, env={"TRACKIO_STORAGE_MODE": "jsonl"})
    assert writer.process.wait(timeout=60) == 0
    for when in ("before", "after"):
        summary = reader.session.call("get_run_summary", project=PROJECT, run="by fragment")
        seen = (summary["num_logs"], summary["last_step"], summary["config"].get("lr"))
        reader.check(seen == (30, 29, 0.2), f"{when} the import: {seen}")
        if when == "before":
            imported = fragments.import_inbox_dir()
            assert imported, "nothing was imported"
    print("  rows in the inbox were seen before and after their import")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--write")
    parser.add_argument("--run-id")
    parser.add_argument("--batches", type=int)
    parser.add_argument("--first-step", type=int)
    parser.add_argument("--api-rows", type=int)
    options = parser.parse_args()
    if options.write and options.api_rows:
        return write_through_api(options.write, options.api_rows)
    if options.write:
        return write_through_storage(options.write, options.run_id, options.batches, options.first_step)
    with tempfile.TemporaryDirectory() as temp:
        directory = pathlib.Path(temp) / "trackio"
        directory.mkdir()
        os.environ.update(TRACKIO_DIR=str(directory), HF_HOME=f"{temp}/hf", HF_HUB_OFFLINE="1")
        reader = story(options.binary, directory)
    print(f"  {reader.calls} calls, {reader.checks} checks")


if __name__ == "__main__":
    main()
