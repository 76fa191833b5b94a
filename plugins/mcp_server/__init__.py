"""The MCP server: the operator's work, for an agent, within bounds."""
