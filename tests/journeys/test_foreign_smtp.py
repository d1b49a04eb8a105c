"""With all three URLs nothing embedded runs, and there is no mailbox here."""

import httpx2


def test_the_code_reaches_a_foreign_server(foreign):
    """A sign-up completes with the code that the other server received."""
    alice = foreign.newcomer()

    mailbox = httpx2.get(f"{foreign.url}/mailbox", timeout=5)

    assert alice.is_signed_in()
    assert mailbox.status_code == 404
    assert not (foreign.folder / "postgres").exists()
    assert not (foreign.folder / "valkey").exists()
