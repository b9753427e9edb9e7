"""The conversions of raw downloads, each on a small download in its layout, and the reading of what they wrote."""

import functools
import pickle
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.io import savemat

from datamodules.articulated import ArticulatedLayout
from datamodules.atr import atr_layout
from datamodules.cape import CapeLayout
from datamodules.clothing_dataset import ClothingDataset
from datamodules.clothing_pictures import Framing
from datamodules.cub import cub_layout
from datamodules.face_folder import FaceFolder
from datamodules.market_hq import market_hq_layout
from datamodules.preparation.aflw2000 import prepare_aflw2000
from datamodules.preparation.articulated import prepare_articulated
from datamodules.preparation.atr import prepare_atr
from datamodules.preparation.cape import prepare_cape
from datamodules.preparation.celeba import prepare_celeba
from datamodules.preparation.cub import prepare_cub
from datamodules.preparation.market_hq import prepare_market_hq
from datamodules.preparation.neutral_layout import Prepared
from datamodules.preparation.renderpeople import prepare_renderpeople
from datamodules.preparation.thuman import prepare_thuman
from datamodules.preparation.w300lp import prepare_300w_lp
from datamodules.renderpeople import PifuLayout
from datamodules.synthetic.bodies import synthesize_bodies
from datamodules.synthetic.garments import synthesize_garments
from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import human_mesh
from experiments.benchmarks.corruption_loader import Loader, Told
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh

SIDE = 72


def prepared(prepare: Callable[..., Prepared], read: Callable[[Path], Any], folder: Path) -> Told:
    """Converts a download into a new folder beside it and reads that."""
    out = folder.with_name("prepared")
    shutil.rmtree(out, ignore_errors=True)
    try:
        done = prepare(folder, out)
        if done.left_out:
            return Told(done.pictures, done.left_out)
        return Told((done.pictures, read(out)), ())
    finally:
        shutil.rmtree(out, ignore_errors=True)


def read_faces(out: Path) -> Any:
    faces = FaceFolder(out, image_size=32)
    poses = {path.name: path.read_text() for path in sorted((out / "poses").glob("*.json"))}
    split = out / "split.txt"
    return (
        [record.name for record in faces.records],
        [faces[k] for k in range(len(faces))],
        poses,
        split.read_text() if split.is_file() else "",
    )


def read_clothing(open_layout: Callable[[Path], Any], size: tuple[int, int], out: Path) -> Any:
    layout = open_layout(out)
    layout.require_sound()
    photos = ClothingDataset(layout, range(len(layout.records)), layout.coverage(), Framing(*size, layout.squared))
    return [(record.name, record.part) for record in layout.records], [photos[k] for k in range(len(photos))]


def read_bodies(layout_class: Any, pictures: bool, out: Path) -> Any:
    layout = layout_class(out)
    seen = [layout.view(record, view, 48) for record in layout.records for view in record.views] if pictures else []
    return [record.name for record in layout.records], [layout.mesh(record) for record in layout.records], seen


def photograph(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed)).save(path, quality=90)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)


