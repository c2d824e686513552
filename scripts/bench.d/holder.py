"""An SCGI application that answers at once, but holds requests for /hold until it is told to let them go: for the memory that a
request takes while it is in work. It runs in the process of the benchmark, whose memory is not counted."""

import os
import socket
import threading

import scgi
import workloads

ANSWER = b"Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(workloads.HELLO), workloads.HELLO)


class Holder:
    """`held` counts the requests that wait."""

    def __init__(self, base):
        self.path = os.path.join(base, "holder.sock")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)      # Apache connects with its own account
        self.listener.listen(1024)
        self.changed, self.held, self.open = threading.Condition(), 0, False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.answer, args=(sock,), daemon=True).start()

    def answer(self, sock):
        with sock:
            try:
                request = scgi.read_request(sock.makefile("rb"))
                if not request:
                    return
                if "/hold" in request[0].values():
                    with self.changed:
                        self.held += 1
                        self.changed.notify_all()
                        self.changed.wait_for(lambda: self.open)
                sock.sendall(ANSWER)
            except OSError:
                pass    # the gateway has gone

    def wait_held(self, count):
        with self.changed:
            if not self.changed.wait_for(lambda: self.held >= count, 30):
                raise RuntimeError(f"only {self.held} of {count} requests came through at a time")

    def close(self):
        with self.changed:
            self.open = True
            self.changed.notify_all()
        # Closing alone would leave the thread in accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
