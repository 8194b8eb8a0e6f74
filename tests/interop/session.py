"""A session with the server over raw JSON lines, with nothing but the standard library."""

import hashlib
import json
import os
import pathlib
import queue
import subprocess
import threading


class ToolError(Exception):
    """The tool said that it failed."""


class Session:
    def __init__(self, binary, directory, *options, popen=None, **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TRACKIO_", "HF_"))}
        self.process = subprocess.Popen(
            [binary, "--dir", str(directory), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | variables,
            text=True,
            encoding="utf-8",
            **(popen or {}),
        )
        self.lines, self.id = queue.Queue(), 0
        threading.Thread(target=self._listen, daemon=True).start()
        who = {"name": "interop", "version": "1"}
        self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": who})
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _listen(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def _send(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def request(self, method, params):
        self.id += 1
        self._send({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
        while True:
            message = self.lines.get(timeout=60)
            assert message is not None, f"the server ended during {method}"
            if message.get("id") == self.id:
                assert "error" not in message, f"{method} {params}: {message['error']}"
                return message["result"]

    def tools(self):
        return self.request("tools/list", {})["tools"]

    def call(self, tool, **arguments):
        """The structured answer; a failure of the tool raises."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise ToolError(f"{tool} {arguments}: {result['content'][0]['text']}")
        return result["structuredContent"]

    def pages(self, tool, member, **arguments):
        """A list of several pages, put together."""
        whole, cursor = [], {}
        while True:
            page = self.call(tool, **arguments, **cursor)
            whole += page[member]
            if not page.get("next_cursor"):
                return whole
            cursor = {"cursor": page["next_cursor"]}

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=30)
        assert code == 0, f"the server ended with {code}"


def snapshot(directory):
    """Every entry of a directory: its size, its time and its bytes."""
    directory = pathlib.Path(directory)
    found = {}
    for path in [directory, *sorted(directory.rglob("*"))]:
        about = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        size = about.st_size if path.is_file() else None
        found[str(path.relative_to(directory))] = (size, about.st_mtime_ns, content)
    return found
