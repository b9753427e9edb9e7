"""The server in the foreground, until it is interrupted; then nothing of it stays."""

import ipaddress
import signal
import socket
import sys
from types import FrameType

from experiments.demo.service import Service
from experiments.errors import UserError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
CONNECTIONS = 200
GRACE_SECONDS = 2
TERMINATED = 143


def serve(service: Service, host: str, port: int, password: str | None) -> None:
    """Serves until an interrupt or a termination, closes the service, and returns or raises as the signal asks.

    Raises:
        UserError: the address cannot be listened on.
    """
    import uvicorn

    from experiments.demo.application import application

    before = signal.signal(signal.SIGTERM, terminate)  # the default would leave pictures and processes behind
    try:
        listening = listen(host, port)
        hosts = LOOPBACK_NAMES | {host.lower()} if is_loopback(host) else None
        config = uvicorn.Config(
            application(service, password, hosts),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        shown = f"[{host}]" if ":" in host else host
        print(f"http://{shown}:{listening.getsockname()[1]} (to stop: Ctrl+C)", flush=True)
        if hosts is None and password is None:
            sys.stderr.write(
                f"warning: everybody who reaches {host} can use this page and this computer; set a password with "
                "--password FILE\n"
            )
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        service.close()
        signal.signal(signal.SIGTERM, before)


def terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, before anybody is told its address; port 0 takes a free one.

    Raises:
        UserError: the port is taken, or the host is none of this computer's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(CONNECTIONS)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"--host {host} --port {port} cannot be listened on ({reason}); give another --port, or 0 for any free one"
        ) from None
    return listening


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
