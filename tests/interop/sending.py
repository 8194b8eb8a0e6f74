"""Projects go to the real Trackio's server, and it is asked to sync.

    python sending.py BINARY        (with the package `trackio` installed)

Held to: with the right token a project arrives whole, while a training writes
to it; with a wrong one or none nothing arrives, and the answer says what to
do; what is there is replaced only when that is asked for; nothing is sent to
any other server, not to another port of this computer either; no token stands in the journal or in a message; what was renamed
and deleted here is so for Trackio too, and restored by an undo.
"""

import argparse
import json
import os
import pathlib
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from session import Session, ToolError, snapshot

TOKEN = "right-token-8d1f"
WRONG = "wrong-token-77aa"
PROJECT = "my-model"


def environment(directory):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRACKIO_", "HF_"))}
    return kept | {"TRACKIO_DIR": str(directory), "TRACKIO_WRITE_TOKEN": TOKEN}


def train(directory, runs, rows):
    """Logs with the real Trackio: runs of one name, with alerts and system metrics."""
    code = """
import sys
from trackio.sqlite_storage import SQLiteStorage as S
for run in range(int(sys.argv[1])):
    name, id = "sweep", f"{run:032x}"
    steps = list(range(int(sys.argv[2])))
    S.bulk_log("my-model", name, [{"loss": 1 / (s + 1)} for s in steps], steps=steps, run_id=id, config={"lr": run})
    S.bulk_log_system("my-model", name, [{"gpu": 1.0}], timestamps=["2026-01-01T00:00:00+00:00"], run_id=id)
    S.bulk_alert("my-model", name, ["high"], ["text"], ["warn"], [0], run_id=id)
"""
    subprocess.run([sys.executable, "-c", code, str(runs), str(rows)], env=environment(directory), check=True)


