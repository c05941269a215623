"""LLVM's disassembler for x86-64, through its C interface."""
import ctypes
import ctypes.util
import glob


def _library():
    for pattern in (
        "/usr/lib/llvm-22/lib/libLLVM*.so*",
        "/usr/lib/x86_64-linux-gnu/libLLVM-22.so*",
        "/usr/lib/x86_64-linux-gnu/libLLVM.so.22*",
    ):
        for path in sorted(glob.glob(pattern)):
            try:
                return ctypes.CDLL(path)
            except OSError:
                continue
    raise SystemExit("libLLVM 22 is not installed")


_llvm = _library()
for part in ("TargetInfo", "TargetMC", "Disassembler"):
    getattr(_llvm, "LLVMInitializeX86" + part)()
_llvm.LLVMCreateDisasm.restype = ctypes.c_void_p
_llvm.LLVMCreateDisasm.argtypes = [
    ctypes.c_char_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
]
_llvm.LLVMDisasmInstruction.restype = ctypes.c_size_t
_llvm.LLVMDisasmInstruction.argtypes = [
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_char_p,
    ctypes.c_size_t,
]
_context = _llvm.LLVMCreateDisasm(b"x86_64-unknown-linux-gnu", None, 0, None, None)
_text = ctypes.create_string_buffer(512)
_cache = {}


def disassemble(data):
    """(length, text) of the instruction that `data` begins with, (0, "") if it is none."""
    data = data[:15]
    known = _cache.get(data)
    if known is None:
        length = _llvm.LLVMDisasmInstruction(_context, data, len(data), 0, _text, len(_text))
        known = (length, _text.value.decode() if length else "")
        if len(_cache) > 2000000:
            _cache.clear()
        _cache[data] = known
    return known
