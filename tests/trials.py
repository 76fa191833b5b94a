"""How often what is drawn by chance is tried: a few times by default, longer as two environment variables say."""

import os


def kills(few: int) -> int:
    """Kills or races of one kind: CHAOS_TRIALS, or `few`."""
    return int(os.environ.get("CHAOS_TRIALS", few))


def examples(few: int) -> int:
    """Examples of a property: `few`, times EXAMPLES."""
    return few * int(os.environ.get("EXAMPLES", "1"))
