"""``connect.py HOST PORT``: joins stdin and stdout with a TCP connection, for a ProxyCommand."""

from __future__ import annotations

import os
import socket
import sys
import threading


def main() -> None:
    """Run until either side has ended."""
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as there:

        def send() -> None:
            while data := os.read(0, 65536):
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)

        threading.Thread(target=send, daemon=True).start()
        while data := there.recv(65536):
            os.write(1, data)


if __name__ == "__main__":
    main()
