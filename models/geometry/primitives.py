"""Shapes with known area, volume and topology. All wind counter-clockwise seen from outside; float32, metres."""

import math

import torch
from torch import Tensor

from models.geometry.mesh import Mesh

CUBE_CORNERS = ((-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1), (-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1))
CUBE_SIDES = ((4, 5, 6, 7), (1, 0, 3, 2), (5, 1, 2, 6), (0, 4, 7, 3), (7, 6, 2, 3), (0, 1, 5, 4))
"""Front (+z), back, right, left, top, bottom; each from its lower left corner, counter-clockwise from outside."""


def icosphere(subdivisions: int) -> Mesh:
    """Unit sphere with 10 * 4**n + 2 vertices and 20 * 4**n faces, by halving the edges of an icosahedron. No uv."""
    golden = (1 + math.sqrt(5)) / 2
    corners = [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    vertices = torch.tensor(
        [corner[-shift:] + corner[:-shift] for shift in range(3) for corner in corners], dtype=torch.float64
    )
    vertices = vertices / vertices.norm(dim=1, keepdim=True)
    faces = _icosahedron_faces(vertices)
    for _ in range(subdivisions):
        vertices, faces = _halve_edges(vertices, faces)
        vertices = vertices / vertices.norm(dim=1, keepdim=True)
    return Mesh(vertices.float(), faces)


def cube() -> Mesh:
    """Cube with corners at -1 and 1: 8 vertices, 12 faces, and a uv chart of its own for each side (24 coordinates)."""
    sides = torch.tensor(CUBE_SIDES)
    charts = torch.arange(24).reshape(6, 4)
    split = torch.tensor([[0, 1, 2], [0, 2, 3]])
    column, row = torch.arange(6) % 3, torch.arange(6) // 3
    square = torch.tensor([[0.05, 0.05], [0.95, 0.05], [0.95, 0.95], [0.05, 0.95]])
    uv = (torch.stack([column, row], -1)[:, None] + square) / torch.tensor([3.0, 2.0])
    return Mesh(
        vertices=torch.tensor(CUBE_CORNERS, dtype=torch.float32),
        faces=sides[:, split].reshape(12, 3),
        uv=uv.reshape(24, 2),
        face_uv=charts[:, split].reshape(12, 3),
    )


def quad_grid(rows: int, columns: int) -> Mesh:
    """Square [-1, 1]² in the plane z = 0, facing +z: rows x columns vertices, row 0 on top (y = 1), uv per vertex."""
    if rows < 2 or columns < 2:
        raise ValueError(f"A grid got {rows} x {columns} vertices: give at least 2 x 2.")
    v, u = torch.meshgrid(torch.linspace(1, 0, rows), torch.linspace(0, 1, columns), indexing="ij")
    uv = torch.stack([u, v], -1).reshape(-1, 2)
    vertices = torch.cat([2 * uv - 1, torch.zeros(len(uv), 1)], 1)
    faces = grid_faces(rows, columns)
    return Mesh(vertices, faces, uv=uv, face_uv=faces)


def uv_sphere(rows: int, columns: int) -> Mesh:
    """Unit sphere of latitudes and longitudes: one vertex at each pole, rows - 1 rings between, a uv seam at -z.

    (rows - 1) * columns + 2 vertices; u = 1/2 looks at +z, v = 1 is the north pole (+y).
    """
    if rows < 2 or columns < 3:
        raise ValueError(f"A sphere got {rows} rows and {columns} columns: give at least 2 and 3.")
    uv_row, uv_column = torch.meshgrid(torch.arange(rows + 1), torch.arange(columns + 1), indexing="ij")
    latitude = math.pi * (0.5 - uv_row / rows)
    longitude = 2 * math.pi * (uv_column / columns - 0.5)
    positions = torch.stack([latitude.cos() * longitude.sin(), latitude.sin(), latitude.cos() * longitude.cos()], -1)
    vertices = torch.cat([torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]), positions[1:-1, :-1].reshape(-1, 3)])
    ring_vertex = 2 + (uv_row - 1) * columns + uv_column % columns
    vertex = torch.where(uv_row == 0, torch.zeros_like(uv_row), torch.where(uv_row == rows, 1, ring_vertex)).flatten()
    uv = torch.stack([uv_column / columns, 1 - uv_row / rows], -1).reshape(-1, 2)
    face_uv = grid_faces(rows + 1, columns + 1)
    faces = vertex[face_uv]
    # the triangle of a polar quad whose corners fall together has no area
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return Mesh(vertices, faces[whole], uv=uv, face_uv=face_uv[whole])


def torus(rows: int, columns: int, tube_radius: float = 0.4) -> Mesh:
    """Torus around the z axis, ring radius 1: rows * columns vertices, twice as many faces, uv with two seams."""
    if rows < 3 or columns < 3:
        raise ValueError(f"A torus got {rows} rows and {columns} columns: give at least 3 and 3.")
    uv_row, uv_column = torch.meshgrid(torch.arange(rows + 1), torch.arange(columns + 1), indexing="ij")
    tube = 2 * math.pi * (1 - uv_row[:-1, :-1] / rows)
    ring = 2 * math.pi * uv_column[:-1, :-1] / columns
    radius = 1 + tube_radius * tube.cos()
    vertices = torch.stack([radius * ring.cos(), radius * ring.sin(), tube_radius * tube.sin()], -1).reshape(-1, 3)
    vertex = ((uv_row % rows) * columns + uv_column % columns).flatten()
    uv = torch.stack([uv_column / columns, 1 - uv_row / rows], -1).reshape(-1, 2)
    face_uv = grid_faces(rows + 1, columns + 1)
    return Mesh(vertices, vertex[face_uv], uv=uv, face_uv=face_uv)


def grid_faces(rows: int, columns: int) -> Tensor:
    """[2 (rows - 1) (columns - 1), 3] triangles of a row-major grid whose row 0 is on top, facing the viewer."""
    vertex = torch.arange(rows * columns).reshape(rows, columns)
    top_left, top_right = vertex[:-1, :-1], vertex[:-1, 1:]
    bottom_left, bottom_right = vertex[1:, :-1], vertex[1:, 1:]
    lower = torch.stack([top_left, bottom_left, bottom_right], -1)
    upper = torch.stack([top_left, bottom_right, top_right], -1)
    return torch.stack([lower, upper], 2).reshape(-1, 3)


def _icosahedron_faces(vertices: Tensor) -> Tensor:
    """Every three vertices at the smallest distance from each other, turned outward."""
    distance = torch.cdist(vertices, vertices)
    near = (distance > 0) & (distance < 1.2)
    triples = torch.combinations(torch.arange(12), 3)
    a, b, c = triples.unbind(1)
    faces = triples[near[a, b] & near[b, c] & near[c, a]]
    a, b, c = vertices[faces].unbind(1)
    inward = (torch.linalg.cross(b - a, c - a) * a).sum(1) < 0
    return torch.where(inward[:, None], faces.flip(1), faces)


def _halve_edges(vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    corners = torch.stack([faces, faces.roll(-1, 1)], -1).reshape(-1, 2).sort(1).values
    edges, edge_of_corner = torch.unique(corners, dim=0, return_inverse=True)
    ab, bc, ca = (len(vertices) + edge_of_corner.reshape(-1, 3)).unbind(1)
    a, b, c = faces.unbind(1)
    children = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return (
        torch.cat([vertices, vertices[edges].mean(1)]),
        torch.stack([torch.stack(child, 1) for child in children], 1).reshape(-1, 3),
    )
