"""A server in this process, and visitors that speak HTTP with it as browsers do."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from experiments.demo.application import application
from experiments.demo.service import Service
from experiments.demo.serving import LOOPBACK_NAMES, listen

PATIENCE = 900.0
"""Seconds; the machine may be busy."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def values(self) -> dict[str, Any]:
        return json.loads(self.content)


class Browser:
    """One visitor with a cookie."""

    def __init__(self, port: int, **headers: str) -> None:
        self.port, self.headers = port, headers

    def ask(self, method: str, address: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, address, body, {**self.headers, **headers})
            answer = connection.getresponse()
            found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()
        if "set-cookie" in found.headers:
            self.headers["Cookie"] = found.headers["set-cookie"].split(";")[0]
        return found

    def open(self) -> "Browser":
        assert self.ask("GET", "/").status == 200
        return self

    def reconstruct(self, picture: bytes | None = None, **words: object) -> Answer:
        query = "&".join(f"{name}={value}" for name, value in words.items())
        return self.ask("POST", f"/jobs?{query}", picture)

    def look(self, key: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/jobs/{key}")
        assert answer.status == 200, answer
        return answer.values

    def finished(self, key: str) -> dict[str, Any]:
        return self.wait(key, "done", "failed", "cancelled")

    def wait(self, key: str, *states: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while (job := self.look(key))["state"] not in states:
            assert time.monotonic() < deadline, job
            time.sleep(0.02)
        return job


@contextmanager
def serving(service: Service, password: str | None = None) -> Iterator[int]:
    """The port of a server that runs until the block ends."""
    import uvicorn

    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        application(service, password, LOOPBACK_NAMES), log_level="error", access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        service.close()
