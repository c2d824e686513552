"""An application for the "scgi" package (from the Quixote project): prefork, CGI heads with bare line feeds, and a
Status field that comes last."""

import os
import sys

from scgi.scgi_server import SCGIHandler, SCGIServer

import common_app

# The handler takes os.environ for its own in the default implementation; ours reads it before.
PORT = int(sys.argv[1])


class Handler(SCGIHandler):
    def produce(self, env, bodysize, input, output):
        left = bodysize

        def read(n):
            nonlocal left
            piece = input.read(min(n, left))
            left -= len(piece)
            return piece

        status, headers, body = common_app.respond(env, read)
        for name, value in headers:
            output.write(("%s: %s\n" % (name, value)).encode())
        output.write(("Status: %s\n\n" % status).encode())
        for piece in body:
            output.write(piece)


SCGIServer(handler_class=Handler, host="127.0.0.1", port=PORT, max_children=3).serve()
