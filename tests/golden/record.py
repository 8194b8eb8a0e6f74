#!/usr/bin/env python3
"""Record what Trackio itself answers about every database in ../fixtures.

    python -m venv V && V/bin/pip install trackio==0.43.0
    V/bin/python tests/golden/record.py            # rewrites tests/golden/*.jsonl.gz
    V/bin/python tests/golden/record.py --check    # fails when an answer has changed

Every fixture is unpacked into a temporary directory first, because Trackio
writes to a database when it reads one. Where an inbox waits, Trackio imports
it before anything is asked; rows that it gave the time of that import carry
"$IMPORT_TIME". The lines "identities" are no answers of Trackio's but the
(name, id) of every run that a table of the database knows. Floats that JSON has no number for become the strings "NaN",
"Infinity" and "-Infinity".
"""

import argparse
import datetime
import gzip
import io
import json
import math
import os
import pathlib
import sqlite3
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"

# Beside the projects that exist: one that does not, and other spellings of some.
SPELLINGS = ["does-not-exist", "demo media", "my.model", "My Project!", "../main", "सिन्धु"]

QUERY_PROJECTS = ["demo-main", "main", "good", "proj"]
QUERIES = [
    "SELECT COUNT(*) AS n FROM metrics",
    "select run_name, step, metrics from metrics order by id limit 2;",
    "SELECT 1;;  ",
    "  ",
    "DELETE FROM metrics",
    "INSERT INTO metrics VALUES(1)",
    "WITH t AS (SELECT run_name, MAX(step) m FROM metrics GROUP BY run_name) SELECT * FROM t ORDER BY run_name",
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<5) SELECT x FROM c",
    "PRAGMA table_info(metrics)",
    "PRAGMA index_list(metrics)",
    "PRAGMA user_version",
    "PRAGMA user_version = 5",
    "PRAGMA journal_mode=DELETE",
    "SELECT * FROM sqlite_master LIMIT 1",
    "SELECT name FROM sqlite_master WHERE type='table' ORDER BY name",
    "EXPLAIN SELECT 1",
    "ATTACH 'x.db' AS y",
    "SELECT 1; SELECT 2",
    "-- c\nSELECT 1",
    "SELECT json_extract(metrics,'$.loss') FROM metrics LIMIT 1",
    "SELECT json_extract(metrics,'$.\"train/loss\"') AS l FROM metrics WHERE run_name='baseline' ORDER BY step LIMIT 10",
    "SELECT typeof(metrics) t, hex(substr(metrics,1,4)) h FROM metrics LIMIT 1",
    "SELECT x'00ff' AS b, x'616263' AS s, NULL AS n, 1.5 AS f, 9223372036854775807 AS i",
    "SELECT 1 AS a, 2 AS a",
    "SELECT * FROM nope",
    "SELECT nope FROM metrics",
    "SELEC 1",
    "SELECT load_extension('x')",
    "SELECT randomblob(4) IS NOT NULL AS r",
    "SELECT 9e999 AS inf, -9e999 AS ninf",
    "CREATE TEMP TABLE t(x)",
    "WITH d AS (SELECT 1) DELETE FROM metrics",
    "SELECT run_name, COUNT(*) AS n, MIN(timestamp) AS t FROM metrics GROUP BY run_name ORDER BY run_name",
    "SELECT writefile('x','y')",
]


SEARCHES = ["hello", "HELLO wor", "%", "_", "\\", "  ", "secret", "timeout", "q1"]


