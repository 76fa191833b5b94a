"""The operator's side: the `growthnav` command and what stands behind it."""
