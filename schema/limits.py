"""What a document may ask for at most: length, levels, aliases, fields, fragments, operations.

Each fragment is measured once, however often it is spread, so the time is linear in the document.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

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
)

TOKENS = 2000
LINES = 2000
LEVELS = 10
INTROSPECTION_LEVELS = 20
ALIASES = 15
FIELDS = 500
FRAGMENTS = 50
OPERATIONS = 20
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


def check_length(text: str) -> None:
    """Refuse a text that is too long before it is read to its end. Raises GraphQLError.

    Lines are an end of their own: for each error its place is counted from the first of them.
    """
    if text.count("\n") + text.count("\r") - text.count("\r\n") >= LINES:
        raise GraphQLError(f"A document may have {LINES} lines.")


def exceeded(document: DocumentNode) -> list[GraphQLError]:
    """Say which limits of this module a document is beyond."""
    fragments = sum(isinstance(it, FragmentDefinitionNode) for it in document.definitions)
    operations = [it for it in document.definitions if isinstance(it, OperationDefinitionNode)]
    if fragments > FRAGMENTS:
        return [GraphQLError(f"A document may have {FRAGMENTS} fragments.")]
    if len(operations) > OPERATIONS:
        return [GraphQLError(f"A document may have {OPERATIONS} operations.")]
    measure = _Measure(document)
    sizes = [measure.of(it.selection_set, INTROSPECTION_LEVELS) for it in operations]
    sentences = [sentence for size in sizes for sentence in _judged(size)]
    return [GraphQLError(sentence) for sentence in dict.fromkeys(sentences)]


def _judged(size: _Size) -> Iterator[str]:
    if size.levels > LEVELS or size.introspection_levels > INTROSPECTION_LEVELS:
        yield f"A document may be {LEVELS} levels deep."
    if size.aliases > ALIASES:
        yield f"A document may have {ALIASES} aliases."
    if size.fields > FIELDS:
        yield f"A document may have {FIELDS} fields, counted where they are spread."
