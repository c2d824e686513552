"""An ASGI application, for aioscgi."""

import common_app


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    env = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"][len(scope.get("root_path", "")) :] or scope["path"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in scope["headers"]:
        env["HTTP_" + name.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    data = memoryview(bytes(body))
    at = 0

    def read(n):
        nonlocal at
        piece = data[at : at + n]
        at += len(piece)
        return bytes(piece)

    status, headers, pieces = common_app.respond(env, read)
    await send(
        {
            "type": "http.response.start",
            "status": int(status.split()[0]),
            "headers": [(n.lower().encode(), v.encode()) for n, v in headers],
        }
    )
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
