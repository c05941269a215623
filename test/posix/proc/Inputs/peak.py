"""peak.py KIB COMMAND...: runs it, and fails if it fails or its peak of resident memory is above."""
import resource
import subprocess
import sys

status = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print("peak", peak, "KiB")
sys.exit(status != 0 or peak > int(sys.argv[1]))
