"""Great Expectations, imported in its one quiet way."""

from __future__ import annotations

import logging
from types import ModuleType


def great_expectations() -> ModuleType:
    """Import Great Expectations, without the hundreds of lines that it logs about itself meanwhile.

    The import takes seconds: in a process whose parent has done it, it takes none.
    """
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as library

    # The import gave this one a level of its own.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return library
