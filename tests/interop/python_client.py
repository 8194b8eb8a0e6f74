"""The official Python client, in both of its modes, lists and calls every read tool, reads every
resource, gets every prompt, completes and subscribes.

    python python_client.py BINARY TRACKIO_DIR        (with the package `mcp` installed)

The client itself holds every structured answer to the tool's output schema.
"""

import asyncio
import contextlib
import pathlib
import sqlite3
import sys
import warnings

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import PromptReference, ResourceTemplateReference, ResourceUpdatedNotification

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


async def read_all(client):
    """Every resource of the list, page by page."""
    found, cursor = [], None
    while True:
        page = await client.list_resources(cursor=cursor)
        found += page.resources
        cursor = page.next_cursor
        if not cursor:
            break
    for resource in found:
        contents = (await client.read_resource(resource.uri)).contents
        assert contents[0].text and contents[0].mime_type == resource.mime_type, resource
    templates = (await client.list_resource_templates()).resource_templates
    assert len(templates) == 5, templates
    reference = ResourceTemplateReference(type="ref/resource", uri="trackio://{project}/{run}")
    runs = await client.complete(reference, {"name": "run", "value": "base"}, {"project": "demo-main"})
    assert "baseline" in runs.completion.values, runs
    try:
        await client.read_resource("trackio://demo-mian")
    except MCPError as error:
        assert "demo-main" in str(error), error
    else:
        raise AssertionError("a project that is not there was read")
    return len(found)


def log(directory):
    """One row more of the watched run, as Trackio stores it."""
    with contextlib.closing(sqlite3.connect(directory / "demo-main.db")) as database, database:
        database.execute(
            "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics) SELECT run_id, timestamp, run_name, "
            "step + 1, metrics FROM metrics WHERE run_name = 'baseline' ORDER BY id DESC LIMIT 1"
        )


async def watch(client, notices, directory):
    run = "trackio://demo-main/baseline"
    async with asyncio.timeout(10):
        if client.protocol_version < "2026":
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            await client.subscribe_resource(run)
            log(directory)
            assert await notices.get() == run
            return
        async with client.listen(resource_subscriptions=[run]) as subscription:
            assert subscription.honored.resource_subscriptions == [run], subscription.honored
            log(directory)
            async for event in subscription:
                assert event.uri == run, event
                return


async def prompt_all(client):
    prompts = (await client.list_prompts()).prompts
    for prompt in prompts:
        plan = await client.get_prompt(prompt.name, {"project": "demo-main"})
        assert "demo-main" in plan.messages[0].content.text, plan
    reference = PromptReference(type="ref/prompt", name="debug_run")
    projects = await client.complete(reference, {"name": "project", "value": "demo-m"})
    assert "demo-main" in projects.completion.values, projects
    return len(prompts)


async def session(binary, directory, mode):
    server = StdioServerParameters(command=binary, args=["--dir", directory])
    calls, notices = 0, asyncio.Queue()

    async def heard(message):
        if isinstance(message, ResourceUpdatedNotification):
            await notices.put(str(message.params.uri))

    async with Client(server, mode=mode, message_handler=heard) as client:
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
        resources = await read_all(client)
        prompts = await prompt_all(client)
        await watch(client, notices, pathlib.Path(directory))
        print(f"  {mode}: {client.protocol_version}, {len(tools)} tools, {calls} calls, "
              f"{resources} resources, {prompts} prompts, told of a change")


async def main():
    binary, directory = sys.argv[1:]
    for mode in ("legacy", "auto"):
        await session(binary, directory, mode)


if __name__ == "__main__":
    asyncio.run(main())
