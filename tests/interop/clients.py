"""Real clients start the server from what `install` or `config` wrote, and say what they think of it.

    python clients.py check CLIENT TITLE VERSION BINARY TRACKIO_DIR     (with the client's program on the path)
    python clients.py unable TITLE VERSION WHY                          (it could not be installed)
    python clients.py record FILE                                       (its lines of JSON, into docs/clients.md)

Each gets a home of its own, and TRACKIO_DIR only while it is being configured. None needs a key:
they are asked for their list of servers, or, where they have none that connects, given a model on
this computer that calls one tool and is done.
"""

import contextlib
import datetime
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/clients.md"
PATIENCE = 180
MARKS = ("<!-- tried:begin -->\n", "<!-- tried:end -->")
HEAD = "| client | version | asked | answer | on |\n|---|---|---|---|---|\n"


class Place:
    """A scratch home, and what may be run in it."""

    def __init__(self, home, binary, directory):
        self.home, self.binary, self.directory = pathlib.Path(home), binary, directory
        quiet = {"CI": "1", "TERM": "dumb", "NO_COLOR": "1", "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1"}
        self.environment = {"HOME": home, "PATH": os.environ["PATH"], **quiet}

    def run(self, *words, **variables):
        done = subprocess.run(
            words, cwd=self.home, env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=PATIENCE,
        )
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        assert done.returncode == 0, f"`{' '.join(words)}` ended with {done.returncode}: {said}"
        return said

    def configure(self, verb, client):
        return self.run(self.binary, verb, client, TRACKIO_DIR=self.directory)

    def printed(self, client):
        """The JSON that `config` prints."""
        text = self.configure("config", client)
        return json.JSONDecoder().raw_decode(text[text.index("{"):])[0]


def connected(said, pattern):
    """A list of servers in which ours is well."""
    assert re.search(pattern, said, re.MULTILINE), f"not connected: {said.strip()}"
    return "connected"


def claude_code(place):
    place.configure("install", "claude-code")
    return "`claude mcp list`", connected(place.run("claude", "mcp", "list"), "^trackio: .*✔ Connected$")


def gemini_cli(place):
    place.configure("install", "gemini-cli")
    said = place.run("gemini", "mcp", "list", GEMINI_CLI_TRUST_WORKSPACE="true")
    return "`gemini mcp list`", connected(said, "^✓ trackio: .* - Connected$")


def opencode(place):
    file = place.home / ".config/opencode/opencode.jsonc"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(place.printed("opencode")), "utf-8")
    return "`opencode mcp list`", connected(place.run("opencode", "mcp", "list"), "✓ trackio connected")


