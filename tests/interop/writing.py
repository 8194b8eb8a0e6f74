"""What the server writes, the real Trackio reads, migrates and goes on writing.

    python writing.py BINARY FIXTURES      (with the package `trackio` installed)

FIXTURES is the directory of the packed databases of real versions. Held to: every
row reads back as it was logged, by Trackio's functions and its HTTP API; tables of
old versions keep their key until Trackio migrates them, and the migration keeps
every row; what Trackio logs next joins what was there; its server starts.
"""

import argparse
import json
import math
import os
import pathlib
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request

from session import Session

ROWS = [
    {"loss": 0.125, "nested": {"a": [1, 2.5, None, True]}, "é/λ.x": -0.0, "big": 18446744073709551615},
    {"loss": "NaN", "up": "Infinity", "down": "-Infinity", "deep": {"x": "NaN"}},
    {"loss": 1e-300, "tiny": 5e-324, "text": "naïve \u0007 \"quoted\" 模型", "note": {"_type": "trackio.markdown", "_value": "# hi"}},
]
CONFIG = {"lr": 0.1, "opt": {"betas": [0.9, 0.999]}, "name": "ü", "_Group": "ours"}
SERVER = """
import sys, trackio
app, url, *_ = trackio.show(open_browser=False, block_thread=False)
print("URL", url, flush=True)
sys.stdin.read()
"""


def meant(value):
    """What Trackio makes of a stored value: the words of non-finite numbers, at the top level."""
    words = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    return {key: words.get(item, item) if isinstance(item, str) else item for key, item in value.items()}


def same(left, right):
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def log(session, project, run, *, run_id=None, rows=ROWS, config=CONFIG, prefix="a"):
    entries = [{"project": project, "run": run, "metrics": row, "log_id": f"{prefix}{i}"} for i, row in enumerate(rows)]
    entries[0]["config"] = config
    if run_id:
        entries = [{**entry, "run_id": run_id} for entry in entries]
    answer = session.call("bulk_log", entries=entries)
    assert answer["written"] == len(rows), answer
    again = session.call("bulk_log", logs=entries)
    assert again["written"] == 0 and again["already_there"] == len(rows), again
    session.call(
        "bulk_log_system",
        entries=[{"project": project, "run": run, "run_id": answer["runs"][0]["run_id"], "metrics": {"gpu/0/power": 7.5}, "timestamp": "2026-01-02T03:04:05.250000+00:00", "log_id": f"{prefix}s"}],
    )
    session.call(
        "bulk_alert",
        alerts=[{"project": project, "run": run, "run_id": answer["runs"][0]["run_id"], "title": "T", "text": "x", "level": "error", "step": 1, "alert_id": f"{prefix}al"}],
    )
    return answer["runs"][0]["run_id"]


def check_reads(project, run, run_id, rows=ROWS, config=CONFIG, first=0):
    from trackio.sqlite_storage import SQLiteStorage

    known = {"run": run, "run_id": run_id}
    logs = [row for row in SQLiteStorage.get_logs(project, max_points=None, **known) if row["step"] >= first]
    found = [{k: v for k, v in row.items() if k not in ("step", "timestamp")} for row in logs[: len(rows)]]
    for written, read in zip(rows, found, strict=True):
        assert same(meant(written), read), (project, written, read)
    steps = [row["step"] for row in logs[: len(rows)]]
    assert steps == list(range(first, first + len(rows))), (project, steps)
    assert all(row["timestamp"].endswith("+00:00") for row in logs[: len(rows)])
    if config is not None:
        assert SQLiteStorage.get_run_config(project, **known) == config, SQLiteStorage.get_run_config(project, **known)
    system = SQLiteStorage.get_system_logs(project, **known)
    assert {"gpu/0/power": 7.5, "timestamp": "2026-01-02T03:04:05.250000+00:00"} in system, system
    alerts = SQLiteStorage.get_alerts(project, run_name=run, run_id=run_id)
    assert [(a["title"], a["text"], a["level"], a["step"]) for a in alerts if a["title"] == "T"] == [("T", "x", "error", 1)], alerts


