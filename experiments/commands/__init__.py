"""What the command `threefold` can do: one module a verb."""
