"""Schema discovery: an unknown table in, a mapping to approve out.

`profile` looks at a table, `propose` says which column feeds which canonical field, how sure it is, and why.
Nothing here talks to a network.
"""
