"""Basel Face Models (Paysan et al. 2009; Gerig et al. 2018): licensed, read from the user's own files."""

from pathlib import Path

import numpy as np
from numpy import ndarray

from models.morphable.assembly import FileArrays, assemble, landmark_vertices
from models.morphable.linear import MorphableModel
from models.morphable.model_files import file_hash, interleaved, numeric_arrays, require_file

REGISTER_2009 = "register at https://faces.dmi.unibas.ch/bfm and download the Basel Face Model 2009"
EXPRESSIONS = "take the expression basis of Guo et al. that the Deep3DFaceReconstruction pages link to"
SPLIT = "run ModelGeneration of the 3DDFA / 300W-LP pages on your copy of the Basel Face Model 2009"
FRONT = "run the conversion of the Deep3DFaceReconstruction pages on your copy of the Basel Face Model 2009"
SPLIT_EXPRESSIONS = ("Model_Expression.mat", "Model_Exp.mat")
MM_PER_MICROMETRE = 1e-3
MM_PER_DECIMETRE = 100.0

LANDMARKS_OF_53215 = np.array(
    [
        21874, 22150, 21654, 21037, 43237, 44919, 46167, 47136, 47915, 48696, 49668, 50925, 52614, 33679, 33006, 32470,
        32710, 38696, 39393, 39783, 39988, 40155, 40894, 41060, 41268, 41662, 42368, 8162, 8178, 8188, 8193, 6516, 7244,
        8205, 9164, 9884, 2216, 3887, 4921, 5829, 4802, 3641, 10456, 11354, 12384, 14067, 12654, 11493, 5523, 6026,
        7496, 8216, 8936, 10396, 10796, 9556, 8837, 8237, 7637, 6916, 5910, 7385, 8224, 9065, 10538, 8830, 8230, 7630,
    ]
) - 1  # fmt: skip
"""The iBUG-68 vertices, 0-based, in the 53 215-vertex numbering (inner mouth removed)."""


def bfm_2009(folder: Path, *, identity_size: int = 80, albedo_size: int = 80) -> MorphableModel:
    """The Basel Face Model 2009 with 53 215 vertices and the expressions of Guo et al.

    Two sets of files are understood. The original: `01_MorphableModel.mat` (53 490 vertices, micrometres,
    colours 0..255, shapeEV are standard deviations) with `Exp_Pca.bin`, `std_exp.txt` and the index
    `BFM_exp_idx.mat` (trimIndex, 1-based, 53 215 of 53 490). Or the split of 3DDFA: `Model_Shape.mat`
    (mu_shape, w, sigma, tri, keypoints, optionally tex) with `Model_Expression.mat` or `Model_Exp.mat` (mu_exp,
    w_exp and sigma_exp, the last optionally in `sigma_exp.mat`); there the expression mean is added to the
    mean, as in Chen et al. 2020. Texture coordinates: the cylinder of that paper.

    Raises:
        FileNotFoundError: names the missing file and where to register.
        ValueError: for a damaged file, or files that do not fit together.
    """
    original = (folder / "01_MorphableModel.mat").is_file()
    if not original and any((folder / name).is_file() for name in ("Model_Shape.mat", *SPLIT_EXPRESSIONS)):
        return _split(folder, identity_size)
    paths = [
        require_file(folder / "01_MorphableModel.mat", "the Basel Face Model 2009", REGISTER_2009),
        require_file(folder / "Exp_Pca.bin", "its expression basis", EXPRESSIONS),
        require_file(folder / "std_exp.txt", "the standard deviations of its expressions", EXPRESSIONS),
        require_file(folder / "BFM_exp_idx.mat", "the index from the model to its expressions", EXPRESSIONS),
    ]
    model = numeric_arrays(paths[0], "shapeMU", "shapePC", "shapeEV", "texMU", "texPC", "texEV", "tl")
    trim = numeric_arrays(paths[3], "trimIndex")["trimIndex"].ravel().astype(np.int64) - 1
    count = model["shapeMU"].size // 3
    if trim.min() < 0 or trim.max() >= count:
        raise ValueError(
            f"{paths[3]} refers to vertices beyond the {count} of {paths[0].name}; use files of one version."
        )
    expression_mm = MM_PER_MICROMETRE * _expressions(paths[1], paths[2], len(trim))

    identity = interleaved(model["shapePC"][:, :identity_size] * model["shapeEV"].ravel()[:identity_size], "shapePC")
    albedo = interleaved(model["texPC"][:, :albedo_size] * model["texEV"].ravel()[:albedo_size], "texPC")
    landmark_faces, landmark_barycentrics = landmark_vertices(_landmarks_within(len(trim), paths[3]))
    arrays = FileArrays(
        mean_mm=MM_PER_MICROMETRE * interleaved(model["shapeMU"].ravel(), "shapeMU")[trim],
        identity_mm=MM_PER_MICROMETRE * identity[:, trim],
        expression_mm=expression_mm,
        faces=_kept_faces(model["tl"].astype(np.int64) - 1, trim, count),
        landmark_faces=landmark_faces,
        landmark_barycentrics=landmark_barycentrics,
        albedo_mean=interleaved(model["texMU"].ravel(), "texMU")[trim] / 255.0,
        albedo_basis=albedo[:, trim] / 255.0,
    )
    return assemble(arrays, "bfm_2009", file_hash(*paths), licensed=True, files=paths)


