"""A WSGI application, for uWSGI."""

import common_app


def application(environ, start_response):
    left = int(environ.get("CONTENT_LENGTH") or 0)

    def read(n):
        nonlocal left
        piece = environ["wsgi.input"].read(min(n, left)) if left else b""
        left -= len(piece)
        return piece

    env = {k: v for k, v in environ.items() if isinstance(v, str)}
    status, headers, body = common_app.respond(env, read)
    start_response(status, headers)
    return body
