"""with-socket.py NAME COMMAND...: runs the command while a socket of the host listens at NAME."""
import socket
import subprocess
import sys

server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(5)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
