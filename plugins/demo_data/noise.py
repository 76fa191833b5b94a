"""How people and tills write down what they should: in many ways, with slips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.demo_data import words

if TYPE_CHECKING:
    from plugins.demo_data.dice import Dice

PHONE_STYLES = (
    "({0}) {1}-{2}", "{0}-{1}-{2}", "{0}.{1}.{2}", "{0} {1} {2}", "{0}{1}{2}", "+1 {0} {1} {2}", "+1{0}{1}{2}",
    "1-{0}-{1}-{2}", "1 ({0}) {1}-{2}", " {0}-{1}-{2} ", "({0}){1}{2}", "{0}-{1}-{2} ext. 4",
)  # fmt: skip


def phone(number: str, dice: Dice) -> str:
    """Ten digits, the way somebody typed them."""
    return dice.pick(PHONE_STYLES).format(number[:3], number[3:6], number[6:])


def wrong_digit(number: str, dice: Dice) -> str:
    """Ten digits, one of the last four mistyped. It may be somebody else's number."""
    place = 6 + dice.below(4)
    return number[:place] + str((int(number[place]) + 1 + dice.below(9)) % 10) + number[place + 1 :]


def email(mailbox: str, dice: Dice) -> str:
    """The same mailbox in another letter case, or with blanks around it."""
    local_part, _, domain = mailbox.partition("@")
    return dice.pick(
        (mailbox.upper(), mailbox.title(), f"{local_part.capitalize()}@{domain}", f" {mailbox}", f"{mailbox} ")
    )


def typo(text: str, dice: Dice) -> str:
    """The text with two letters swapped, one left out or one doubled; short texts stay as they are."""
    if len(text) < 4:  # noqa: PLR2004
        return text
    place = 1 + dice.below(len(text) - 2)
    before, here, after = text[:place], text[place], text[place + 1 :]
    return dice.pick((before + after[0] + here + after[1:], before + after, before + here + here + after))


def email_typo(mailbox: str, dice: Dice) -> str:
    """A mistyped mailbox: a slip before the @ or in the provider's name, never in the reserved top-level domain."""
    local_part, _, domain = mailbox.partition("@")
    provider, _, top = domain.rpartition(".")
    if dice.chance(0.5):
        return f"{typo(local_part, dice)}@{domain}"
    return f"{local_part}@{typo(provider, dice)}.{top}"


def name(text: str, dice: Dice) -> str:
    """All capitals or all small."""
    return text.upper() if dice.chance(0.5) else text.lower()


def street(text: str, dice: Dice) -> str:
    """The street, sometimes with its kind cut short."""
    for long, short in words.STREET_KINDS:
        if text.endswith(long) and dice.chance(0.3):
            return text.removesuffix(long) + dice.pick((short, f"{short}."))
    return text
