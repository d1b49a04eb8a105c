"""Mutations worth repeating to an attacker: one of them in an operation, however it is written."""

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

# Every mutation that takes a password or a code, or has a code mailed to a stranger.
SENSITIVE = frozenset(
    {
        "signup",
        "confirmSignup",
        "login",
        "requestEmailChange",
        "confirmEmailChange",
        "proveEmail",
        "setSpareEmail",
        "proveSpareEmail",
        "removeSpareEmail",
        "requestPasswordReset",
        "resetPassword",
        "changePassword",
    }
)
# What locks an account that the caller may not know of: how long others wait for it must tell as
# little as the answer. Under an Idempotency-Key, where all is held to the end, each stands alone.
ALONE = SENSITIVE | {"requestConsent"}


def repeated(document: DocumentNode) -> list[GraphQLError]:
    """Refuse an operation with two of them.

    Aliases and fragments count; each selection is looked at once, whatever spreads it.
    """
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    counts: dict[str, int] = {}
    sentence = "Only one mutation with a password or a code may stand in an operation."
    return [
        GraphQLError(sentence, node)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and node.operation.value == "mutation"
        and _sensitive(node.selection_set, fragments, counts) > 1
    ]


def _sensitive(
    selected: SelectionSetNode, fragments: dict[str, SelectionSetNode], counts: dict[str, int]
) -> int:
    """Count up to two: more would double with each fragment that is spread twice."""
    found = 0
    for node in selected.selections:
        if isinstance(node, FieldNode):
            found += node.name.value in SENSITIVE
        elif isinstance(node, InlineFragmentNode):
            found += _sensitive(node.selection_set, fragments, counts)
        elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments:
            name = node.name.value
            if name not in counts:
                counts[name] = 0  # a circle, which another rule refuses, ends here
                counts[name] = _sensitive(fragments[name], fragments, counts)
            found += counts[name]
    return min(found, 2)
