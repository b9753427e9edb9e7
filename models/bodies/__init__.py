"""Bodies as implicit functions: pictures -> feature maps -> inside or outside, point by point.

`pifu`, `multiscale` and `pifuhd` are laid out alike; the difference between two of the files is the difference between
two papers. `superresolution` goes on from the occupancy that any of them predicts.
"""
