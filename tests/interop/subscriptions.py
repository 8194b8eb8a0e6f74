"""The real Trackio writes, and clients of both generations that subscribed are told.

    python subscriptions.py BINARY        (with the package `trackio` installed)

Held to: every change of a run is told within two seconds to who watches the run, its metric,
its project or all projects, and to nobody else; rows in the inbox too. Idle, with a subscription
open, the server takes less than half a percent of a core, and ends at once with its input.
"""

import argparse
import os
import pathlib
import queue
import sys
import tempfile
import time

from live_writer import BATCH, PROJECT, Writer
from session import Session

LATEST = 2.0
IDLE_SECONDS = 20
ALL, OF_PROJECT = "trackio://projects", f"trackio://{PROJECT}"


class Legacy(Session):
    """Subscribes to one resource after the other."""

    def watch(self, uris):
        for uri in uris:
            self.request("resources/subscribe", {"uri": uri})


class Modern(Session):
    """Asks to be told, in one request that stays open."""

    META = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "interop", "version": "1"},
    }

    def watch(self, uris):
        params = {"notifications": {"resourceSubscriptions": uris}, "_meta": self.META}
        self._send({"jsonrpc": "2.0", "id": "listen", "method": "subscriptions/listen", "params": params})
        told = self.lines.get(timeout=30)
        assert told["method"] == "notifications/subscriptions/acknowledged", told
        assert told["params"]["notifications"]["resourceSubscriptions"] == uris, told


def notices(session, seconds):
    """What is told in so many seconds, with the time of the first notice of each resource."""
    told, end = {}, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            message = session.lines.get(timeout=left)
        except queue.Empty:
            break
        assert message["method"] == "notifications/resources/updated", message
        told.setdefault(message["params"]["uri"], time.monotonic())
    return told


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def story(binary, directory, kind):
    first, other = Writer("watched", batches=1), Writer("other", batches=1)
    for writer in (first, other):
        assert writer.process.wait(timeout=60) == 0
    run, table = f"trackio://{PROJECT}/{first.run_id}", f"trackio://{PROJECT}/{first.run_id}/metrics/loss.csv"
    elsewhere = f"trackio://{PROJECT}/{other.run_id}"
    session = kind(binary, directory)
    session.watch([ALL, OF_PROJECT, run, table, elsewhere])
    assert not notices(session, 3), "told of nothing"

    worst = 0.0
    for _ in range(3):
        steps = first.acknowledged + 1
        again = Writer(first.run, run_id=first.run_id, first_step=steps, batches=1)
        again.wait_for(steps + BATCH - 1)
        written = time.monotonic()
        told = notices(session, LATEST + 0.5)
        again.process.wait(timeout=60)
        first.acknowledged = again.acknowledged
        assert set(told) == {ALL, OF_PROJECT, run, table}, sorted(told)
        worst = max(worst, *(at - written for at in told.values()))
        notices(session, 2.5)  # the last writer checkpoints as it leaves
    assert worst <= LATEST, f"told after {worst:.2f} s"

    fragment = Writer("by fragment", api_rows=5, env={"TRACKIO_STORAGE_MODE": "jsonl"})
    assert fragment.process.wait(timeout=60) == 0
    told = notices(session, LATEST + 0.5)
    assert {ALL, OF_PROJECT} <= set(told) and not {run, table, elsewhere} & set(told), sorted(told)

    share = None
    if sys.platform == "linux":
        before, started = processor_seconds(session.process.pid), time.monotonic()
        assert not notices(session, IDLE_SECONDS), "told of nothing"
        share = (processor_seconds(session.process.pid) - before) / (time.monotonic() - started)
        assert share < 0.005, f"idle, it takes {share:.2%} of a core"
        open_files = [os.readlink(entry) for entry in pathlib.Path(f"/proc/{session.process.pid}/fd").iterdir()]
        assert not [name for name in open_files if ".db" in name], open_files
    started = time.monotonic()
    session.close()
    ended = time.monotonic() - started
    assert ended < 1, f"it ended after {ended:.2f} s"
    idle = f"{share:.2%} of a core when idle" if share is not None else "idle not measured"
    print(f"  {kind.__name__.lower()}: told within {worst:.2f} s, {idle}, ended in {ended * 1000:.0f} ms")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    options = parser.parse_args()
    for kind in (Legacy, Modern):
        with tempfile.TemporaryDirectory() as temp:
            directory = pathlib.Path(temp) / "trackio"
            directory.mkdir()
            os.environ.update(TRACKIO_DIR=str(directory), HF_HOME=f"{temp}/hf", HF_HUB_OFFLINE="1")
            story(options.binary, directory, kind)


if __name__ == "__main__":
    main()
