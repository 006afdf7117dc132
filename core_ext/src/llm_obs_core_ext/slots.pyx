"""The attributes that hold content; see `slots.pxd`."""

from libc.stdint cimport uint8_t, uint16_t
from libc.stdlib cimport calloc

from llm_obs_core_ext.batch cimport KeyTable

from llm_obs_core.model import CONTENT_SLOTS


cdef uint8_t* content_slots(KeyTable table) except NULL:
    cdef uint8_t* slots
    cdef uint8_t slot = 0
    missing = [key for _, key in CONTENT_SLOTS if not table.id(key)]
    if missing:
        raise ValueError(f"expected a batch whose KeyTable knows the keys of content, got one without {missing[0]!r}")
    slots = <uint8_t*> calloc(table.count + 1, 1)
    if slots == NULL:
        raise MemoryError
    for _, key in CONTENT_SLOTS:
        slot += 1
        slots[<uint16_t> table.id(key)] = slot
    return slots
