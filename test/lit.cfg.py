# lit configuration. The build directory comes from `--param build=DIR` (default: build/release).
import os
import lit.formats

config.name = "lind"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".c", ".s", ".S", ".test", ".ll"]
config.excludes = ["Inputs", "unit", "lit.cfg.py", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)

root = os.path.dirname(config.test_source_root)
build = os.path.abspath(lit_config.params.get("build", os.path.join(root, "build", "release")))
# The trusted code may come from another build (sanitizers); compiler and libc are always those of `build`.
trusted = os.path.abspath(lit_config.params.get("trusted", build))
config.test_exec_root = os.path.join(trusted, "test")

llvm = "/usr/lib/llvm-22/bin"
config.environment["PATH"] = os.pathsep.join([os.path.join(trusted, "bin"), os.path.join(build, "bin"), llvm, config.environment["PATH"]])
config.environment["LC_ALL"] = "C"

for name, value in [
    ("%build", build),
    ("%root", root),
    ("%lind-cc", os.path.join(build, "bin", "lind-cc")),
    ("%lind-run", os.path.join(trusted, "bin", "lind-run")),
    ("%unit", os.path.join(trusted, "unit")),
    ("%lind-verify", os.path.join(build, "bin", "lind-verify")),
    ("%pass", os.path.join(build, "lib", "lind", "lind-pass.so")),
    ("%clang", os.path.join(llvm, "clang")),
    ("%python", "python3"),
]:
    config.substitutions.append((name, value))

sanitize = ""
cache = os.path.join(trusted, "CMakeCache.txt")
if os.path.exists(cache):
    for line in open(cache):
        if line.startswith("LIND_SANITIZE:"):
            sanitize = line.strip().split("=", 1)[1]
if sanitize:
    config.available_features.add("sanitizer-" + sanitize)
    # What is mapped for good at start is no leak, and leak checking cannot stop the threads of a process that ends by _exit.
    config.environment["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=0:exitcode=99:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_sigtrap=0:use_sigaltstack=0"
    config.environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
    config.environment["TSAN_OPTIONS"] = "suppressions=" + os.path.join(config.test_source_root, "tsan-suppressions.txt")
if "avx2" in open("/proc/cpuinfo").read().split():
    config.available_features.add("avx2")
for kind in lit_config.params.get("with", "").split(","):
    if kind:
        config.available_features.add(kind)  # e.g. --param with=long for the long versions of tests
