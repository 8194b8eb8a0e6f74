"""The official Python client, in both of its modes, lists and calls every read tool.

    python python_client.py BINARY TRACKIO_DIR        (with the package `mcp` installed)

The client itself holds every structured answer to the tool's output schema.
"""

import asyncio
import sys

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

SUBJECT = {"project": "demo-main", "run": "baseline", "metric": "train/loss", "query": "baseline", "name": "model"}
SUBJECT |= {"runs": ["baseline", "resumed"], "metrics": ["train/loss"], "sql": "SELECT run_name, step FROM metrics"}
# Tools whose subject lies in another project of the fixture.
ELSEWHERE = {
    "get_artifact": {"project": "art-proj"},
    "get_traces": {"project": "demo-traces"},
    "get_media": {"project": "demomedia", "run": "media run"},
}


async def arguments_of(client, tool):
    """Nothing but what the tool requires, and everything that the fixture has."""
    schema = tool.input_schema
    required = schema.get("required", [])
    subject = {**SUBJECT, **ELSEWHERE.get(tool.name, {})}
    if tool.name == "get_artifact":
        found = await client.call_tool("find_artifacts", {"project": subject["project"]})
        subject["name"] = found.structured_content["artifacts"][0]["name"]
    if tool.name == "get_traces":
        runs = await client.call_tool("get_runs_for_project", {"project": subject["project"]})
        subject["run"] = runs.structured_content["runs"][0]["id"]
    missing = [name for name in required if name not in subject]
    assert not missing, f"{tool.name} requires {missing}: teach this script"
    if not required or "project" in required:
        yield {name: subject[name] for name in required}
    wanted = [name for name in schema["properties"] if name in ("project", "run", "runs", "sql") or name in required]
    yield {name: subject[name] for name in wanted}


async def session(binary, directory, mode):
    server = StdioServerParameters(command=binary, args=["--dir", directory])
    calls = 0
    async with Client(server, mode=mode) as client:
        assert client.server_info.name == "mcp-trackio", client.server_info
        tools = (await client.list_tools()).tools
        assert len(tools) >= 14, [tool.name for tool in tools]
        for tool in tools:
            assert tool.annotations.read_only_hint, tool.name
            async for arguments in arguments_of(client, tool):
                result = await client.call_tool(tool.name, arguments)
                assert not result.is_error, f"{tool.name} {arguments}: {result.content}"
                assert result.content, f"{tool.name} {arguments}: no content"
                assert (result.structured_content is not None) == (tool.output_schema is not None), tool.name
                calls += 1
        failed = await client.call_tool("get_run_summary", {"project": "demo-main", "run": "no such run"})
        assert failed.is_error and failed.content[0].text, failed
        for listing in (client.list_resources, client.list_prompts):
            try:
                await listing()
            except Exception as error:  # noqa: BLE001 - a server may not have them, but has to say so
                assert "not found" in str(error).lower() or "not support" in str(error).lower(), error
        print(f"  {mode}: {client.protocol_version}, {len(tools)} tools, {calls} calls")


async def main():
    binary, directory = sys.argv[1:]
    for mode in ("legacy", "auto"):
        await session(binary, directory, mode)


if __name__ == "__main__":
    asyncio.run(main())
