from typing_extensions import Buffer

def is_utf8(data: Buffer, *, portable: bool = False) -> bool:
    """Whether bytes are UTF-8, as `scan` checks it: no surrogates, no form longer than needed.

    Args:
        data: The bytes.
        portable: Character by character; else with the machine's vectors, where it has them.
    """
