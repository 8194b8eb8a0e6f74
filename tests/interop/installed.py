"""What `install` writes, and what `config` prints, is what a client can start.

    python installed.py BINARY TRACKIO_DIR        (with the package `mcp` installed)

For every client that is installed into a scratch home, the entry is read back with the parsers of
Python, started by the official client with the little environment that it passes on, and asked.
"""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

FILES = {
    "claude-desktop": ".config/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
    "codex": ".codex/config.toml",
    "gemini-cli": ".gemini/settings.json",
    "zed": ".config/zed/settings.json",
}
KEYS = {"vscode": "servers", "codex": "mcp_servers", "zed": "context_servers"}
# What `config` prints as JSON between two empty lines.
PRINTED = {"openhands": "mcpServers", "lm-studio": "mcpServers", "cline": "mcpServers", "cody": "cody.mcpServers"}


def mcp_trackio(binary, directory, home, *words):
    environment = {"HOME": str(home), "PATH": "/nonexistent", "TRACKIO_DIR": str(directory)}
    done = subprocess.run([binary, *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (words, done)
    return done.stdout


def entries(binary, directory, home):
    mcp_trackio(binary, directory, home, "install", *FILES, "continue")
    for client, file in FILES.items():
        text = (home / file).read_text("utf-8")
        parsed = tomllib.loads(text) if file.endswith("toml") else json.loads(text)
        yield client, parsed[KEYS.get(client, "mcpServers")]["trackio"]
    for client, key in PRINTED.items():
        printed = mcp_trackio(binary, directory, home, "config", client)
        start = printed.index("{")
        parsed, _ = json.JSONDecoder().raw_decode(printed[start:])
        yield f"config {client}", parsed[key]["trackio"]


async def ask(client, entry, directory):
    # The client adds HOME, PATH and a few others, and nothing else of this process.
    os.environ["TRACKIO_DIR"] = "/nowhere"
    server = StdioServerParameters(command=entry["command"], args=entry["args"], env=entry.get("env"))
    async with Client(server) as session:
        tools = (await session.list_tools()).tools
        assert len(tools) >= 14, [tool.name for tool in tools]
        settings = await session.call_tool("get_settings", {})
        assert settings.structured_content["directory"] == str(directory), settings
        summary = await session.call_tool("get_run_summary", {"project": "demo-main", "run": "baseline"})
        assert not summary.is_error, summary
    print(f"  {client}: {len(tools)} tools, called")


def main():
    binary, directory = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as home:
        for client, entry in entries(binary, directory, pathlib.Path(home)):
            asyncio.run(ask(client, entry, directory))
        report = json.loads(mcp_trackio(binary, directory, home, "doctor", "--json"))
        assert report["ok"] and not report["warnings"], report
    print("  doctor: well")


if __name__ == "__main__":
    main()
