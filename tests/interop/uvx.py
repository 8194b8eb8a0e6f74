"""The official Python client starts the wheel as its users do, by `uvx`, and asks it.

    python uvx.py UVX WHEEL TRACKIO_DIR        (with the package `mcp` installed)
"""

import asyncio
import os
import sys
import tempfile

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters


async def main():
    uvx, wheel, directory = sys.argv[1:]
    with tempfile.TemporaryDirectory() as cache:
        variables = {"TRACKIO_DIR": directory, "UV_CACHE_DIR": cache, "UV_PYTHON": os.path.realpath(sys.executable)}
        server = StdioServerParameters(
            command=uvx, args=["--offline", "--from", wheel, "mcp-trackio"], env=variables
        )
        async with Client(server) as client:
            tools = (await client.list_tools()).tools
            answer = await client.call_tool("get_run_summary", {"project": "demo-main", "run": "baseline"})
            assert not answer.is_error, answer
            assert answer.structured_content["num_logs"] > 0, answer
            print(f"  uvx, Python client: {client.server_info.version}, {len(tools)} tools, called")


asyncio.run(main())
