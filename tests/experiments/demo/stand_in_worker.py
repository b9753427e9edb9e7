"""Answers as the working process does, without networks: what is tested is the line before it. The method says how."""

import json
import os
import sys
import time
from pathlib import Path

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


def work(job: dict) -> None:
    folder, method = Path(job["folder"]), job["method"]
    if job["options"].get("person") == 20 or method == "slow":
        say(share=0.1, doing="sleeping")
        (folder / "pid").write_text(str(os.getpid()))
        time.sleep(600)
    if method == "greedy":
        hoard = bytearray(os.urandom(1024) * 1024 * 300)
        time.sleep(600)
        del hoard
    if method == "dies":
        os._exit(3)
    if method == "leaves":
        say(refused="too much", leaving=True)
        sys.exit()
    if method == "lies":
        say(file="../../secret.png", role="picture", label="no")
        say(file="settings.json", role="picture", label="no")
    (folder / "overlay.png").write_bytes(PICTURE)
    say(file="overlay.png", role="picture", label="Overlay")
    slider = {"name": "yaw", "label": "Turn", "least": -60, "greatest": 60, "step": 1, "value": 0, "unit": ""}
    say(sliders=[slider], wear=True)
    say(note=f"{method} {json.dumps(job['changes'])}")
    say(done=True)


if __name__ == "__main__":
    sys.stdin.readline()
    say(ready=True)
    for line in sys.stdin:
        work(json.loads(line))
