"""A client in small: starts a server as a client does, shakes hands, lists the tools, asks one.

    python handshake.py COMMAND…        (with TRACKIO_DIR set)

The server gets the little environment that clients pass on. Standard output has to hold the
protocol and nothing else, and the server has to end when its input does.
"""

import json
import os
import subprocess
import sys
import threading
import time

# What clients hand on, where they hand on little; the second half is Windows'.
PASSED_ON = ["HOME", "PATH", "TMPDIR", "LANG", "USER", "SHELL", "TERM"]
PASSED_ON += ["SYSTEMROOT", "SYSTEMDRIVE", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP", "PATHEXT", "COMSPEC"]
PATIENCE = 120


class Server:
    """A started server; it answers line by line."""

    def __init__(self, command, variables):
        known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, env={**known, **variables}, encoding="utf-8", **pipes)
        self.requests = 0
        # One that says nothing is ended, and so found out.
        self.clock = threading.Timer(PATIENCE, self.process.kill)
        self.clock.start()

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def ask(self, method, parameters):
        self.requests += 1
        self.send({"id": self.requests, "method": method, "params": parameters})
        while True:
            line = self.process.stdout.readline()
            assert line, f"{method}: the server ended"
            message = json.loads(line)
            if message.get("id") == self.requests:
                assert "result" in message, f"{method}: {message}"
                return message["result"]

    def end(self):
        self.process.stdin.close()
        rest = self.process.stdout.read()
        assert not rest, f"said after the end: {rest}"
        code = self.process.wait(PATIENCE)
        assert code == 0, f"ended with {code}"


def handshake(command, variables):
    """Starts, asks, ends; answers the version, the milliseconds to the handshake, the names of the tools."""
    server = Server(command, variables)
    try:
        client = {"name": "handshake", "version": "1"}
        hello = server.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        took = (time.monotonic() - server.started) * 1000
        assert hello["serverInfo"]["name"] == "mcp-trackio", hello
        server.send({"method": "notifications/initialized"})
        tools = [tool["name"] for tool in server.ask("tools/list", {})["tools"]]
        answer = server.ask("tools/call", {"name": "get_all_projects", "arguments": {}})
        assert not answer.get("isError"), answer
        projects = answer["structuredContent"]["projects"]
        assert projects, "no projects; is TRACKIO_DIR set?"
        server.end()
    finally:
        server.clock.cancel()
        server.process.kill()
    return hello["serverInfo"]["version"], took, tools


def main():
    version, took, tools = handshake(sys.argv[1:], {"TRACKIO_DIR": os.environ["TRACKIO_DIR"]})
    print(f"{version}: {took:.0f} ms to the handshake, {len(tools)} tools, asked")


if __name__ == "__main__":
    main()
