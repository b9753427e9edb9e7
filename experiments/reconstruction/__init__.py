"""A photograph of a face to meshes, textures and pictures: finding, explaining, composing, saving."""
