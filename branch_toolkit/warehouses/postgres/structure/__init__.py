"""Which statements recreate schemas exactly, under other names in the same database."""

from branch_toolkit.warehouses.postgres.structure.errors import (
    BaseChanged,
    CyclicStructure,
    ReferenceNotRepointed,
    StructureNotRead,
)
from branch_toolkit.warehouses.postgres.structure.fingerprint import read_fingerprint
from branch_toolkit.warehouses.postgres.structure.leaks import read_leaks
from branch_toolkit.warehouses.postgres.structure.model import (
    Caution,
    Ddl,
    DeferredTable,
    Leak,
    Omitted,
    Structure,
    TableCopy,
)
from branch_toolkit.warehouses.postgres.structure.reading import read_deferred, read_structure
from branch_toolkit.warehouses.postgres.structure.statement import Stage

__all__ = [
    "BaseChanged",
    "Caution",
    "CyclicStructure",
    "Ddl",
    "DeferredTable",
    "Leak",
    "Omitted",
    "ReferenceNotRepointed",
    "Stage",
    "Structure",
    "StructureNotRead",
    "TableCopy",
    "read_deferred",
    "read_fingerprint",
    "read_leaks",
    "read_structure",
]
