"""What every target shares: the input loop, column planning, spooling, flush policy, STATE order, versions, rejects.

A warehouse adds a `Loader` (see `loader`): staging, one transaction a flush, and its own SQL.
"""
