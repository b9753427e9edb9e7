"""Faces: a photograph explained by a morphable model, and everything handed to the user."""
