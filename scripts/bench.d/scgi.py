"""Reads requests as an SCGI application gets them: for the applications that the benchmark, the budget and the soak run."""

LONGEST = 8     # digits of the length of a parameter block


def read_request(file):
    """The parameters, as text, and the body; None where the connection ended before all of that had come."""
    digits = b""
    while not digits.endswith(b":"):
        byte = file.read(1)
        if not byte or len(digits) > LONGEST:
            return None
        digits += byte
    size = int(digits[:-1])
    block = file.read(size + 1)
    if len(block) != size + 1:
        return None
    words = [word.decode("latin-1") for word in block[:-2].split(b"\0")]
    params = dict(zip(words[::2], words[1::2]))
    length = int(params["CONTENT_LENGTH"])
    body = file.read(length)
    return (params, body) if len(body) == length else None
