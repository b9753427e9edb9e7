"""One page about runs, whole in one file: what was run, curves, tables, panels, test cases, meshes to turn."""