def codex(place):
    place.configure("install", "codex")
    messages = [
        {"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "check", "version": "1"}}},
        {"method": "initialized"},
        {"id": 2, "method": "mcpServerStatus/list", "params": {}},
    ]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    words = ["codex", "app-server"]
    server = subprocess.Popen(words, cwd=place.home, env=place.environment, encoding="utf-8", **pipes)
    clock = threading.Timer(PATIENCE, server.kill)
    clock.start()
    try:
        for message in messages:
            server.stdin.write(json.dumps(message) + "\n")
        server.stdin.flush()
        answers = (json.loads(line) for line in server.stdout)
        answer = next((each for each in answers if each.get("id") == 2), None)
    finally:
        clock.cancel()
        server.kill()
    assert answer and "result" in answer, answer
    (status,) = [each for each in answer["result"]["data"] if each["name"] == "trackio"]
    return "`codex app-server`, `mcpServerStatus/list`", f"{tools_among(status['tools'])} tools"


def tools_among(names):
    """The number of our tools, under whatever prefix."""
    ours = [name for name in names if re.search(r"(^|_)(get|find|query|compare|analyze|diagnose)_", name)]
    assert any(name.endswith("get_run_summary") for name in ours), sorted(names)
    return len(ours)


class Model(http.server.BaseHTTPRequestHandler):
    """A model that calls `get_settings` first, and is done when it has the answer."""

    requests = []

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append(asked)
        answered = any(message["role"] == "tool" for message in asked["messages"])
        names = [tool["function"]["name"] for tool in asked.get("tools", [])]
        name = next((name for name in names if name.endswith("get_settings")), None)
        delta = {"role": "assistant", "content": "done"}
        if name and not answered:
            function = {"name": name, "arguments": "{}"}
            delta = {"role": "assistant", "tool_calls": [{"index": 0, "id": "one", "type": "function", "function": function}]}
        reason = "tool_calls" if "tool_calls" in delta else "stop"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        shared = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
        for choice in ({"delta": delta, "finish_reason": None}, {"delta": {}, "finish_reason": reason}):
            self.wfile.write(f"data: {json.dumps({**shared, 'choices': [{'index': 0, **choice}]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")


@contextlib.contextmanager
def model():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def continue_cli(place):
    file = place.home / ".continue/config.yaml"
    file.parent.mkdir()
    with model() as port:
        file.write_text(
            "name: check\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: scripted\n    provider: openai\n    model: gpt-4o\n"
            f"    apiBase: http://127.0.0.1:{port}/v1\n    apiKey: none\n    roles: [chat]\n    capabilities: [tool_use]\n",
            "utf-8",
        )
        place.configure("install", "continue")
        place.run("cn", "--config", str(file), "-p", "How is my run doing?", "--auto")
    offered = {tool["function"]["name"] for request in Model.requests for tool in request.get("tools", [])}
    answers = [each for request in Model.requests for each in request["messages"] if each["role"] == "tool"]
    assert any(place.directory in json.dumps(each) for each in answers), answers
    return "`cn -p`, with a scripted model", f"{tools_among(offered)} tools, one called"


def openhands(place):
    # Or it fetches prices of models, in a thread that the import trips over.
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENHANDS_SUPPRESS_BANNER": "1"}
    os.environ.update(place.environment, **quiet)
    os.environ.pop("TRACKIO_DIR", None)
    from openhands.sdk.mcp import create_mcp_tools
    from openhands.sdk.mcp.config import coerce_mcp_config

    with create_mcp_tools(coerce_mcp_config(place.printed("openhands"))) as client:
        return "`create_mcp_tools`", f"{tools_among([tool.name for tool in client.tools])} tools"


CHECKS = {
    "claude-code": claude_code,
    "codex": codex,
    "opencode": opencode,
    "continue": continue_cli,
    "gemini-cli": gemini_cli,
    "openhands": openhands,
}


def row_of(title, version):
    return {"client": title, "version": version, "on": str(datetime.date.today()), "asked": "", "answer": "failed"}


def check(client, title, version, binary, directory):
    """Prints one line for the page; a client that is not content fails."""
    row = row_of(title, version)
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            place = Place(os.path.realpath(home), os.path.abspath(binary), os.path.realpath(directory))
            row["asked"], row["answer"] = CHECKS[client](place)
    finally:
        print(f"  {row['answer']}", file=sys.stderr)
        print(json.dumps(row))


def record(lines):
    """Puts the results into the page; those of clients that were not asked this time stay."""
    text = PAGE.read_text("utf-8")
    before, rest = text.split(MARKS[0])
    old, after = rest.split(MARKS[1])
    rows = {row.split(" | ")[0]: row for row in old.splitlines() if row.startswith("| ")}
    for line in lines:
        each = json.loads(line)
        cells = [each[key].replace("|", "\\|") for key in ("client", "version", "asked", "answer", "on")]
        rows[f"| {each['client']}"] = f"| {' | '.join(cells)} |"
    rows.pop("| client", None)
    body = "".join(f"{row}\n" for _, row in sorted(rows.items()))
    PAGE.write_text(f"{before}{MARKS[0]}{HEAD}{body}{MARKS[1]}{after}", "utf-8")


def main():
    match sys.argv[1:]:
        case ["check", client, title, version, binary, directory]:
            check(client, title, version, binary, directory)
        case ["unable", title, version, why]:
            print(json.dumps({**row_of(title, version), "answer": f"not tried: {why}"}))
            sys.exit(1)
        case ["record", file]:
            record(pathlib.Path(file).read_text("utf-8").splitlines())
        case _:
            sys.exit(__doc__)


main()
