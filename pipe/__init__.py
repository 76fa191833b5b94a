"""What flows between the rooms: messages, batches, the mapper base, canonical streams, keys, times, money, errors.

Every room imports this one; it imports none of them.
"""
