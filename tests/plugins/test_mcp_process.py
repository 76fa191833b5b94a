"""`growthnav mcp` as a process: over standard input and output, over HTTP, and what it says when it cannot start."""

from __future__ import annotations

import socket

import anyio
import operating
import pytest
from mcp import Client, StdioServerParameters
from mcp_asking import READ, said
from stub_project import CANARY, Project, wait_for


@pytest.fixture
def project(project: Project) -> Project:
    project.add("acme")
    project.add("globex")
    return project


def test_the_command_speaks_over_standard_input_and_output(project: Project) -> None:
    parameters = StdioServerParameters(
        command=str(operating.GROWTHNAV),
        args=["--project", str(project.root), "mcp", "--scope", "write", "--tenant", "acme"],
        env=operating.environment(),
    )

    async def main() -> None:
        async with Client(parameters) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == [*READ, "sync_data_source"]
            synced = await client.call_tool("sync_data_source", {"customer_id": "acme", "job": "rows"})
            assert synced.structured_content["records_loaded"] == 5, said(synced)
            refused = await client.call_tool("run_history", {"customer_id": "globex"})
            assert refused.is_error
            wrong = await client.call_tool("run_history", {"customer_id": "acme", "secret": CANARY})
            assert CANARY not in said(wrong)

    anyio.run(main)
    assert project.ids("acme") == list(range(5))


def test_the_command_speaks_over_http_on_this_machine(project: Project) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = project.start("mcp", "--transport", "http", "--port", str(port))

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(listening)

    async def main() -> None:
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == READ
            found = await client.call_tool("run_history", {"customer_id": "acme"})
            assert found.structured_content == {"customer_id": "acme", "runs": []}

    anyio.run(main)
    server.terminate()
    _, err = server.communicate(timeout=30)
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_told(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = project.call("mcp", "--transport", "http", "--port", str(port))
    assert ended.code == 2
    assert ended.err == f"configuration error: port {port} is taken. Name another: --port\n"


def test_a_tenant_that_is_not_there_is_told_when_the_server_starts(project: Project) -> None:
    ended = project.call("mcp", "--tenant", "acmee")
    assert ended.code == 2
    assert "Did you mean 'acme'?" in ended.err
