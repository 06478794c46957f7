"""A real small server that stops once: it answers every byte with a byte, and sleeps STALL_S after AT_S seconds.

Run as ``python -I -S stalling_server.py AT_S STALL_S LIMIT_S``; prints its port, then, when it has stalled, how long.
It ends by itself after LIMIT_S, whoever forgot it.
"""

import selectors
import signal
import socket
import sys
import time


def main() -> None:
    """Serve until killed or until the time is over."""
    at_s, stall_s, limit_s = (float(word) for word in sys.argv[1:4])
    signal.setitimer(signal.ITIMER_REAL, limit_s)  # SIGALRM, not handled, ends the process
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    began, stalled = 0.0, False
    while True:
        for key, _ in waiting.select(0.01):
            began = began or time.monotonic()
            if key.fileobj is listener:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting.register(client, selectors.EVENT_READ)
            else:
                answer(waiting, key.fileobj)  # type: ignore[arg-type]
        if began and not stalled and time.monotonic() - began >= at_s:
            stalled, stopped = True, time.monotonic()
            time.sleep(stall_s)
            print(time.monotonic() - stopped, flush=True)


def answer(waiting: selectors.DefaultSelector, client: socket.socket) -> None:
    """Send back as many bytes as came."""
    data = client.recv(4096)
    if data:
        client.sendall(data)
    else:
        waiting.unregister(client)
        client.close()


if __name__ == "__main__":
    main()
