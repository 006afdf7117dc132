# The attributes that hold content.
from libc.stdint cimport uint8_t

from llm_obs_core_ext.batch cimport KeyTable


# By key id: 1 + the place in CONTENT_SLOTS, 0 for keys that hold none. table.count + 1 bytes, to be freed.
# ValueError when the table lacks such a key: content would be taken for something else.
cdef uint8_t* content_slots(KeyTable table) except NULL
