"""Which statements recreate schemas exactly, under other names in the same database."""

from branch_toolkit.warehouses.postgres.structure.errors import (
    BaseChanged,
    CyclicStructure,
    ReferenceNotRepointed,
    StructureNotRead,
)
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
from branch_toolkit.warehouses.postgres.structure.reading import read_structure

__all__ = [
    "BaseChanged",
    "Caution",
    "CyclicStructure",
    "Ddl",
    "DeferredTable",
    "Leak",
    "Omitted",
    "ReferenceNotRepointed",
    "Structure",
    "StructureNotRead",
    "TableCopy",
    "read_leaks",
    "read_structure",
]
