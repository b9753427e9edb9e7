"""Many trainings from one file: what to try, how to run it, what came of it."""
