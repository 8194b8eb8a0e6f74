"""Compares the server with Trackio and with a bare SQLite scan, side by side in one run.

    cargo build --release
    python3 -m venv venv && venv/bin/pip install trackio==0.43.0
    venv/bin/python benches/performance.py target/release/mcp-trackio

It writes its databases to a temporary directory, prints the table of docs/performance.md, and
asserts nothing: times depend on the machine, ratios less so.
"""

import json
import math
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

SCHEMA = Path(__file__).parents[1] / "src/trackio/write/schema-0.43.sql"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ROUNDS = 5


def write(path, runs, steps, metrics=6):
    """A project as Trackio 0.43 writes it: JSON as BLOB, rows of one flush share a timestamp."""
    noise = random.Random(0)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    database.executescript(SCHEMA.read_text() + "PRAGMA user_version = 2;")
    names = ["train/loss", "train/grad_norm", "train/lr", "train/tokens"]
    names += [f"train/metric_{i}" for i in range(metrics - len(names))]
    for run in range(runs):
        run_id, name = uuid.UUID(int=noise.getrandbits(128), version=4).hex, f"run-{run:04d}"
        start = START + timedelta(hours=run)

        def rows():
            for step in range(steps):
                moment = start + timedelta(seconds=0.5 * (step // 50), microseconds=run)
                share = step / steps
                logged = {
                    metric: (1 + i) * math.exp(-3 * share) + noise.random() * 0.05
                    for i, metric in enumerate(names)
                }
                if step % 100 == 0:
                    logged["val/loss"] = math.exp(-2.5 * share) + 0.1
                log_id = uuid.UUID(int=noise.getrandbits(128)).hex
                blob = json.dumps(logged, separators=(",", ":")).encode()
                yield run_id, moment.isoformat(), name, step, blob, log_id

        database.executemany(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics, log_id)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows(),
        )
        database.execute(
            "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?, ?, ?, ?)",
            (run_id, name, b'{"lr":0.001,"_Group":null}', start.isoformat()),
        )
        database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


class Server:
    """A session with the binary over stdio."""

    def __init__(self, binary, directory):
        self.process = subprocess.Popen(
            [binary, "--dir", directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.last = 0
        self.request(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "performance", "version": "1"},
            },
        )

    def request(self, method, params):
        self.last += 1
        message = {"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ping(self):
        """What the way there and back costs: the client's JSON, two pipes, the server's reactor."""
        return timed(lambda: self.request("ping", {}))

    def call(self, tool, **arguments):
        started = time.perf_counter()
        answer = self.request("tools/call", {"name": tool, "arguments": arguments})
        took = time.perf_counter() - started
        assert not answer["result"].get("isError"), answer
        return took

    def memory(self, key="VmHWM"):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(key + ":")[1].split()[0]) / 1024

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def scan(path):
    database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    run_id = database.execute("SELECT run_id FROM metrics LIMIT 1").fetchone()[0]
    took = timed(
        lambda: database.execute(
            "SELECT max(step), max(timestamp), sum(length(metrics)) FROM metrics"
            " INDEXED BY idx_metrics_run_timestamp WHERE run_id = ?",
            (run_id,),
        ).fetchone()
    )
    database.close()
    return took


def cold(binary, directory, tool, **arguments):
    """One call of a fresh process, and the memory that it took."""
    server = Server(binary, directory)
    took, memory = server.call(tool, **arguments), server.memory()
    server.close()
    return took, memory


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        os.environ["TRACKIO_DIR"] = directory
        from trackio.sqlite_storage import SQLiteStorage

        write(f"{directory}/long.db", 1, 500_000)
        write(f"{directory}/many.db", 1_000, 500)
        write(f"{directory}/few.db", 100, 500)
        write(f"{directory}/fuller.db", 100, 5_000)
        one = {"project": "long", "run": "run-0000", "metric": "train/loss"}
        summary = {"project": "long", "run": "run-0000"}
        times = {}

        def note(key, value):
            times.setdefault(key, []).append(value)

        for _ in range(ROUNDS):
            note("scan", scan(f"{directory}/long.db"))
            took, memory = cold(binary, directory, "get_metric_values", **one)
            note("metric", took)
            note("metric memory", memory)
            note(
                "trackio metric",
                timed(lambda: SQLiteStorage.get_metric_values("long", "run-0000", "train/loss")),
            )
            took, memory = cold(binary, directory, "get_run_summary", **summary)
            note("summary", took)
            note("summary memory", memory)
            took, _ = cold(binary, directory, "get_all_projects")
            note("projects", took)
            for project in ("many", "few", "fuller"):
                took, memory = cold(binary, directory, "get_runs_for_project", project=project)
                note(project, took)
            note(
                "trackio many",
                timed(lambda: (SQLiteStorage.get_projects(), SQLiteStorage.get_run_records("many"),
                               SQLiteStorage.get_max_steps_for_runs("many"))),
            )
        for _ in range(20):
            started = time.perf_counter()
            server = Server(binary, directory)
            note("start", time.perf_counter() - started)
            server.close()
        server = Server(binary, directory)
        note("idle memory", server.memory("VmRSS"))
        server.call("get_metric_values", **one)
        for _ in range(20):
            note("ping", server.ping())
            note("again", server.call("get_metric_values", **one))
        database = sqlite3.connect(f"{directory}/long.db")
        run_id, name, last = database.execute(
            "SELECT run_id, run_name, max(timestamp) FROM metrics"
        ).fetchone()
        for batch in range(10):
            moment = (datetime.fromisoformat(last) + timedelta(seconds=batch + 1)).isoformat()
            rows = [
                (run_id, moment, name, 500_000 + batch * 100 + i, b'{"train/loss":0.05}')
                for i in range(100)
            ]
            database.executemany(
                "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            database.commit()
            note("after 100 rows", server.call("get_metric_values", **one))
        server.close()

    middle = {key: statistics.median(values) for key, values in times.items()}
    for key, value in middle.items():
        unit = f"{value:8.1f} MB" if "memory" in key else f"{value * 1e3:9.2f} ms"
        print(f"{key:16} {unit}   ({len(times[key])} times)")
    print()
    for text, ratio in [
        ("Trackio / metric, cold", middle["trackio metric"] / middle["metric"]),
        ("metric, cold / scan", middle["metric"] / middle["scan"]),
        ("Trackio / metric, again", middle["trackio metric"] / middle["again"]),
        ("Trackio / metric, 100 new rows", middle["trackio metric"] / middle["after 100 rows"]),
        ("summary, cold / scan", middle["summary"] / middle["scan"]),
        ("Trackio / run list", middle["trackio many"] / middle["many"]),
        ("run list, 10 x the rows", middle["fuller"] / middle["few"]),
    ]:
        print(f"{text:34} {ratio:8.2f}")
    for key in ("again", "after 100 rows"):
        print(f"{key + ', without a ping':34} {(middle[key] - middle['ping']) * 1e3:8.2f} ms")
    print(f"{os.cpu_count()} cores, SQLite {sqlite3.sqlite_version} in Python, "
          f"client {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
