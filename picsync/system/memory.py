"""Returns freed memory to the system."""

from __future__ import annotations


def return_freed_memory() -> bool:
    """Return memory that is free to the system; return whether the C library can do that.

    glibc keeps freed memory for itself, the more so after it has freed large blocks: 20 MB after a hundred
    photos. Its variable `MALLOC_TRIM_THRESHOLD_` prevents that, but a first sync then needs 40 % more CPU.
    """
    import ctypes  # Only a service that runs on needs it.

    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return False
    trim(0)
    return True
