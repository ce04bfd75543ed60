"""Facts of the machine and the process."""

from dataclasses import replace

from lipsync_edge import machine

X86 = "model name\t: Some CPU\nflags\t\t: fpu avx avx2 avx512_vnni amx_int8\n" * 2
ARM = "Features\t: fp asimd asimddp\n"


def test_flags_and_name_are_read() -> None:
    assert machine.cpu_flags(X86) == ("AVX2", "AVX-512 VNNI", "AMX int8")
    assert machine.cpu_flags(ARM) == ("NEON", "NEON dot product")
    assert machine.cpu_flags("") is None
    assert machine.processor_name(X86) == "Some CPU"


def test_the_key_of_a_machine_leaves_out_its_load() -> None:
    here = machine.this_machine()
    assert here.cores >= 1
    assert replace(here, load=99.0).key == here.key
    assert replace(here, versions={}).key != here.key
    assert not replace(here, load=None).busy
    assert replace(here, load=0.9 * here.cores).busy


def test_memory_of_this_process_is_told_where_the_system_tells() -> None:
    peak, now = machine.peak_memory_mb(), machine.resident_bytes()
    assert peak is None or peak > 10
    assert now == 0 or now > 10 * 2**20