def integrity(path):
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",), path
    # Columns may stand in another order: as Trackio's own migrations leave them.
    version = database.execute("PRAGMA user_version").fetchone()[0]
    columns = {
        table: sorted((name, kind, null, default) for _, name, kind, null, default, _ in database.execute(f"PRAGMA table_info({table})"))
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    }
    indexes = sorted(" ".join((sql or "").split()) for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE type = 'index'"))
    keyed_by_name = "run_id" not in {column for column, *_ in columns["metrics"]}
    counts = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in columns}
    database.close()
    return version, columns, indexes, counts, keyed_by_name


def new_project(session, directory):
    from trackio.sqlite_storage import SQLiteStorage

    run_id = log(session, "My new/Project", "run 1")
    assert len(run_id) == 32
    check_reads("My new/Project", "run 1", run_id)
    SQLiteStorage.init_db("trackios")
    ours, theirs = integrity(directory / "MynewProject.db"), integrity(directory / "trackios.db")
    assert ours[:3] == theirs[:3], (ours[:3], theirs[:3])
    SQLiteStorage.bulk_log("My new/Project", "run 1", [{"loss": 3.0}], steps=[None], run_id=run_id)
    assert SQLiteStorage.get_last_step("My new/Project", "run 1", run_id=run_id) == 3
    return run_id


def media(session, directory, root):
    from trackio.sqlite_storage import SQLiteStorage

    (root / "plot.png").write_bytes(b"\x89PNG picture")
    session.call("bulk_upload_media", uploads=[{"project": "My new/Project", "run": "pictures", "metric": "plot", "path": "plot.png", "caption": "c", "step": 3}])
    [row] = SQLiteStorage.get_logs("My new/Project", run="pictures", max_points=None)
    plot = row["plot"]
    assert (plot["_type"], plot["caption"], row["step"]) == ("trackio.image", "c", 3), row
    assert plot["file_path"].startswith("MynewProject/pictures/3/")
    assert (directory / "media" / plot["file_path"]).read_bytes() == b"\x89PNG picture"


def eras(session, directory, fixtures):
    """Every project that a version left: log to it, read it, migrate it, log on."""
    from trackio.sqlite_storage import SQLiteStorage

    checked = 0
    for archive in sorted(fixtures.glob("*.tar.gz")):
        if archive.name.startswith("special-corrupt"):
            continue
        with tarfile.open(archive) as packed, tempfile.TemporaryDirectory() as scratch:
            packed.extractall(scratch, filter="data")
            for source in sorted(pathlib.Path(scratch).rglob("*.db")):
                if source.name.startswith("registry-"):
                    continue
                for file in directory.glob("era.*"):
                    file.unlink()
                for suffix in ("", "-wal"):
                    beside = source.with_name(source.name + suffix)
                    if beside.exists():
                        (directory / f"era.db{suffix}").write_bytes(beside.read_bytes())
                one_project(session, directory, SQLiteStorage, f"{archive.name}: {source.name}")
                checked += 1
    print(f"{checked} projects of all eras")