def bfm_2009_front(path: Path) -> MorphableModel:
    """`BFM_model_front.mat`: 35 709 vertices, decimetres, 1-based, bases already multiplied by the standard
    deviations.

    Keys: meanshape, idBase (3v x 80), exBase (3v x 64), meantex (0..255), texBase, tri, keypoints.

    Raises:
        FileNotFoundError: when the file is missing; says how to make it.
        ValueError: for a damaged file.
    """
    require_file(path, "the front of the Basel Face Model 2009", FRONT)
    model = numeric_arrays(path, "meanshape", "idBase", "exBase", "meantex", "texBase", "tri", "keypoints")
    landmark_faces, landmark_barycentrics = landmark_vertices(_sixty_eight(model["keypoints"], path))
    arrays = FileArrays(
        mean_mm=MM_PER_DECIMETRE * interleaved(model["meanshape"].ravel(), "meanshape"),
        identity_mm=MM_PER_DECIMETRE * interleaved(model["idBase"], "idBase"),
        expression_mm=MM_PER_DECIMETRE * interleaved(model["exBase"], "exBase"),
        faces=model["tri"].astype(np.int64) - 1,
        landmark_faces=landmark_faces,
        landmark_barycentrics=landmark_barycentrics,
        albedo_mean=interleaved(model["meantex"].ravel(), "meantex") / 255.0,
        albedo_basis=interleaved(model["texBase"], "texBase") / 255.0,
    )
    return assemble(arrays, "bfm_2009_front", file_hash(path), licensed=True, files=[path])


def _split(folder: Path, identity_size: int) -> MorphableModel:
    shape_path = require_file(folder / "Model_Shape.mat", "the shape basis of the split", SPLIT)
    names = SPLIT_EXPRESSIONS
    found = [folder / name for name in names if (folder / name).is_file()]
    expression_path = found[0] if found else require_file(folder / names[0], "the expression basis of the split", SPLIT)
    shape = numeric_arrays(shape_path, "mu_shape", "w", "sigma", "tri", "keypoints", optional=("tex",))
    expression = numeric_arrays(expression_path, "mu_exp", "w_exp", optional=("sigma_exp",))
    paths = [shape_path, expression_path]
    if "sigma_exp" not in expression:
        paths.append(require_file(folder / "sigma_exp.mat", "the standard deviations of the expressions", SPLIT))
        expression |= numeric_arrays(paths[-1], "sigma_exp")

    mean = interleaved(shape["mu_shape"].ravel() + expression["mu_exp"].ravel(), "mu_shape")
    # 3 x f as the files have it, or f x 3
    tri = shape["tri"].astype(np.int64)
    landmark_faces, landmark_barycentrics = landmark_vertices(_sixty_eight(shape["keypoints"], shape_path))
    colours = shape["tex"].astype(np.float64) if "tex" in shape else None
    if colours is not None:
        colours = (colours.T if colours.shape[0] == 3 else colours.reshape(-1, 3)) / 255.0
    arrays = FileArrays(
        mean_mm=MM_PER_MICROMETRE * mean,
        identity_mm=MM_PER_MICROMETRE
        * interleaved(shape["w"][:, :identity_size] * shape["sigma"].ravel()[:identity_size], "w"),
        expression_mm=MM_PER_MICROMETRE * interleaved(expression["w_exp"] * expression["sigma_exp"].ravel(), "w_exp"),
        faces=(tri.T if tri.shape[0] == 3 and tri.shape[1] != 3 else tri) - 1,
        landmark_faces=landmark_faces,
        landmark_barycentrics=landmark_barycentrics,
        albedo_mean=colours,
        albedo_basis=None if colours is None else np.zeros((0, len(colours), 3)),
    )
    return assemble(arrays, "bfm_2009[split]", file_hash(*paths), licensed=True, files=paths)


def _expressions(path: Path, deviations_path: Path, count: int) -> ndarray:
    """[k v 3] of Exp_Pca.bin: int32 k, float32 mean [3v] (unused: the neutral face is the mean), float32 [k 3v]."""
    content = path.read_bytes()
    size = int(np.frombuffer(content[:4], dtype="<i4")[0]) if len(content) >= 4 else 0
    expected = 4 + 4 * 3 * count * (1 + size)
    if size < 1 or len(content) != expected:
        raise ValueError(
            f"{path} has {len(content)} bytes but {size} modes of {count} vertices need {expected}; fetch it again."
        )
    components = np.frombuffer(content[4:], dtype="<f4").reshape(1 + size, count, 3)[1:].astype(np.float64)
    try:
        deviations = np.loadtxt(deviations_path, dtype=np.float64).ravel()
    except ValueError as error:
        raise ValueError(f"{deviations_path} holds something that is no number; fetch it again.") from error
    if len(deviations) != size:
        raise ValueError(f"{deviations_path} holds {len(deviations)} numbers but {path.name} has {size} modes.")
    return components * deviations[:, None, None]


def _kept_faces(faces: ndarray, trim: ndarray, count: int) -> ndarray:
    """Triangles all of whose corners survive, in the new numbering."""
    renumbered = np.full(count, -1)
    renumbered[trim] = np.arange(len(trim))
    faces = renumbered[faces]
    return faces[(faces >= 0).all(1)]


def _landmarks_within(count: int, path: Path) -> ndarray:
    if count <= LANDMARKS_OF_53215.max():
        raise ValueError(f"{path} keeps {count} vertices; the 53 215-vertex index was expected.")
    return LANDMARKS_OF_53215


def _sixty_eight(keypoints: ndarray, path: Path) -> ndarray:
    ids = keypoints.ravel().astype(np.int64) - 1
    if len(ids) != 68:
        raise ValueError(f"{path} lists {len(ids)} keypoints; 68 were expected.")
    return ids