def points(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(15, 57, (68, 2))


POSE = np.array([[0.1, -0.4, 0.05, 40.0, 36.0, -60.0, 4e-4]])


def make_300w_lp(root: Path) -> None:
    for k, name in enumerate(("AFW_1_0", "AFW_2_0", "AFW_3_0")):
        photograph(root / "AFW" / f"{name}.jpg", k)
        entries = {"Pose_Para": POSE, "pt2d": points(k).T + 1, "Shape_Para": np.zeros((199, 1))}
        savemat(root / "AFW" / f"{name}.mat", entries, do_compression=k == 1)
        (root / "landmarks" / "AFW").mkdir(parents=True, exist_ok=True)
        savemat(root / "landmarks" / "AFW" / f"{name}_pts.mat", {"pts_2d": points(k), "pts_3d": points(k) + 2})


def make_aflw2000(root: Path) -> None:
    for k in range(3):
        photograph(root / f"image{k:05d}.jpg", k)
        deep = np.concatenate([points(k).T, np.zeros((1, 68))])
        savemat(root / f"image{k:05d}.mat", {"Pose_Para": POSE, "pt3d_68": deep}, do_compression=k == 1)


def make_celeba_hq(root: Path) -> None:
    for number in range(3):
        photograph(root / "CelebA-HQ-img" / f"{number}.jpg", number)
        folder = root / "CelebAMask-HQ-mask-anno" / "0"
        folder.mkdir(parents=True, exist_ok=True)
        for part, box in {"skin": (6, 4, 26, 28), "l_brow": (8, 9, 14, 11), "hair": (4, 0, 28, 6)}.items():
            mask = Image.new("RGB", (32, 32))
            ImageDraw.Draw(mask).rectangle(box, fill=(255, 255, 255))
            mask.save(folder / f"{number:05d}_{part}.png")
    rows = "".join(f"{k} {k + 10} {k + 11:06d}.jpg\n" for k in range(3))
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("idx orig_idx orig_file\n" + rows)
    (root / "list_eval_partition.txt").write_text("".join(f"{k + 11:06d}.jpg {k}\n" for k in range(3)))


def make_celeba(root: Path) -> None:
    rows = []
    for number in range(3):
        photograph(root / "Img" / "img_celeba" / f"{number:06d}.jpg", number)
        five = [(26, 28), (46, 28), (36, 38), (28, 48), (44, 48)]
        rows.append(f"{number:06d}.jpg " + " ".join(f"{x + number} {y}" for x, y in five) + "\n")
    (root / "Anno").mkdir()
    names = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    (root / "Anno" / "list_landmarks_celeba.txt").write_text(f"{len(rows)}\n{names}\n" + "".join(rows))
    (root / "Eval").mkdir()
    (root / "Eval" / "list_eval_partition.txt").write_text("".join(f"{k:06d}.jpg {k}\n" for k in range(3)))


def make_official_cub(root: Path) -> None:
    base = root / "CUB_200_2011"
    rows: dict[str, list[str]] = {"images": [], "bounding_boxes": [], "train_test_split": []}
    for number in range(1, 5):
        name = f"001.Finch/Finch_{number:04d}"
        photograph(base / "images" / f"{name}.jpg", number)
        mask = bird_mask()
        (root / "segmentations" / "001.Finch").mkdir(parents=True, exist_ok=True)
        mask.save(root / "segmentations" / f"{name}.png")
        rows["images"].append(f"{number} {name}.jpg\n")
        rows["bounding_boxes"].append(f"{number} 18.0 14.0 36.0 44.0\n")
        rows["train_test_split"].append(f"{number} {number % 2}\n")
    for name, lines in rows.items():
        (base / f"{name}.txt").write_text("".join(lines))


def bird_mask() -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).rectangle((18, 14, 53, 57), fill=255)
    ImageDraw.Draw(mask).rectangle((18, 14, 22, 57), fill=153)  # three of five annotators
    return mask


def make_cmr_caches(root: Path) -> None:
    base = root / "CUB_200_2011"
    for split, numbers in {"train": (1, 2), "testval": (3, 4)}.items():
        birds = []
        for number in numbers:
            path = f"001.Finch/Finch_{number:04d}.jpg"
            photograph(base / "images" / path, number)
            box = {"x1": 19.0, "y1": 15.0, "x2": 54.0, "y2": 58.0}
            birds.append({"rel_path": path, "mask": (np.asarray(bird_mask()) > 0).astype(np.uint8), "bbox": box})
        struct = np.array([tuple(bird.values()) for bird in birds], dtype=[(name, object) for name in birds[0]])
        (root / "caches").mkdir(exist_ok=True)
        savemat(root / "caches" / f"{split}_cub_cleaned.mat", {"images": struct})


def make_garments(layout: Any, root: Path) -> None:
    synthesize_garments(root, number=6, layout=layout, height=32, views=2, held_out=0.34)
    for folder in (*root.glob("**/TRUTH"), *root.glob("**/Seg")):
        shutil.rmtree(folder)
    for file in (*root.glob("**/subjects.csv"), root / "dataset.json"):
        file.unlink()


def make_scans(thuman: bool, root: Path) -> None:
    """Three people in metres whose texture coordinates are where they stand; THuman's with material and posture."""
    for seed in range(3):
        body = human_mesh(HumanField(draw_human(seed)), 40)
        name = f"{seed:04d}" if thuman else f"rp_{seed}"
        uv = (body.vertices[:, :2] + 95) / 190
        texture = torch.from_numpy(noise(seed)).permute(2, 0, 1).float() / 255
        mesh = Mesh(body.vertices / 100, body.faces, uv, body.faces, texture if thuman else None)
        write_mesh(mesh, root / name / (f"{name}.obj" if thuman else f"{name}_100k.obj"))
        if thuman:
            with (root / name / "smplx_param.pkl").open("wb") as file:
                pickle.dump({"global_orient": np.array([[0.0, 0.3 * seed, 0.0]])}, file)
        else:
            photograph(root / name / "tex" / f"{name}_dif_2k.jpg", seed)


