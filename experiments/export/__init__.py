"""A trained run as a small folder that comes with the program: weights, configuration, provenance, scores, limits."""
