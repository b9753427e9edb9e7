"""Faces in detail from photographs alone: a coarse morphable model, then a displacement map in UV space.

Source: Chen, Chen, Zhang, Mitchell, Yu: "Photo-realistic facial details synthesis / self-supervised learning of detailed
3D face reconstruction", IEEE Transactions on Image Processing 2020, and the authors' code (MIT).
"""
