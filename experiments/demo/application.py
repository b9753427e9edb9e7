"""The page's addresses. Nothing in a request names a file: keys are looked up, and files are those of a result."""

import secrets
from collections.abc import Collection
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from experiments.demo.guard import Guard
from experiments.demo.incoming import changes_of, options_of, receive_json, receive_upload
from experiments.demo.jobs import Job
from experiments.demo.private_folder import delete
from experiments.demo.service import Service
from experiments.demo.uploads import refuse_unless_picture
from experiments.demo.visitors import Visitor
from experiments.errors import UserError, one_line
from experiments.three_js import three_js

PAGE = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class UnknownError(UserError):
    """A visitor, a result or a file that is not there, or not there any more."""


class Application:
    """Answers requests; all that is kept is in the service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.cookie = f"threefold-{secrets.token_hex(4)}"  # other servers of this computer have their own
        self.uploads = anyio.CapacityLimiter(service.limits.uploads_at_once)
        self.assets = {path.name: (path.read_bytes(), TYPES[path.suffix]) for path in PAGE.iterdir()}
        self.assets["three.js"] = (three_js().encode(), TYPES[".js"])

    async def page(self, request: Request) -> Response:
        visitor = self.service.visitors.greet(request.cookies.get(self.cookie))
        content, kind = self.assets["index.html"]
        answer = Response(content, media_type=kind)
        answer.set_cookie(self.cookie, visitor.key, httponly=True, samesite="strict", path="/")
        return answer

    async def asset(self, request: Request) -> Response:
        found = self.assets.get(request.path_params["name"])
        if found is None:
            raise UnknownError("there is no such page")
        return Response(found[0], media_type=found[1])

    async def example(self, request: Request) -> Response:
        return FileResponse(self._example(request.path_params["name"]))

    async def state(self, request: Request) -> Response:
        return JSONResponse(self.service.state(self._visitor(request)))

    async def reconstruct(self, request: Request) -> Response:
        visitor, words = self._visitor(request), request.query_params
        method, options = self.service.method(words.get("method")), options_of(words)
        job = self.service.new_job(method, options=options)
        job.upload = job.folder / "upload"
        try:
            if "example" in words:
                content = self._example(words["example"]).read_bytes()
                job.upload.write_bytes(content)
            else:
                async with self.uploads:
                    await receive_upload(request, job.upload, self.service.limits)
                await anyio.to_thread.run_sync(refuse_unless_picture, job.upload, self.service.limits)
            self.service.visitors.ask(visitor, job)
        except BaseException:
            delete(job.folder)
            raise
        return JSONResponse(self.service.view(job), status_code=201)

    async def change(self, request: Request) -> Response:
        visitor = self._visitor(request)
        base = self._job(visitor, request.path_params["key"])
        values = await receive_json(request)
        if base.state != "done" or base.base is not None:
            raise UserError("only a finished result can be changed; wait for it")
        changes, worn = changes_of(values.get("changes", {}), base), None
        if values.get("worn") is not None:
            worn = self._job(visitor, str(values["worn"]))
            if not (base.wear and worn.wear and worn.state == "done"):
                raise UserError("only finished results of clothing can wear each other's texture")
        job = self.service.new_job(base.method, base=base, worn=worn, changes=changes)
        try:
            self.service.visitors.ask(visitor, job)
        except UserError:
            delete(job.folder)
            raise
        return JSONResponse(self.service.view(job), status_code=201)

    async def look(self, request: Request) -> Response:
        return JSONResponse(self.service.view(self._job(self._visitor(request), request.path_params["key"])))

    async def cancel(self, request: Request) -> Response:
        """Ends it if it is not finished, and deletes it if it is."""
        visitor = self._visitor(request)
        job = self._job(visitor, request.path_params["key"])
        if job.finished:
            self.service.visitors.drop(visitor, job)
        else:
            self.service.line.cancel(job)
        return JSONResponse(self.service.view(job))

    async def file(self, request: Request) -> Response:
        job = self._job(self._visitor(request), request.path_params["key"])
        file = job.files.get(request.path_params["name"])
        if file is None or not (path := job.folder / file.name).is_file():
            raise UnknownError("there is no such file any more; reconstruct the picture again")
        saved = f"threefold-{job.method}{path.suffix}" if "save" in request.query_params else None
        return FileResponse(path, filename=saved)

    async def leave(self, request: Request) -> Response:
        """Forgets the visitor and deletes all that was theirs."""
        self.service.visitors.forget(self._visitor(request))
        answer = JSONResponse({})
        answer.delete_cookie(self.cookie)
        return answer

    def _visitor(self, request: Request) -> Visitor:
        visitor = self.service.visitors.find(request.cookies.get(self.cookie))
        if visitor is None:
            minutes = self.service.limits.kept_seconds / 60
            raise UnknownError(f"after {minutes:.0f} minutes of silence everything is deleted; reload the page")
        return visitor

    def _job(self, visitor: Visitor, key: str) -> Job:
        job = visitor.jobs.get(key)
        if job is None:
            raise UnknownError("this result is not there any more; reconstruct the picture again")
        return job

    def _example(self, name: str) -> Path:
        found = self.service.examples.get(name)
        if found is None:
            raise UnknownError("there is no such example; reload the page")
        return found.path


async def tell_mistake(request: Request, error: Exception) -> Response:
    """Every sentence reaches the page as JSON."""
    status = 404 if isinstance(error, UnknownError) else 400
    return JSONResponse({"error": one_line(str(error))}, status_code=status)


async def tell_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the browser has gone away


async def tell_wrong_address(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return JSONResponse({"error": "there is no such page"}, status_code=status)


def application(service: Service, password: str | None = None, hosts: Collection[str] | None = None) -> ASGIApp:
    """The page of a service; see `Guard` for `password` and `hosts`."""
    page = Application(service)
    routes = [
        Route("/", page.page),
        Route("/state", page.state),
        Route("/jobs", page.reconstruct, methods=["POST"]),
        Route("/jobs/{key}", page.look, methods=["GET"]),
        Route("/jobs/{key}", page.cancel, methods=["DELETE"]),
        Route("/jobs/{key}/changes", page.change, methods=["POST"]),
        Route("/jobs/{key}/files/{name}", page.file),
        Route("/leave", page.leave, methods=["POST"]),
        Route("/examples/{name}", page.example),
        Route("/{name}", page.asset),
    ]
    handlers = {
        UserError: tell_mistake,
        ClientDisconnect: tell_nobody,
        404: tell_wrong_address,
        405: tell_wrong_address,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), password, hosts)