def plain(value):
    """The value as JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


class Recorder:
    def __init__(self, directory):
        from trackio import fragments, server
        from trackio.registry_storage import RegistryStorage
        from trackio.sqlite_storage import SQLiteStorage

        self.directory = directory
        self.owners = {"server": server, "SQLiteStorage": SQLiteStorage, "registry": RegistryStorage}
        self.storage = SQLiteStorage
        self.lines, self.window = [], None
        if (directory / "inbox").is_dir():
            before = datetime.datetime.now(datetime.timezone.utc)
            fragments.import_inbox_dir()
            self.window = (before, datetime.datetime.now(datetime.timezone.utc))

    def settle(self, value):
        """Replace the time of the import, which no two recordings share."""
        if isinstance(value, dict):
            return {k: self.settle(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.settle(v) for v in value]
        if isinstance(value, str) and value.startswith(f"{self.directory}/"):
            return value.replace(str(self.directory), "$TRACKIO_DIR", 1)
        if isinstance(value, str) and self.window and value.startswith("20"):
            try:
                at = datetime.datetime.fromisoformat(value)
            except ValueError:
                return value
            if at.tzinfo and self.window[0] <= at <= self.window[1]:
                return "$IMPORT_TIME"
        return value

    def ask(self, fn, **args):
        owner, name = fn.split(".")
        call = getattr(self.owners[owner], name)
        line = {"fn": fn, "args": args}
        try:
            result = call(**args)
            line["result"] = self.settle(plain(result))
        except Exception as error:  # noqa: BLE001 - what Trackio raises is the record
            result = None
            message = str(error).replace(str(self.directory), "$TRACKIO_DIR")
            line["error"] = {"type": type(error).__name__, "message": message}
        self.lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
        return result

    def identities(self, project):
        """(name, id) of every run that any table knows, Trackio's own listing first."""
        found = {}
        try:
            for run in self.storage.get_run_records(project):
                found[(run["name"], run["id"])] = None
            path = self.storage.get_project_db_path(project)
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
                for table in ("metrics", "system_metrics", "alerts"):
                    columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
                    if "run_name" in columns:
                        key = "run_id" if "run_id" in columns else "run_name"
                        for row in db.execute(f"SELECT DISTINCT run_name, {key} FROM {table} ORDER BY 1, 2"):
                            found[row] = None
        except Exception:  # noqa: BLE001 - an unreadable database has no runs
            pass
        line = {"fn": "identities", "args": {"project": project}, "result": [list(run) for run in found]}
        self.lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
        return list(found)

    def run(self, project, select, filters):
        ask = self.ask
        who = {"project": project, **select}
        ask("server.get_run_summary", **who)
        metrics = ask("server.get_metrics_for_run", **who) or []
        ask("server.get_system_metrics_for_run", **who)
        ask("server.get_system_logs", **who)
        for points in (2, 5):
            ask("SQLiteStorage.get_system_logs", max_points=points, **who)
        ask("server.get_logs", **who)
        ask("server.get_logs", scalar_only=True, **who)
        for points in (1, 2, 3, 5, 7, 20):
            ask("SQLiteStorage.get_logs", max_points=points, **who)
        for points in (1, 5, 20):
            ask("SQLiteStorage.get_logs", max_points=points, scalar_only=True, **who)
        ask("server.get_snapshot", **who)
        ask("server.get_alerts", **who)
        ask("server.get_run_artifacts", **who)
        name = {"run": None, **select}
        for metric in [*metrics, "nope"]:
            ask("server.get_metric_values", project=project, metric_name=metric, **name)
        if not filters or not metrics:
            return
        steps = [{"step": 0}, {"step": 10}, {"around_step": 10, "window": 2}, {"around_step": 10, "window": 0}]
        for where in steps:
            ask("server.get_snapshot", **who, **where)
            for metric in metrics[:3]:
                ask("server.get_metric_values", project=project, metric_name=metric, **name, **where)
        for points in (1, 2, 5, 20):
            ask("server.get_metric_values", project=project, metric_name=metrics[0], **name, max_points=points)

    def artifacts(self, project):
        self.ask("server.get_artifacts", project=project)
        for artifact in self.ask("server.list_artifacts", project=project) or []:
            specs = [None, "latest", "v99", "nope"]
            for version in artifact["versions"]:
                specs += [f"v{version['version']}", *version["aliases"]]
            for spec in dict.fromkeys(specs):
                self.ask("server.get_artifact_manifest", project=project, name=artifact["name"], spec=spec)
            for version in artifact["versions"]:
                who = {"project": project, "version_id": version["version_id"]}
                self.ask("server.get_artifact_consumers", **who)
                self.ask("server.get_artifact_lineage", **who)
        self.ask("server.get_artifact_manifest", project=project, name="nope", spec=None)
        if project.startswith("registry-"):
            registry = project.removeprefix("registry-")
            self.ask("registry.get_registry", registry=registry)
            self.ask("registry.get_events", registry=registry)
            for collection in self.ask("registry.list_collections", registry=registry) or []:
                self.ask("registry.get_collection", registry=registry, name=collection["name"])
            self.ask("registry.get_collection", registry=registry, name="nope")

    def project(self, project):
        self.ask("server.get_runs_for_project", project=project)
        self.ask("server.get_project_summary", project=project)
        alerts = self.ask("server.get_alerts", project=project) or []
        for level in ("info", "warn", "error"):
            self.ask("server.get_alerts", project=project, level=level)
        for alert in alerts[len(alerts) // 2 : len(alerts) // 2 + 1]:
            if "T" in alert["timestamp"] and self.settle(alert["timestamp"]) != "$IMPORT_TIME":
                self.ask("server.get_alerts", project=project, since=alert["timestamp"])
        self.artifacts(project)
        self.ask("server.get_project_files", project=project)
        runs = self.identities(project)
        for name in dict.fromkeys(name for name, _ in runs):
            self.run(project, {"run": name}, filters=True)
        for name, run_id in runs:
            if run_id != name:
                self.run(project, {"run_id": run_id}, filters=False)

    def traces(self, project):
        runs = self.identities(project)
        self.lines.pop()
        names = [{"run": name} for name in dict.fromkeys(name for name, _ in runs)]
        ids = [{"run_id": run_id} for name, run_id in runs if run_id != name]
        for who in [*names, *ids, {"run": "nope"}]:
            found = self.ask("server.get_traces", project=project, **who)
            self.ask("server.get_trace_steps", project=project, **who)
            for search in SEARCHES if found else []:
                self.ask("server.get_traces", project=project, search=search, **who)
            for step in sorted({trace["step"] for trace in found or []}):
                self.ask("server.get_traces", project=project, step=step, **who)

    def every_trace(self):
        for project in self.storage.get_projects():
            self.traces(project)

    def everything(self):
        projects = self.ask("server.get_all_projects")
        for project in projects:
            self.project(project)
        for project in SPELLINGS:
            self.ask("server.get_runs_for_project", project=project)
            self.ask("server.get_project_summary", project=project)
            self.ask("server.list_artifacts", project=project)
        target = next(p for p in QUERY_PROJECTS if p in projects)
        for name in ("get_run_summary", "get_metrics_for_run", "get_system_metrics_for_run"):
            self.ask(f"server.{name}", project=target, run="nope")
        for name in ("get_system_logs", "get_logs", "get_snapshot", "get_alerts"):
            self.ask(f"server.{name}", project=target, run="nope")
        for query in QUERIES:
            self.ask("server.query_project", project=target, query=query)
        self.ask("server.query_project", project="does-not-exist", query="SELECT 1")


def record(name, subject):
    """The lines about one subject of one fixture, recorded by a process of its own."""
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        with tarfile.open(FIXTURES / f"{name}.tar.gz") as archive:
            archive.extractall(temp / "data")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TRACKIO_", "HF_"))}
        environment |= {
            "TRACKIO_DIR": str(temp / "data" / name),
            "HF_HOME": str(temp / "hf"),
            "HF_HUB_OFFLINE": "1",
            "TZ": "UTC",
        }
        command = [sys.executable, __file__, "--inside", subject]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        return done.stdout


# What is recorded, by the ending of the file's name.
SUBJECTS = {"": "everything", ".traces": "every_trace"}


def main():
    parser = argparse.ArgumentParser(description="Record Trackio's answers about the fixtures.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is not None:
        recorder = Recorder(pathlib.Path(os.environ["TRACKIO_DIR"]))
        getattr(recorder, SUBJECTS[options.inside])()
        sys.stdout.buffer.write(("\n".join(recorder.lines) + "\n").encode())
        return 0
    stale = []
    archives = [archive.name.removesuffix(".tar.gz") for archive in sorted(FIXTURES.glob("*.tar.gz"))]
    for fixture, subject in [(fixture, subject) for fixture in archives for subject in SUBJECTS]:
        name = f"{fixture}{subject}"
        lines, target = record(fixture, subject), HERE / f"{name}.jsonl.gz"
        if options.check:
            same = target.exists() and gzip.decompress(target.read_bytes()) == lines
            print(f"{name}: {'same' if same else 'CHANGED'}")
            if not same:
                stale.append(name)
            continue
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0, filename="") as out:
            out.write(lines)
        target.write_bytes(packed.getvalue())
        print(f"{name}: {len(lines.splitlines())} calls, {len(packed.getvalue())} bytes")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
