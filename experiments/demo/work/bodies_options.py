"""How fine bodies may be made on the page; known to the server, which loads no networks."""

RESOLUTIONS = (48, 256)
RESOLUTION = 128
