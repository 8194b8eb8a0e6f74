"""fastmcp's client starts what `install` wrote and what `config` printed, lists the tools and calls one.

    python fastmcp_client.py BINARY TRACKIO_DIR        (with the package `fastmcp` installed)
"""

import asyncio
import os
import pathlib
import sys
import tempfile

from fastmcp import Client

from installed import entries


async def ask(client, entry, directory):
    # fastmcp hands on what the entry names and the few variables of the SDK; TRACKIO_DIR is not one.
    os.environ["TRACKIO_DIR"] = "/nowhere"
    async with Client({"mcpServers": {"trackio": entry}}) as session:
        tools = await session.list_tools()
        assert len(tools) >= 14, [tool.name for tool in tools]
        settings = await session.call_tool("get_settings", {})
        assert settings.structured_content["directory"] == str(directory), settings
    print(f"  {client}: {len(tools)} tools, called")


def main():
    binary, directory = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as home:
        for client, entry in entries(binary, directory, pathlib.Path(home)):
            asyncio.run(ask(client, entry, directory))


main()
