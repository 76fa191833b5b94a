"""Schema discovery: an unknown table in, a mapping to approve out. The room is named; nobody lives here yet."""
