"""A simulated machine of known truth, on which real jobs run: it behaves, and counts no calls.

Time passes only when something takes some. A GPU works behind the host's back: what is read of it
before the host has waited for it is wrong, as on a real one. Everything that is drawn at random
comes of a seed.
"""
