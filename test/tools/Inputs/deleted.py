"""Executes ./gone through a descriptor after its name is gone."""
import os

program = os.open("gone", os.O_RDONLY)
os.unlink("gone")
os.set_inheritable(program, True)
os.execve(program, ["gone"], os.environ)
