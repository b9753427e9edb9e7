"""What a visitor of the page may ask for."""

from dataclasses import dataclass

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds on uploads, on work and on what is kept."""

    upload_bytes: int = 20 * MEGABYTE
    upload_pixels: int = 50_000_000
    """A phone's largest pictures; 12 million are usual."""
    smallest_side: int = 16
    largest_side: int = 1024
    """Larger pictures are worked on, and shown, at this size."""
    uploads_at_once: int = 4
    upload_seconds: float = 60.0
    job_seconds: float = 300.0
    """Of one reconstruction; its process is ended then."""
    job_memory_bytes: int = 4096 * MEGABYTE
    """Of the process that reconstructs, the networks included."""
    waiting_of_a_visitor: int = 3
    waiting: int = 24
    results_of_a_visitor: int = 8
    """Older results are deleted."""
    results: int = 100
    visitors: int = 500
    kept_seconds: float = 15 * 60.0
    """How long pictures and results stay after their visitor was last heard of."""
