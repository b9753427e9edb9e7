"""A photograph of clothing to a textured mesh and pictures of it: framing, explaining, composing, saving."""
