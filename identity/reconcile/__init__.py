"""The batch half: people found again from everything there is, under ids that stay.

warehouse  the tenant's records and their hashed identifiers, staged
units      what is linked: profiles, and conversions with equal identifiers taken as one
assign     which id each group of records keeps
settle     what the pipe must know so that it decides the same
ledger     the store's memory of all that
work       one reconcile, from reading to commit
tap        `tap-identity`, which sends it on as Singer streams
"""
