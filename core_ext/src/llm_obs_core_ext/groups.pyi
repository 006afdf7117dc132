"""Group by and add up: equal keys get one number, values are added up by it. Nothing here holds the GIL for long."""

from typing import final

from typing_extensions import Buffer

@final
class Groups:
    """Numbers keys from 0 in the order in which they first come, over any number of calls."""

    @property
    def nbytes(self) -> int: ...
    def __len__(self) -> int: ...
    def number(self, keys: Buffer, numbers: Buffer) -> None:
        """Writes the number of each key.

        Args:
            keys: Contiguous signed 64-bit integers. A negative one is none, and its number is -1.
            numbers: As many signed 32-bit integers, written.

        Raises:
            MemoryError: None is left, or there are 2^31 groups; what was numbered before stays so.
        """
    def keys(self) -> bytes:
        """The keys by number, signed 64-bit integers."""

def add_up(numbers: Buffer, values: Buffer, sums: Buffer) -> None:
    """Adds each value to the sum of its number.

    Args:
        numbers: Contiguous signed 32-bit integers; values of -1 and of numbers beyond the sums are left out.
        values: As many signed integers of 8, 16 or 32 bits, or unsigned ones of 32.
        sums: Signed 64-bit integers, changed. They cannot overflow below 2^31 values.

    Raises:
        TypeError: Values of another kind, or buffers of different lengths.
    """
