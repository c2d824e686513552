"""What the Python test applications have in common: one function from a request to a response.

/echo       the environment, NAME=value on a line each, then "body: " and the request's body
/sha256     the SHA-256 of the request's body
/bytes?N    N bytes: the content of the file named by PATTERN, again and again
/cookies    two Set-Cookie fields
/status?S   a response with this status line value
"""

import hashlib
import os

PLAIN = ("Content-Type", "text/plain")


def respond(env, read):
    """env: str to str; read(n): at most n bytes of the body, b"" at its end. Returns (status, headers, iterable of bytes)."""
    path = env.get("PATH_INFO", "")
    query = env.get("QUERY_STRING", "")
    if path == "/echo":
        lines = ["%s=%s" % (k, v) for k, v in sorted(env.items()) if isinstance(v, str)]
        body = "\n".join(lines).encode("latin-1") + b"\nbody: " + b"".join(pieces(read)) + b"\n"
        return "200 OK", [PLAIN, ("Content-Length", str(len(body)))], [body]
    if path == "/sha256":
        digest = hashlib.sha256()
        for piece in pieces(read):
            digest.update(piece)
        return "200 OK", [PLAIN], [digest.hexdigest().encode()]
    if path == "/bytes":
        return "200 OK", [PLAIN], pattern(int(query))
    if path == "/cookies":
        return "200 OK", [PLAIN, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/")], [b"two cookies"]
    if path == "/status":
        return query.replace("+", " "), [PLAIN], [b"a status"]
    return "404 Not Found", [PLAIN], [b"nothing here"]


def pieces(read):
    while True:
        piece = read(65536)
        if not piece:
            return
        yield piece


def pattern(size):
    with open(os.environ["PATTERN"], "rb") as f:
        block = f.read()
    while size > 0:
        yield block[:size]
        size -= len(block)
