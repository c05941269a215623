"""rt/verify, called from Python: verdict(text, module) and the module of an ELF file."""
import ctypes
import struct

from spec import Module


class _Module(ctypes.Structure):
    _fields_ = [
        ("text", ctypes.c_char_p),
        ("text_address", ctypes.c_uint64),
        ("text_size", ctypes.c_size_t),
        ("image_start", ctypes.c_uint64),
        ("image_end", ctypes.c_uint64),
        ("gate_address", ctypes.c_uint64),
    ]


class _Fault(ctypes.Structure):
    _fields_ = [
        ("address", ctypes.c_uint64),
        ("bytes", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("rule", ctypes.c_int),
        ("message", ctypes.c_char_p),
    ]


_REPORT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_Fault))


class _Options(ctypes.Structure):
    _fields_ = [("report", _REPORT), ("ctx", ctypes.c_void_p), ("max_faults", ctypes.c_uint)]


class Verifier:
    def __init__(self, library):
        self.function = ctypes.CDLL(library).verify_text
        self.function.restype = ctypes.c_uint
        self.fault = None
        self.report = _REPORT(self.on_fault)
        self.bitmap = None

    def on_fault(self, _, fault):
        self.fault = (fault[0].address, fault[0].rule, fault[0].message.decode())
        return 1

    def verdict(self, text, module):
        """None if accepted, else the first fault: (offset, rule, words)."""
        size = 2 * ((len(text) + 63) // 64)
        if self.bitmap is None or len(self.bitmap) < size:
            self.bitmap = (ctypes.c_uint64 * size)()
        arguments = _Module(
            text, module.text_address, len(text), module.image_start, module.image_end, module.gate
        )
        options = _Options(self.report, None, 1)
        self.fault = None
        if self.function(ctypes.byref(arguments), ctypes.byref(options), self.bitmap) == 0:
            return None
        address, rule, words = self.fault
        return address - module.text_address, rule, words


def read_module(path):
    """(Module, text) of a program that lind-verify accepts."""
    with open(path, "rb") as file:
        image = file.read()
    (phoff,) = struct.unpack_from("<Q", image, 32)
    (phnum,) = struct.unpack_from("<H", image, 56)
    start, end, text, gate = None, 0, None, None
    for n in range(phnum):
        kind, flags, offset, vaddr, _, filesz, memsz, _ = struct.unpack_from(
            "<IIQQQQQQ", image, phoff + 56 * n
        )
        if kind == 1:
            start = vaddr & -4096 if start is None else start
            end = (vaddr + memsz + 4095) & -4096
            if flags & 1:
                text = vaddr, image[offset : offset + filesz]
        elif kind == 4:
            at = image.find(b"Lind\0", offset, offset + filesz)
            if at >= 0:
                word = at + 8 + 8
                gate = vaddr + (word - offset) + struct.unpack_from("<i", image, word)[0]
    return Module(text[0], len(text[1]), start, end, gate), text[1]
