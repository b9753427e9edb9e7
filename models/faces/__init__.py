"""Faces in detail from photographs alone: a coarse morphable model, then a displacement map in UV space.

Source: Chen et al., "Self-supervised Learning of Detailed 3D Face Reconstruction", IEEE Transactions on Image
Processing 2020 (arXiv 1910.11791), and the authors' code (MIT licence).
"""
