"""The suite's SMTP server: whose mails may come twice."""

import asyncio
from email.message import EmailMessage

from faults.postoffice import PostOffice


def letter() -> bytes:
    message = EmailMessage()
    message["Message-ID"] = "<a@example.org>"
    message.set_content("Hello")
    message.add_alternative("<p>Hello</p>", subtype="html")
    return message.as_bytes().replace(b"\n", b"\r\n") + b"\r\n.\r\n"


async def test_forgives_a_mail_that_was_on_its_way():
    """Its sender died before the server had read it; what comes by the same way later is known."""
    office = PostOffice()
    await office.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", office.port)
    await reader.readline()
    port = writer.get_extra_info("sockname")[1]

    for is_forgiven in (True, False):
        for line in (b"RCPT TO:<alice@example.org>\r\n", b"DATA\r\n"):
            writer.write(line)
            await reader.readline()
        if is_forgiven:
            office.forgive({port})
        writer.write(letter())
        await reader.readline()

    writer.close()
    await office.close()
    assert [receipt.unknown for receipt in office.receipts] == [True, False]
