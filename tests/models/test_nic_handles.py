"""NIC-handles: what reads as one, and that each is given out once."""

import re
import secrets

import pytest

from models import nic_handles
from models.nic_handles import NicHandle

SIX, SEVEN = 10**6, 10**7


@pytest.fixture
def dice(monkeypatch):
    """Dice that always fall on seven; the list says how many sides each throw had."""
    thrown = []

    def seven(sides):
        thrown.append(sides)
        return 7

    monkeypatch.setattr(secrets, "randbelow", seven)
    return thrown


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        ("dm429850-OVH", "dm429850-OVH"),
        ("DM429850-ovh", "dm429850-OVH"),
        ("dM429850-oVh", "dm429850-OVH"),
        ("  dm429850-OVH\r\n", "dm429850-OVH"),
        ("dm0000007-OVH", "dm0000007-OVH"),
        ("xx000000-X", "xx000000-X"),
        ("xx000000-abcdefgh12", "xx000000-ABCDEFGH12"),
    ],
)
def test_reads_any_letter_case(text, handle):
    """A handle is read in any letter case, and blanks around it do not matter."""
    parsed = nic_handles.parse(text)

    assert parsed == handle


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("dm42985-OVH", id="five digits"),
        pytest.param("dm42985012-OVH", id="eight digits"),
        pytest.param("d429850-OVH", id="one letter"),
        pytest.param("dma429850-OVH", id="three letters"),
        pytest.param("dm429850OVH", id="no dash"),
        pytest.param("dm429850-", id="no suffix"),
        pytest.param("dm429850", id="neither"),
        pytest.param("dm429850-1OVH", id="suffix begins with a digit"),
        pytest.param("dm429850-ABCDEFGHIJK", id="long suffix"),
        pytest.param("dm429850-OVH-OVH", id="two suffixes"),
        pytest.param("dm429850 -OVH", id="blank inside"),
        pytest.param("dm429850\n-OVH", id="line feed inside"),
        pytest.param("dm429850-OVH\0", id="NUL"),
        pytest.param("dm429850\u2010OVH", id="hyphen of Unicode"),
        pytest.param("dm\u0664\u0662\u0669\u0668\u0665\u0660-OVH", id="Arabic digits"),
        pytest.param("dm４２９８５０-OVH", id="full-width digits"),
        pytest.param("dm42985²-OVH", id="superscript digit"),
        pytest.param("\u017fm429850-OVH", id="long s"),
        pytest.param("dm429850-OV\u212a", id="Kelvin sign"),
        pytest.param("d\u043c429850-OVH", id="Cyrillic letter"),
        pytest.param("dm429850-OVH\u2028", id="line separator"),
        pytest.param("\u202edm429850-OVH", id="direction override"),
        pytest.param("\ud800m429850-OVH", id="lone surrogate"),
        pytest.param("dm429850-OVH" * 1000, id="12,000 characters"),
        pytest.param("' OR 1=1 --", id="SQL"),
    ],
)
def test_reads_nothing_else(text):
    """What does not have the form of a handle is none, whatever it looks like."""
    parsed = nic_handles.parse(text)

    assert parsed is None


@pytest.mark.parametrize(
    ("first_name", "last_name", "initials"),
    [
        ("Dominique", "Martin", "dm"),
        ("  dominique", " martin ", "dm"),
        ("Élodie", "Çelik", "ec"),
        ("E\u0301lodie", "Martin", "em"),
        ("Ærø", "Ørsted", "ao"),
        ("Łukasz", "Đurić", "ld"),
        ("Þór", "ẞtein", "ts"),
        ("İpek", "ıldız", "ix"),
        ("ﬁona", "Ａoki", "fa"),
        ("王", "伟", "xx"),
        ("Иван", "Ωνάσης", "xx"),
        ("'Ali", "1st", "xx"),
        ("\u202eali", "\u0301", "xx"),
        ("", "   ", "xx"),
    ],
)
async def test_begins_with_the_initials(tables, first_name, last_name, initials):
    """Marks are dropped, a few letters are transcribed, and x stands for all that is not a-z."""
    handle = await nic_handles.allocate(first_name, last_name, suffix="OVH")

    assert re.fullmatch(rf"{initials}[0-9]{{6}}-OVH", handle)


async def test_ends_with_the_suffix_of_the_house(tables):
    """The operator chooses the suffix; what is given out reads back as itself."""
    handle = await nic_handles.allocate("Dominique", "Martin", suffix="NICGATE2")

    assert handle.endswith("-NICGATE2")
    assert nic_handles.parse(handle) == handle


async def test_keeps_leading_zeros(tables, dice):
    """The number has six digits, whatever it is."""
    handle = await nic_handles.allocate("Dominique", "Martin", suffix="OVH")

    assert handle == "dm000007-OVH"
    assert dice == [SIX]


async def test_draws_seven_digits_after_three_that_were_taken(tables, dice):
    """After three draws in a row that somebody has, the number gets a seventh digit."""
    await nic_handles.allocate("Dominique", "Martin", suffix="OVH")
    dice.clear()

    handle = await nic_handles.allocate("Dora", "Meyer", suffix="OVH")

    assert handle == "dm0000007-OVH"
    assert dice == [SIX, SIX, SIX, SEVEN]


async def test_takes_the_same_number_for_other_initials(tables, dice):
    """A number is taken for its initials and its suffix only."""
    await nic_handles.allocate("Dominique", "Martin", suffix="OVH")

    others = [
        await nic_handles.allocate("Eve", "Martin", suffix="OVH"),
        await nic_handles.allocate("Dominique", "Martin", suffix="OTHER"),
    ]

    assert others == ["em000007-OVH", "dm000007-OTHER"]


async def test_notes_every_handle_that_is_given_out(tables):
    """What was given out stands in the table that only grows."""
    handles = {await nic_handles.allocate("Dominique", "Martin", suffix="OVH") for _ in range(50)}

    assert len(handles) == 50
    assert {row.handle for row in await NicHandle.all()} == handles