def one_project(session, directory, storage, what):
    path = directory / "era.db"
    before = integrity(path)
    was = storage.get_run_records("era")
    run_id = log(session, "era", "ours", rows=ROWS)
    after = integrity(path)
    assert after[4] == before[4], f"{what}: half migrated"
    assert after[0] == (before[0] if before[4] else 2), (what, before[0], after[0])
    for table, count in before[3].items():
        assert after[3][table] >= count, (what, table)
    check_reads("era", "ours", run_id if not after[4] else None)
    storage.init_db("era")
    migrated = integrity(path)
    assert migrated[0] == 2 and not migrated[4], what
    assert {t: n for t, n in migrated[3].items() if t != "sqlite_sequence"} == {t: n for t, n in after[3].items() if t != "sqlite_sequence"}, what
    records = storage.get_run_records("era")
    assert len(records) == len(was) + 1, (what, was, records)
    [ours] = [record for record in records if record["name"] == "ours"]
    check_reads("era", "ours", ours["id"])
    storage.bulk_log("era", "ours", [{"loss": 3.0}], steps=[None], run_id=ours["id"])
    assert storage.get_last_step("era", "ours", run_id=ours["id"]) == len(ROWS), what
    answer = session.call("bulk_log", entries=[{"project": "era", "run": "ours", "metrics": {"loss": 4.0}}])
    assert answer["runs"][0]["run_id"] == ours["id"] and not answer["runs"][0]["is_new"], (what, answer)
    # A run that the old version wrote, by its name.
    names = [record["name"] for record in was]
    once = next((name for name in names if name and names.count(name) == 1), None)
    if once:
        steps = storage.get_last_step("era", once)
        answer = session.call("bulk_log", entries=[{"project": "era", "run": once, "metrics": {"loss": 4.0}}])
        assert not answer["runs"][0]["is_new"], (what, answer)
        if isinstance(steps, int):
            assert storage.get_last_step("era", once) == steps + 1, (what, once)
    integrity(path)


def http(session, directory, run_id):
    """Trackio's own server over the same directory: starts, migrates, answers the same."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = next(line for line in server.stdout if line.startswith("URL")).split()[1].rstrip("/")
        threading.Thread(target=server.stdout.read, daemon=True).start()

        def ask(name, **kwargs):
            body = json.dumps(kwargs).encode()
            request = urllib.request.Request(f"{url}/api/{name}", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["data"]

        project = "My new/Project"
        summary = ask("get_run_summary", project=project, run="run 1", run_id=run_id)
        assert summary["num_logs"] == 4 and summary["config"] == CONFIG, summary
        values = ask("get_metric_values", project=project, run="run 1", metric_name="loss", run_id=run_id)
        assert [value["value"] for value in values] == [0.125, None, 1e-300, 3.0], values
        answer = session.call("bulk_log", entries=[{"project": project, "run": "run 1", "run_id": run_id, "metrics": {"loss": 9}}])
        assert answer["written"] == 1
        values = ask("get_metric_values", project=project, run="run 1", metric_name="loss", run_id=run_id)
        assert values[-1]["value"] == 9 and values[-1]["step"] == 4, values
    finally:
        server.stdin.close()
        server.terminate()
        server.wait(timeout=30)


def inbox(binary, directory):
    """With TRACKIO_STORAGE_MODE=jsonl: a fragment, which Trackio imports."""
    from trackio import fragments
    from trackio.sqlite_storage import SQLiteStorage

    session = Session(binary, directory, "--allow-writes", TRACKIO_STORAGE_MODE="jsonl")
    run_id = log(session, "waiting", "run")
    assert not (directory / "waiting.db").exists()
    assert session.call("get_run_summary", project="waiting", run="run")["num_logs"] == len(ROWS)
    session.close()
    assert fragments.import_inbox_dir() == len(ROWS) + 2
    check_reads("waiting", "run", run_id)
    assert SQLiteStorage.get_run_records("waiting")[0]["id"] == run_id


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("fixtures", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory, root, home = (pathlib.Path(scratch) / name for name in ("trackio", "files", "home"))
        for path in (directory, root, home):
            path.mkdir()
        os.environ.update(TRACKIO_DIR=str(directory), XDG_STATE_HOME=str(home), HF_HUB_OFFLINE="1")
        session = Session(arguments.binary, directory, "--allow-writes", "--media-root", str(root))
        run_id = new_project(session, directory)
        media(session, directory, root)
        eras(session, directory, arguments.fixtures)
        http(session, directory, run_id)
        session.close()
        inbox(arguments.binary, directory)
    print("what the server writes, Trackio reads, migrates and goes on writing")


if __name__ == "__main__":
    main()
