"""A storage server that has bad days: a proxy before a sound one, that fails some of the requests.

It fails in the ways in which S3 does: 500, 503 and SlowDown, before the request came to anything or
after (nobody can tell which); answers that come late; connections that break in the middle of an
answer. Which request meets what is drawn from a seed.
"""

import collections
import contextlib
import dataclasses
import http.client
import http.server
import random
import socket
import threading
import time

# Headers that are about one connection, not about what is asked for (RFC 9110, 7.6.1).
OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}

ERRORS = {
    "500": (500, "InternalError", "We encountered an internal error. Please try again."),
    "503": (503, "ServiceUnavailable", "Service is unable to handle the request."),
    "SlowDown": (503, "SlowDown", "Please reduce your request rate."),
}


@dataclasses.dataclass(frozen=True)
class Odds:
    """What share of the requests meets what."""

    error: float = 0.0
    """500, 503 or SlowDown; of every other one the request was carried out all the same."""
    delay: float = 0.0
    """The answer comes late."""
    drop: float = 0.0
    """The connection breaks in the middle of the answer."""
    delay_seconds: float = 0.0
    """The longest delay."""


class Faulty:
    """The proxy: `odds` may be changed while it runs, and `met` counts what requests met."""

    def __init__(self, upstream, odds, seed):
        self.upstream = upstream
        self.odds = odds
        self.met = collections.Counter()
        self.chance = random.Random(seed)
        self.lock = threading.Lock()

    def draw(self):
        """What the next request meets, and a number of [0, 1) that says how badly."""
        with self.lock:
            self.met["requests"] += 1
            drawn, how = self.chance.random(), self.chance.random()
            odds = self.odds
            if drawn < odds.error:
                what = self.chance.choice(sorted(ERRORS))
            elif drawn < odds.error + odds.delay:
                what = "delay"
            elif drawn < odds.error + odds.delay + odds.drop:
                what = "drop"
            else:
                return None, how
            self.met[what] += 1
            return what, how

    def told(self):
        """What requests met, for people."""
        faults = [f"{count} {what}" for what, count in sorted(self.met.items()) if what != "requests"]
        return f"{self.met['requests']} requests, of them {', '.join(faults) or 'all served'}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Passes each request on, and gives back the answer, or what it meets instead."""

    protocol_version = "HTTP/1.1"
    # An answer is several small writes: each would wait for the one before to be acknowledged.
    disable_nagle_algorithm = True

    def do_any(self):
        what, how = self.server.faulty.draw()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if what in ERRORS and how < 0.5:
            self.answer(*self.error(what))
            return
        answer = self.pass_on(body)
        if what in ERRORS:
            answer = self.error(what)
        if what == "delay":
            time.sleep(how * self.server.faulty.odds.delay_seconds)
        if what == "drop":
            self.answer(*answer, up_to=how)
            self.close_connection = True
            # The reader must find that the connection broke, not that the answer is over.
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.answer(*answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_any

    def pass_on(self, body):
        upstream = http.client.HTTPConnection(self.server.faulty.upstream, timeout=60)
        with contextlib.closing(upstream):
            headers = {k: v for k, v in self.headers.items() if k.lower() not in OF_A_CONNECTION}
            upstream.request(self.command, self.path, body, headers)
            got = upstream.getresponse()
            return got.status, got.getheaders(), got.read()

    def error(self, what):
        status, code, message = ERRORS[what]
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        content = b"" if self.command == "HEAD" else text.encode()
        return status, [("Content-Type", "application/xml")], content

    def answer(self, status, headers, content, up_to=1.0):
        """Sends an answer; of one with content, `up_to` that share of it."""
        if up_to < 1.0 and not content:
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in OF_A_CONNECTION | {"content-length"}:
                self.send_header(name, value)
        # Of a HEAD it is the length of what a GET would have got.
        told = {name.lower(): value for name, value in headers}.get("content-length")
        length = told if self.command == "HEAD" and told else str(len(content))
        if status not in (204, 304):
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content[: int(len(content) * up_to)])
        self.wfile.flush()

    def log_message(self, *_):
        """A server that says something of each request would hide what matters."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Clients that were killed leave broken connections: nothing is wrong with that."""


@contextlib.contextmanager
def before(authority, odds, seed):
    """Runs the proxy before the server at `authority`; gives its authority and the `Faulty`."""
    faulty = Faulty(authority, odds, seed)
    server = Server(("127.0.0.1", 0), Handler)
    server.faulty = faulty
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", faulty
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
