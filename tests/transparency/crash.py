"""Makes another process crash as if by its own fault: a bad address, or its own call of abort().

The problem: SIGSEGV by kill(2) is not what a fault looks like; the launcher can tell the sender and must pass a
signal from outside on to the command. So the fault is made with ptrace: the next instruction of the victim is set to
an address that is not mapped, or to a system call by which it signals itself. x86-64 Linux only.
"""

import ctypes
import os
import signal
import time

from support import LIBC, Skip

SEIZE, INTERRUPT, GETREGS, SETREGS, DETACH = 0x4206, 0x4207, 12, 13, 17
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
             "ds es fs gs").split()
KILL = 62  # the number of kill(2)


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


def ptrace(request, pid, data=None):
    LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    LIBC.ptrace.restype = ctypes.c_long
    if LIBC.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace %#x" % request)


def make_fault(pid, kind):
    """`kind`: "address" or "abort". The victim must be below us, or we must be privileged."""
    if os.uname().machine != "x86_64":
        raise Skip("faults from inside are written for x86-64")
    registers = Registers()
    for _ in range(200):
        ptrace(SEIZE, pid)
        ptrace(INTERRUPT, pid)
        os.waitpid(pid, 0x40000000)  # __WALL: the stop, whether or not it is our child
        ptrace(GETREGS, pid, ctypes.addressof(registers))
        in_call = registers.orig_rax < 1 << 63
        if kind == "address" or in_call:
            break
        ptrace(DETACH, pid)  # to abort, it has to stand behind a `syscall` instruction
        time.sleep(0.0005)
    registers.orig_rax = (1 << 64) - 1  # no restart of the interrupted call
    if kind == "address":
        registers.rip = 8
    else:
        registers.rip -= 2
        registers.rax, registers.rdi, registers.rsi = KILL, pid, signal.SIGABRT
    ptrace(SETREGS, pid, ctypes.addressof(registers))
    ptrace(DETACH, pid)