def asked(directory, function, *arguments):
    """What a function of Trackio's storage answers."""
    code = f"""
import json, sys
from trackio.sqlite_storage import SQLiteStorage as S
print(json.dumps(S.{function}(*json.loads(sys.argv[1]))))
"""
    command = [sys.executable, "-c", code, json.dumps(arguments)]
    done = subprocess.run(command, env=environment(directory), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


class Server:
    """`trackio show`, on a port that it chooses."""

    def __init__(self, directory):
        directory.mkdir(exist_ok=True)
        code = """
import trackio
app, url, share, full = trackio.show(open_browser=False, block_thread=False, host="127.0.0.1")
print("SERVES", url, flush=True)
import time
time.sleep(600)
"""
        command = [sys.executable, "-c", code]
        self.process = subprocess.Popen(command, env=environment(directory), stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.startswith("SERVES "):
                self.url = line.split()[1].split("?")[0].rstrip("/")
                break
        threading.Thread(target=lambda: list(self.process.stdout), daemon=True).start()

    def ask(self, function, **arguments):
        body = json.dumps({"args": [], "kwargs": arguments}).encode()
        request = urllib.request.Request(f"{self.url}/api/{function}", body, {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request))["data"]

    def end(self):
        self.process.terminate()
        self.process.wait()


def fails(session, tool, says, **arguments):
    try:
        session.call(tool, **arguments)
    except ToolError as error:
        text = str(error)
        assert says in text, text
        assert TOKEN not in text and WRONG not in text, text
    else:
        raise AssertionError(f"{tool} {arguments} should fail: {says}")


def dump(database):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def send(binary, here, there, state):
    server = Server(there)
    target = {"project": PROJECT, "server": server.url}
    open_session = lambda **variables: Session(
        binary, here, "--allow-writes", XDG_STATE_HOME=str(state), **{"TRACKIO_SERVER_URL": server.url} | variables
    )

    session = open_session(TRACKIO_WRITE_TOKEN=TOKEN, TRACKIO_SERVER_URL="")
    for tool, arguments in [("upload_db_to_space", target), ("trigger_sync", {"server": server.url}), ("trigger_sync", {})]:
        fails(session, tool, "TRACKIO_SERVER_URL", **arguments)
    assert server.ask("get_all_projects") == []
    session.close()

    for variables, says in [({}, "must set TRACKIO_WRITE_TOKEN"), ({"TRACKIO_WRITE_TOKEN": WRONG}, "Check TRACKIO_WRITE_TOKEN")]:
        session = open_session(**variables)
        fails(session, "upload_db_to_space", says, **target)
        assert server.ask("get_all_projects") == []
        # Trackio lets anybody on the computer ask for a sync.
        assert session.call("trigger_sync", server=server.url)["synced"] is True
        session.close()

    session = open_session(TRACKIO_WRITE_TOKEN=TOKEN)
    before = snapshot(here)
    sent = session.call("upload_db_to_space", **target)
    assert sent["num_runs"] == 3 and not sent["overwritten"], sent
    assert snapshot(here) == before, "sending changed the directory"
    local = [(run["name"], run["id"]) for run in asked(here, "get_run_records", PROJECT)]
    assert [(run["name"], run["id"]) for run in server.ask("get_runs_for_project", project=PROJECT)] == local
    for _, id in local:
        logs = server.ask("get_logs", project=PROJECT, run=None, run_id=id)
        assert len(logs) == 50 and logs[49]["loss"] == 1 / 50, logs[-1]

    fails(session, "upload_db_to_space", "overwrite: true", **target)
    train(here, 5, 60)
    writer = threading.Thread(target=train, args=(here, 6, 2000))
    writer.start()
    time.sleep(0.5)
    sent = session.call("upload_db_to_space", overwrite=True, **target)
    writer.join()
    assert sent["overwritten"] and sent["num_runs"] in (5, 6), sent
    assert len(server.ask("get_runs_for_project", project=PROJECT)) == sent["num_runs"]
    integrity = sqlite3.connect(there / f"{PROJECT}.db").execute("PRAGMA integrity_check").fetchone()
    assert integrity == ("ok",), integrity

    synced = session.call("trigger_sync", server=server.url)
    assert synced["synced"] is True and synced["trackio_version"] == "0.43.0", synced
    assert (there / f"{PROJECT}.parquet").exists(), "the server has not synced"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for elsewhere in ["https://example.com", "http://192.0.2.1:7860", "somebody/space", f"http://127.0.0.1:{port}", f"http://localhost:{port}"]:
            fails(session, "upload_db_to_space", "Nothing was sent", project=PROJECT, server=elsewhere)
            fails(session, "trigger_sync", "Nothing was sent", server=elsewhere)
        other.settimeout(0.5)
        try:
            other.accept()
        except TimeoutError:
            pass
        else:
            raise AssertionError("another port was spoken to")
    session.close()

    own = Session(binary, there, "--allow-writes", XDG_STATE_HOME=str(state), TRACKIO_WRITE_TOKEN=TOKEN, TRACKIO_SERVER_URL=server.url)
    fails(own, "upload_db_to_space", "serves this very directory", overwrite=True, **target)
    own.close()
    server.end()
    journal = (state / "mcp-trackio" / "mcp-trackio.log").read_text()
    assert TOKEN not in journal and WRONG not in journal
    assert journal.count('"upload_db_to_space"') >= 2 and journal.count('"trigger_sync"') == 3, journal


def change(binary, here, state):
    """A rename and a deletion, as Trackio sees them."""
    database = here / f"{PROJECT}.db"
    session = Session(binary, here, "--allow-writes", XDG_STATE_HOME=str(state))
    before = dump(database)
    fails(session, "rename_run", "by its id", project=PROJECT, old_name="sweep", new_name="best")
    id = f"{1:032x}"
    renamed = session.call("rename_run", project=PROJECT, old_name="sweep", new_name="best", run_id=id)
    records = asked(here, "get_run_records", PROJECT)
    assert [run["id"] for run in records if run["name"] == "best"] == [id], records
    assert asked(here, "get_run_config", PROJECT, "best")["lr"] == 1
    assert len(asked(here, "get_alerts", PROJECT, "best")) == 3
    undo(binary, state, renamed["undo"])
    assert dump(database) == before

    token = session.call("delete_run", project=PROJECT, run=id)["confirm"]
    assert dump(database) == before, "the first call changed something"
    deleted = session.call("delete_run", project=PROJECT, run=id, confirm=token)
    left = asked(here, "get_run_records", PROJECT)
    assert id not in [run["id"] for run in left] and len(left) == len(records) - 1
    assert not any(id in line for line in dump(database))
    configs = {line for line in before if line.startswith('INSERT INTO "configs"') and id not in line}
    assert configs <= set(dump(database)), "another run's config went"
    undo(binary, state, deleted["undo"])
    assert dump(database) == before
    # What Trackio writes next still works.
    train(here, 7, 10)
    assert len(asked(here, "get_run_records", PROJECT)) == 7
    session.close()


def undo(binary, state, command):
    arguments = command.split()[1:]
    subprocess.run([binary, *arguments], env=os.environ | {"XDG_STATE_HOME": str(state)}, check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    binary = parser.parse_args().binary
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        here, there, state = root / "here", root / "there", root / "state"
        here.mkdir()
        train(here, 3, 50)
        send(binary, here, there, state)
        change(binary, here, state)
    print("sent with the right token alone; renamed, deleted and undone as Trackio sees it")


main()
