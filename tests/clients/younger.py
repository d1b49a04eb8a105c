"""A gateway of some day to come, for clients that were generated from the one of today."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

# A refusal and a code that no client of today knows.
LEARNED = {
    b'"__typename":"StaleRevisionError"': b'"__typename":"QuotaError"',
    b'"code":"INVALID"': b'"code":"TOO_RARE"',
}


@contextmanager
def running(url: str) -> Iterator[str]:
    """Yield the address of a server that passes all on to `url`, and changes the answers."""

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            names = ("accept", "authorization", "content-type")
            headers = {name: self.headers[name] for name in names if name in self.headers}
            answer = httpx2.post(f"{url}{self.path}", content=body, headers=headers, timeout=10)
            content = answer.content
            for old, new in LEARNED.items():
                content = content.replace(old, new)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["content-type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
