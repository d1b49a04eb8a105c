"""The sockets of the HTTP port: a taken one is one clear line, before anything is started."""

import errno
import socket

_ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class StartError(Exception):
    """A command cannot do its work; the message says why and what to do about it."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address that `host` stands for. Raises StartError."""
    sockets = []
    try:
        for family, address in sorted(_addresses(host, port)):
            try:
                sockets.append(_listen(family, address))
            except OSError as fault:
                if fault.errno not in _ABSENT:
                    raise
    except OSError as fault:
        for opened in sockets:
            opened.close()
        raise StartError(_explain(fault, host, port)) from None
    if not sockets:
        raise StartError(f"NICGATE_HOST must be an address of this machine; {host} is none.")
    return sockets


def reachable(host: str) -> str:
    """Return, as it stands in a URL, where this machine finds what listens on `host`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- read, not bound
    return f"[{host}]" if ":" in host else host


def _addresses(host: str, port: int) -> set[tuple[int, tuple[str, int]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return {(int(family), (str(address[0]), port)) for family, _, _, _, address in found}


def _listen(family: int, address: tuple[str, int]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(2048)
    except OSError:
        opened.close()
        raise
    return opened


def _explain(fault: OSError, host: str, port: int) -> str:
    if isinstance(fault, socket.gaierror):
        return f"NICGATE_HOST must be an address of this machine; {host} is unknown."
    if fault.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken; stop what listens there, or set NICGATE_PORT."
    if fault.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has; set NICGATE_PORT."
    return f"Nothing can listen on {host} port {port}: {fault.strerror}."
