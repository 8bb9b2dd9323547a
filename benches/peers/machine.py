"""Names the machine that a table was measured on."""

import os
import platform
from pathlib import Path

INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def _cpu_fields():
    """The first processor of /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def describe(threads):
    fields = _cpu_fields()
    flags = fields.get("flags", "").split()
    return {
        "cpu": fields.get("model name", platform.processor() or "unknown"),
        "cpu_family_model": f"{fields.get('cpu family', '?')}/{fields.get('model', '?')}",
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags],
        "logical_cpus": os.cpu_count(),
        "threads": threads,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        # other work on the machine shows here and in the spread of the repeats
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }


def sentence(machine, versions):
    sets = ", ".join(machine["instruction_sets"]) or "none of the wider instruction sets"
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return (
        f"{machine['cpu']} (family/model {machine['cpu_family_model']}; {sets}), "
        f"{machine['threads']} threads of {machine['logical_cpus']}, {machine['memory_gib']} GiB; "
        f"load average at the start {machine['load_average_at_start']}. {named}, Python {machine['python']}."
    )
