"""What an operator does about people: reconcile, decide, ask why, erase."""
