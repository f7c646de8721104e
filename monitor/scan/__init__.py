"""The fastest way through a batch: JSON bytes to masks, slices and columns, by code compiled from the contract.

It knows interactions alone, and of those only what is ordinary; whatever it leaves, schemas/fast.py reads.
"""
