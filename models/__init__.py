"""The mathematics of Threefold: torch in, torch out.

Conventions, stated once, each with a worked number:

* World: right-handed, +x right, +y up, +z towards the viewer at azimuth 0. A camera looks down its own -z.
* Screen: x right, y DOWN, in pixels; the centre of the pixel in row i and column j is (j + 1/2, i + 1/2). The depth
  z > 0 grows away from the camera. A point on the optical axis of a 64 x 128 (h x w) picture has the screen position
  (64, 32).
* Images: `[b, c, h, w]`, RGB in [0, 1], row 0 on top. `grid_sample` is always called with align_corners=False: the
  centre of the first pixel of a row of w pixels lies at -1 + 1/w.
* UV: u right, v UP; row 0 of a texture is v = 1. The texel in row i, column j of an h x w texture has its centre at
  u = (j + 1/2) / w, v = 1 - (i + 1/2) / h.
* Triangles wind counter-clockwise seen from outside, so that (b - a) x (c - a) points outward.
* Units: metres, radians, pixels, unless a name ends in `_mm`, `_cm`, `_degrees`. Faces are computed in millimetres
  (`vertices_mm`) and exported in metres.
* Frames stand in names and cancel: `points_camera = camera_from_world @ points_world`.
* Empty pixels: face index -1, barycentrics 0, depth +inf.

Letters in shapes: `b` batch, `n` views, `v` vertices, `f` faces, `t` texture coordinates, `h w` pixels, `p` points,
`c` channels, `k` coefficients.
"""
