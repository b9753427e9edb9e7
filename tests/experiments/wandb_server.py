"""A stand-in on loopback for as much of wandb's server as its real client asks for here: sweeps with their agents, runs
with history and files, artifacts, and runs read back by the public API.

Written for the client 0.31; what it asks beyond that is kept in `unknown`.
"""

import base64
import gzip
import json
import random
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

KEY = "a" * 40
ENTITY, PROJECT = "me", "threefold"
SWEEP = "sweep001"


class WandbServer:
    """Use it as a context; `environment` leads the client to it.

    Args:
        trials: how many an agent is given.
    """

    def __init__(self, trials: int = 2) -> None:
        self.trials = trials
        self.sweep: str | None = None
        self.given: list[dict[str, Any]] = []
        self.states: dict[str, Any] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.artifacts: list[dict[str, Any]] = []
        self.unknown: list[str] = []
        self.random = random.Random(0)
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None: ...

            def answer(self, content: Any) -> None:
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def body(self) -> bytes:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

            def do_GET(self) -> None:
                self.answer(server.files.get(self.path.removeprefix("/files/"), b"{}"))

            def do_PUT(self) -> None:
                server.files[self.path.removeprefix("/files/")] = self.body()
                self.answer({})

            def do_POST(self) -> None:
                content = self.body()
                with server.lock:
                    if self.path.endswith("file_stream"):
                        self.answer(server.streamed(self.path.split("/")[-2], json.loads(content)))
                    elif self.path.endswith("graphql"):
                        asked = json.loads(content)
                        self.answer(server.graphql(asked["query"], asked.get("variables") or {}))
                    else:
                        self.answer({})  # what the client reports of itself

        class Loopback(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that ends without a word is no error."""

        self.http = Loopback(("127.0.0.1", 0), Handler)

    def __enter__(self) -> "WandbServer":
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY, "WANDB_ENTITY": ENTITY, "WANDB_SILENT": "false"}

    # ------------------------------------------------------------------------------------------------ what is asked

    def streamed(self, run: str, asked: dict[str, Any]) -> dict[str, Any]:
        """History and summary of a run, as they come."""
        known = self.run(run)
        for name, part in (asked.get("files") or {}).items():
            lines = [
                json.loads(line) if name.endswith(".jsonl") or name.endswith(".json") else line
                for line in part["content"]
            ]
            known["streams"].setdefault(name, []).extend(lines)
        known["finished"] = known["finished"] or bool(asked.get("complete"))
        return {"exitcode": None, "limits": {}}

    def graphql(self, query: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Answers by the name of the field that is asked for; what is not known is an error, as a server's."""
        for field, answer in self.answers().items():
            if re.search(rf"\b{field}\s*[({{]", query):
                return {"data": answer(asked, query)}
        self.unknown.append(" ".join(query.split())[:400] + json.dumps(asked)[:300])
        return {"data": None, "errors": [{"message": "not in the stand-in"}]}

    def answers(self) -> dict[str, Any]:
        return {
            "upsertSweep": self.upsert_sweep,
            "createAgent": lambda *_: {"createAgent": {"agent": {"id": "agent1"}}},
            "agentHeartbeat": self.heartbeat,
            "createArtifact": self.create_artifact,
            "createArtifactManifest": self.create_manifest,
            "updateArtifactManifest": self.create_manifest,
            "createArtifactFiles": self.artifact_files,
            "commitArtifact": lambda asked, _: {
                "commitArtifact": {"artifact": {"id": asked.get("artifactID"), "digest": "d"}}
            },
            "useArtifact": lambda *_: {"useArtifact": {"artifact": None}},
            "upsertBucket": self.upsert_run,
            "createRunFiles": self.run_files,
            "sweep": self.sweep_with_runs,
            "bucket": self.stored_run,
            "run": self.stored_run,
            "viewer": self.viewer,
            "serverInfo": self.viewer,
        }

    def run(self, name: str) -> dict[str, Any]:
        empty = {"config": {}, "summary": {}, "streams": {}, "finished": False}
        return self.runs.setdefault(name, empty)

    def viewer(self, *_: Any) -> dict[str, Any]:
        person = {
            "id": "V",
            "entity": ENTITY,
            "username": ENTITY,
            "name": ENTITY,
            "email": "me@localhost",
            "flags": "{}",
        }
        lists = {"teams": {"edges": []}, "apiKeys": {"edges": []}, "admin": False}
        return {"viewer": {**person, **lists}, "serverInfo": {"cliVersionInfo": {}, "features": []}}

    def project(self) -> dict[str, Any]:
        return {"id": "P", "name": PROJECT, "entity": {"id": "E", "name": ENTITY}}

    def described_sweep(self) -> dict[str, Any]:
        method = yaml.safe_load(self.sweep or "{}").get("method")
        times = {"createdAt": "2026-01-01T00:00:00", "heartbeatAt": None, "updatedAt": None}
        rest = {"earlyStopJobRunning": False, "bestLoss": None, "controller": None, "scheduler": None}
        own = {"id": "U3dlZXA=", "name": SWEEP, "method": method, "state": "RUNNING", "description": ""}
        return {**own, **times, **rest, "config": self.sweep, "runs": {"edges": []}, "project": self.project()}

    def upsert_sweep(self, asked: dict[str, Any], _: str) -> dict[str, Any]:
        self.sweep = asked.get("config") or self.sweep
        return {"upsertSweep": {"sweep": self.described_sweep(), "configValidationWarnings": []}}

    def sweep_with_runs(self, *_: Any) -> dict[str, Any]:
        return {"project": {"sweep": self.described_sweep()}}

    def heartbeat(self, asked: dict[str, Any], _: str) -> dict[str, Any]:
        """One trial at a time, in the alphabetical order of the parameters turned round: the worst that could come."""
        self.states.update(json.loads(asked.get("runState") or "{}"))
        commands = []
        if not any(state in (True, "running") for state in json.loads(asked.get("runState") or "{}").values()):
            if len(self.given) >= self.trials:
                commands = [{"type": "exit"}]
            else:
                config = yaml.safe_load(self.sweep or "{}")
                drawn = {name: {"value": self.draw(each)} for name, each in sorted(config["parameters"].items())[::-1]}
                commands = [
                    {
                        "type": "run",
                        "run_id": f"trial{len(self.given):03d}",
                        "program": config["program"],
                        "args": drawn,
                    }
                ]
                self.given += commands
        return {"agentHeartbeat": {"agent": {"id": "agent1"}, "commands": json.dumps(commands)}}

    def draw(self, parameter: dict[str, Any]) -> Any:
        if "value" in parameter:
            return parameter["value"]
        return self.random.choice(parameter["values"])

    def upsert_run(self, asked: dict[str, Any], _: str) -> dict[str, Any]:
        name = asked.get("name") or "run"
        known = self.run(name)
        known["config"].update(json.loads(asked.get("config") or "{}"))
        known["summary"].update(json.loads(asked.get("summaryMetrics") or "{}"))
        known.setdefault("asked", []).append(asked)
        return {"upsertBucket": {"bucket": self.bucket(name), "inserted": True}}

    def bucket(self, name: str) -> dict[str, Any]:
        known = self.run(name)
        times = {"createdAt": "2026-01-01T00:00:00", "heartbeatAt": "2026-01-01T00:00:00"}
        config = {key: value for key, value in known["config"].items() if key != "_wandb"}
        texts = {"config": json.dumps(config), "summaryMetrics": json.dumps(self.summary(name)), "systemMetrics": "{}"}
        own = {"id": base64.b64encode(name.encode()).decode(), "name": name, "displayName": name, "description": ""}
        counts = {"historyLineCount": len(self.history(name)), "eventsLineCount": 0, "logLineCount": 0}
        rest = {"sweepName": None, "group": None, "jobType": None, "commit": None, "readOnly": False, "tags": []}
        rest["history"] = [json.dumps(row) for row in self.history(name)]
        last = {"state": "finished", "user": {"name": ENTITY, "username": ENTITY}, "historyKeys": None, "notes": ""}
        return {**own, **times, **texts, **counts, **rest, **last, "project": self.project(), "projectId": "1"}

    def stored_run(self, asked: dict[str, Any], query: str) -> dict[str, Any]:
        name = asked.get("name") or asked.get("run") or ""
        found = self.bucket(name) if name in self.runs else None
        return {"project": {**self.project(), "run": found, "bucket": found}, "model": {"bucket": found}}

    def history(self, name: str) -> list[dict[str, Any]]:
        return self.run(name)["streams"].get("wandb-history.jsonl", [])

    def summary(self, name: str) -> dict[str, Any]:
        """The last one that came, as part of the stream or as a file."""
        streamed = self.run(name)["streams"].get("wandb-summary.json", [])
        stored = json.loads(self.files.get(f"{name}/wandb-summary.json", b"{}"))
        return {**self.run(name)["summary"], **stored, **(streamed[-1] if streamed else {})}

    def run_files(self, asked: dict[str, Any], _: str) -> dict[str, Any]:
        run = asked.get("run") or asked.get("name") or "run"
        files = [{"name": name, "uploadUrl": f"{self.url}/files/{run}/{name}"} for name in asked["files"]]
        return {"createRunFiles": {"runID": "UnVu", "uploadHeaders": [], "files": files}}

    def create_artifact(self, asked: dict[str, Any], _: str) -> dict[str, Any]:
        given = asked.get("input") or asked
        self.artifacts.append(given)
        sequence = {"id": "S", "latestArtifact": None}
        made = {"id": f"artifact{len(self.artifacts)}", "digest": given.get("digest"), "state": "PENDING"}
        return {"createArtifact": {"artifact": {**made, "artifactSequence": sequence, "aliases": []}}}

    def create_manifest(self, asked: dict[str, Any], query: str) -> dict[str, Any]:
        field = "updateArtifactManifest" if "updateArtifactManifest" in query else "createArtifactManifest"
        file = {"id": "F", "name": "manifest", "displayName": "manifest", "uploadHeaders": []}
        file["uploadUrl"] = f"{self.url}/files/manifest/{len(self.files)}"
        return {field: {"artifactManifest": {"id": "M", "file": file}}}

    def artifact_files(self, asked: dict[str, Any], _: str) -> dict[str, Any]:
        specs = asked.get("artifactFileSpecs") or asked.get("input", {}).get("artifactFiles") or []
        edges = []
        for spec in specs:
            place = f"artifact/{spec['artifactID']}/{spec['name']}"
            node = {
                "id": place,
                "name": spec["name"],
                "displayName": spec["name"],
                "uploadHeaders": [],
                "storagePath": place,
            }
            node |= {
                "uploadUrl": f"{self.url}/files/{place}",
                "uploadMultipartUrls": None,
                "artifact": {"id": spec["artifactID"]},
            }
            edges.append({"node": node})
        return {"createArtifactFiles": {"files": {"edges": edges}}}