def packed(make: Callable[[Path], None], root: Path) -> None:
    """Each folder of a data set as one compressed archive."""
    make(root)
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        with tarfile.open(root / f"part_{folder.name}.tar.gz", "w:gz") as archive:
            archive.add(folder, folder.name)
        shutil.rmtree(folder)


def make_cape_archives(root: Path) -> None:
    synthesize_bodies(root, number=2, layout="cape", frames=5)
    for file in (root / "dataset.json", root / "misc" / "subj_genders.pkl"):
        file.unlink()
    for folder in (root / "truth", root / "minimal_body_shape"):
        shutil.rmtree(folder)


def make_articulated_archives(root: Path) -> None:
    synthesize_bodies(root, number=3, size=48, layout="articulated", frames=1, mesh_resolution=64, oddities=False)
    (root / "dataset.json").unlink()
    for folder in root.glob("*/truth"):
        shutil.rmtree(folder)


def names_of_pair(path: Path) -> list[str]:
    """What a picture and its mask have in common; the mask's name may end in a ratio."""
    return [path.stem.split("_0.")[0]]


SIZES = {"market-hq": (32, 16), "atr": (32, 19), "cub": (32, 32)}
scans = functools.partial(read_bodies, PifuLayout, True)

DOWNLOADS = (
    Loader("prepare 300w-lp", make_300w_lp, functools.partial(prepared, prepare_300w_lp, read_faces)),
    Loader("prepare aflw2000", make_aflw2000, functools.partial(prepared, prepare_aflw2000, read_faces)),
    Loader(
        "prepare celeba-hq",
        make_celeba_hq,
        functools.partial(prepared, prepare_celeba, read_faces),
        optional=("list_eval_partition.txt", "*_l_brow.png", "*_hair.png"),
    ),
    Loader(
        "prepare celeba",
        make_celeba,
        functools.partial(prepared, prepare_celeba, read_faces),
        optional=("*list_eval_partition.txt",),
    ),
    Loader(
        "prepare cub",
        make_official_cub,
        functools.partial(prepared, prepare_cub, functools.partial(read_clothing, cub_layout, SIZES["cub"])),
    ),
    Loader(
        "prepare cub, caches",
        make_cmr_caches,
        lambda root: prepared(
            functools.partial(prepare_cub, caches=root / "caches"),
            functools.partial(read_clothing, cub_layout, SIZES["cub"]),
            root,
        ),
    ),
    Loader(
        "prepare market-hq",
        functools.partial(make_garments, "market-hq"),
        functools.partial(
            prepared, prepare_market_hq, functools.partial(read_clothing, market_hq_layout, SIZES["market-hq"])
        ),
        optional=("*foreground.csv",),
        named_by=names_of_pair,
    ),
    Loader(
        "prepare atr",
        functools.partial(make_garments, "atr"),
        functools.partial(prepared, prepare_atr, functools.partial(read_clothing, atr_layout, SIZES["atr"])),
        optional=("ATR_*.txt",),
        named_by=names_of_pair,
    ),
    Loader(
        "prepare renderpeople",
        functools.partial(make_scans, False),
        functools.partial(prepared, functools.partial(prepare_renderpeople, size=48, yaws=2), scans),
        named_by=lambda path: [f"/{path.parent.name}/"],
    ),
    Loader(
        "prepare thuman",
        functools.partial(make_scans, True),
        functools.partial(prepared, functools.partial(prepare_thuman, size=48, yaws=2), scans),
        optional=("*.pkl",),
    ),
    Loader(
        "prepare cape",
        functools.partial(packed, make_cape_archives),
        functools.partial(prepared, prepare_cape, functools.partial(read_bodies, CapeLayout, False)),
        named_by=lambda path: [f"/{path.name.removeprefix('part_').partition('.')[0]}/", "<subject>/<cloth>_<motion>"],
    ),
    Loader(
        "prepare articulated",
        functools.partial(packed, make_articulated_archives),
        functools.partial(prepared, prepare_articulated, functools.partial(read_bodies, ArticulatedLayout, True)),
        optional=("*",),
    ),
)
