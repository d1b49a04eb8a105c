"""What a document may ask for at most: levels, aliases, fields, fragments.

Each fragment is measured once, however often it is spread, so the time is linear in the document.
"""

from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValidationRule,
)

LEVELS = 10
INTROSPECTION_LEVELS = 20
ALIASES = 15
FIELDS = 500
FRAGMENTS = 50
_INTROSPECTION = {"__schema", "__type"}


@dataclass(frozen=True, slots=True)
class _Size:
    """What a selection comes to with its fragments spread; levels of introspection apart."""

    levels: int = 0
    introspection_levels: int = 0
    aliases: int = 0
    fields: int = 0

    def beside(self, other: "_Size") -> "_Size":
        return _Size(
            max(self.levels, other.levels),
            max(self.introspection_levels, other.introspection_levels),
            # Doubled fragment by fragment they would grow to numbers of many digits.
            min(self.aliases + other.aliases, ALIASES + 1),
            min(self.fields + other.fields, FIELDS + 1),
        )

    def under(self, field: FieldNode) -> "_Size":
        levels, introspection = self.levels + 1, self.introspection_levels
        if field.name.value in _INTROSPECTION:
            levels, introspection = 1, self.levels + 1
        elif introspection:
            introspection += 1
        aliases = self.aliases + (field.alias is not None)
        return _Size(levels, introspection, aliases, self.fields + 1)


class _Measure:
    """The sizes within one document."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[str, _Size] = {}

    def of(self, selections: SelectionSetNode | None, room: int) -> _Size:
        """Measure a selection; below `room` levels nothing is looked at, it is too deep anyway."""
        size = _Size()
        if selections is None or room < 0:
            return size
        for selection in selections.selections:
            size = size.beside(self._of_one(selection, room))
        return size

    def _of_one(self, selection: SelectionNode, room: int) -> _Size:
        if isinstance(selection, FieldNode):
            return self.of(selection.selection_set, room - 1).under(selection)
        if isinstance(selection, FragmentSpreadNode):
            return self._of_fragment(selection.name.value)
        return self.of(cast("InlineFragmentNode", selection).selection_set, room)

    def _of_fragment(self, name: str) -> _Size:
        if name not in self._measured:
            self._measured[name] = _Size()  # for a circle, which another rule refuses
            fragment = self._fragments.get(name)
            selections = fragment.selection_set if fragment else None
            self._measured[name] = self.of(selections, INTROSPECTION_LEVELS)
        return self._measured[name]


class Limits(ValidationRule):
    """Refuse a document that asks for more than the limits of this module."""

    def enter_document(self, document: DocumentNode, *_: Any) -> None:
        fragments = sum(isinstance(it, FragmentDefinitionNode) for it in document.definitions)
        if fragments > FRAGMENTS:
            self._refuse(f"A document may have {FRAGMENTS} fragments.")
            return
        measure = _Measure(document)
        for operation in document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                self._judge(measure.of(operation.selection_set, INTROSPECTION_LEVELS))

    def _judge(self, size: _Size) -> None:
        if size.levels > LEVELS or size.introspection_levels > INTROSPECTION_LEVELS:
            self._refuse(f"A document may be {LEVELS} levels deep.")
        if size.aliases > ALIASES:
            self._refuse(f"A document may have {ALIASES} aliases.")
        if size.fields > FIELDS:
            self._refuse(f"A document may have {FIELDS} fields, counted where they are spread.")

    def _refuse(self, message: str) -> None:
        self.report_error(GraphQLError(message))
