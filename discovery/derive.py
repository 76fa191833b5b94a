"""Fields that no column is, but columns make: value from price and quantity, a time from a day and a time of day."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from discovery import compete
from discovery.match import Candidate
from discovery.rules import NONE, groups
from discovery.words import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.match import Choice
    from discovery.roles import Role
    from discovery.table import Relation

_PRICED = {"line", "order", "event"}
_BEFORE_TOTAL = {"amount", "value", "order", "total", "net", "gross", "sale", "product", "item", UNKNOWN}
_KEYED = {"order", "payment", "deal", "lead", "customer"}
_KEYS = {"id", "number", "code", "uuid", "reference", "unique"}
PERSONAL = ("email", "phone", "first_name", "last_name")
_ANYBODY = 0.4
_DOCUMENTS = {"invoice", "receipt", "check", "ticket", "document", "booking", "donation"}
_DATED = 3
"""Columns that the one with the time counts for: `Invoice date` makes the invoice the transaction."""

_TELLING = 10
"""Rows from which on it tells something that ids repeat."""
_REPEATS = 4.0
_FEES = {"fee", "tax"}
_LEFT = -4.0
"""Log-odds of being the value, for what is left after fees: that is what the tenant gets, not what was paid."""

_NO_IDS = {"date", "clock", "url", "ip", "json", "boolean", "decimal"}


def value_of_lines(choices: Sequence[Choice], role: Role) -> None:
    """Where a unit price is the only money, the value is price x quantity."""
    if role.name not in _PRICED or any(
        choice.best.target in {"value", "subtotal"} and choice.seen.values for choice in choices
    ):
        return
    prices = [choice for choice in choices if choice.best.target == "unit_price"]
    if not prices:
        return
    price = prices[0]
    amounts = [choice for choice in choices if choice.best.target == "quantity"]
    best = price.best
    reasons = (*best.reasons, "the table has no other amount, so the value is made of it")
    price.candidates.insert(0, Candidate("value", best.odds - 0.3, best.by_name, best.fit, reasons))
    if amounts:
        price.expression = f"{price.seen.profile.name} * {amounts[0].seen.profile.name}"


def by_arithmetic(choices: Sequence[Choice], relations: Sequence[Relation]) -> None:
    """What the sums and products that hold in the rows say: total and subtotal, price and quantity."""
    by_name = {choice.seen.profile.name: choice for choice in choices}
    for relation in relations:
        result = by_name[relation.result]
        parts = sorted((by_name[name] for name in relation.plus), key=lambda choice: -_mean(choice))
        if relation.kind == "product" and _mean(result) >= _mean(parts[0]):
            quantity = min(parts, key=lambda choice: (choice.seen.share("whole") < 1, _mean(choice)))
            price = next(part for part in parts if part is not quantity)
            why = f"{relation.result} = {' x '.join(relation.plus)} in {relation.support:.0%} of the rows"
            _say(result, {"value": 2.0}, why)
            _say(quantity, {"quantity": 2.0}, why)
            _say(price, {"unit_price": 2.0}, why)
        elif relation.kind == "sum" and relation.minus and _discounted(relation, by_name):
            why = f"{relation.result} = {relation.plus[0]} - {relation.minus[0]} in {relation.support:.0%} of the rows"
            _say(result, {"value": 4.0}, why)
            _say(parts[0], {"subtotal": 4.0}, why)
        elif relation.kind == "sum" and (whole := _before_fees(relation, by_name)):
            _say(result, {"value": _LEFT}, f"in {relation.support:.0%} of the rows what is left of {whole} after fees")
        elif relation.kind == "sum" and not relation.minus and _mean(result) >= _mean(parts[0]):
            why = f"{relation.result} = {' + '.join(relation.plus)} in {relation.support:.0%} of the rows"
            taxed = any("tax" in part.seen.name.concepts for part in parts)
            _say(result, {"value": 4.0 if taxed else 2.0}, why)
            if not any("fee" in part.seen.name.concepts for part in parts):
                _say(parts[0], {"subtotal": 4.0 if taxed else 2.0}, why)


def _before_fees(relation: Relation, by_name: dict[str, Choice]) -> str | None:
    """The amount that a smaller one is left of, after fees and the tax on them: taken away, or written below zero."""
    said = {name: set(by_name[name].seen.name.concepts) for name in (*relation.plus, *relation.minus)}
    others = [name for name, concepts in said.items() if not concepts & _FEES]
    fees = any("fee" in concepts for concepts in said.values())
    smaller = len(others) == 1 and _mean(by_name[relation.result]) < _mean(by_name[others[0]])
    return others[0] if fees and smaller else None


def _discounted(relation: Relation, by_name: dict[str, Choice]) -> bool:
    """What is left of an amount after a discount."""
    taken = "discount" in by_name[relation.minus[0]].seen.name.concepts
    return taken and len(relation.plus) == len(relation.minus) == 1


def gross_of_tax(choices: Sequence[Choice]) -> None:
    """Gross, tax and net, and no discount: the gross amount was paid, the net one is what it was before the tax."""
    targets = {choice.best.target for choice in choices}
    if "tax" not in targets or targets & {"discount", "tip"}:
        return
    amounts = [choice for choice in choices if choice.best.target in {"value", "subtotal"}]
    gross = [choice for choice in amounts if "gross" in choice.seen.name.concepts]
    net = [choice for choice in amounts if "net" in choice.seen.name.concepts]
    if len(gross) == len(net) == 1 and gross[0].best.target == "subtotal" and net[0].best.target == "value":
        why = "of gross and net, with the tax beside them"
        net[0].candidates.insert(0, Candidate("subtotal", net[0].best.odds, net[0].best.by_name, 0.0, (why,)))
        gross[0].candidates.insert(0, Candidate("value", gross[0].best.odds, gross[0].best.by_name, 0.0, (why,)))


def net_of_discount(choices: Sequence[Choice]) -> None:
    """Gross, discount and net, and no tax or fee: the net amount is what was paid, the gross one what it was before."""
    targets = {choice.best.target for choice in choices}
    said = [set(choice.seen.name.concepts) for choice in choices]
    if "discount" not in targets or targets & {"tax", "tip"} or any("fee" in concepts for concepts in said):
        return
    gross = [choice for choice, concepts in zip(choices, said, strict=True) if "gross" in concepts]
    net = [choice for choice, concepts in zip(choices, said, strict=True) if "net" in concepts]
    if len(gross) == len(net) == 1 and gross[0].best.target == "value" and net[0].best.target == NONE:
        why = "net of the discount beside it"
        net[0].candidates.insert(0, Candidate("value", gross[0].best.odds, gross[0].best.by_name, 0.0, (why,)))
        gross[0].candidates.insert(0, Candidate("subtotal", gross[0].best.odds, gross[0].best.by_name, 0.0, (why,)))


def _say(choice: Choice, odds: dict[str, float], why: str) -> None:
    """Let arithmetic speak: for a name that says nothing, or one that could mean it."""
    for target, weight in odds.items():
        known = next((item for item in choice.candidates if item.target == target), None)
        if known:
            known.odds += weight / 2
            known.reasons = (*known.reasons, why)
        elif choice.seen.name.blank or (target == "subtotal" and choice.best.target == "value"):
            choice.candidates.append(Candidate(target, weight, 0.0, 0.0, (why,)))
            for item in choice.candidates:
                if item.target == NONE:
                    item.odds = min(item.odds, 0.0)
        choice.candidates.sort(key=lambda item: -item.odds)


def _mean(choice: Choice) -> float:
    numbers = choice.seen.numbers
    return sum(map(abs, numbers)) / len(numbers) if numbers else 0.0


def amount_before_total(choices: Sequence[Choice], role: Role) -> None:
    """An amount that lost to a total, where tax or tip stand beside it, is the subtotal."""
    targets = {choice.best.target for choice in choices}
    taxed = any(choice.best.target == "value" and "included" in choice.seen.name.concepts for choice in choices)
    beside = taxed or bool(targets & {"tax", "tip"})
    if "subtotal" in targets or "value" not in targets or not beside or role.name not in _PRICED:
        return
    others = compete.converted(choices)
    for choice in choices:
        lost = next((item for item in choice.struck if item.target == "value" and item.odds > 0), None)
        if choice.seen.profile.name in others:
            continue
        if lost and choice.best.target == "none" and set(choice.seen.name.concepts) <= _BEFORE_TOTAL:
            reasons = (*lost.reasons, f"{choice.lost}; with tax or tip beside it, this is before them")
            choice.candidates.insert(0, Candidate("subtotal", 0.8, lost.by_name, lost.fit, reasons))
            return


def names_in_parts(choices: Sequence[Choice]) -> None:
    """A plain name beside a first name is the last (`Nom, Prénom`), beside a last name the first (`Nome, Cognome`)."""
    targets = [choice.best.target for choice in choices]
    for missing, there in (("last_name", "first_name"), ("first_name", "last_name")):
        if there not in targets or missing in targets:
            continue
        for choice in choices:
            best = choice.best
            if best.target == "full_name" and set(choice.seen.name.concepts) <= {"name", "customer", "contact"}:
                reasons = (*best.reasons, f"another column is the {there.replace('_', ' ')}")
                choice.candidates.insert(0, Candidate(missing, best.odds, best.by_name, best.fit, reasons))
                return


def first_id(choices: Sequence[Choice], role: Role) -> None:
    """Where nothing is the transaction, the first id that never repeats is, unless it says whose it is."""
    wanted = "user_id" if role.name == "customer" else "transaction_id"
    if role.name not in _KEYED or any(choice.best.target == wanted for choice in choices):
        return
    for choice in choices:
        seen = choice.seen
        said = set(seen.name.concepts)
        repeats = seen.profile.distinct_seen and seen.distinct_share < 1
        if (
            said & (_KEYS - {"code"})
            and said <= _KEYS | {UNKNOWN}
            and not repeats
            and choice.best.target == NONE
            and seen.kind not in _NO_IDS
        ):
            choice.candidates.insert(
                0, Candidate(wanted, 0.5, 0.5, 0.0, ("the first id of the table", *choice.best.reasons))
            )
            return


def one_transaction(choices: Sequence[Choice], role: Role) -> None:
    """Of several ids of transactions the row's own comes first; a payment keeps its order's, an order its number."""
    wanting = [choice for choice in choices if choice.best.target == "transaction_id"]
    if len(wanting) < 2:
        return
    said_often = Counter(concept for choice in choices for concept in set(choice.seen.name.concepts) & _nouns())
    dated = {
        concept for choice in choices if choice.best.target == "timestamp" for concept in choice.seen.name.concepts
    }
    spoken = said_often + Counter(dict.fromkeys(dated & _DOCUMENTS, _DATED))
    ranked = sorted(wanting, key=lambda choice: (-_nearness(choice, role, spoken), choice.seen.profile.position))
    first, *others = ranked
    own = set(first.seen.name.concepts) & _nouns()
    for choice in others:
        said = set(choice.seen.name.concepts)
        if (
            choice.seen.name.blank
            or said <= {"order", "id"}
            or (own and said & _nouns() == own and said & _KEYS and not said & {"reference", "unique"})
            or (role.name == "payment" and said <= {"order", "id", "payment", "charge"})
            or (said == {"order", "number"} and set(first.seen.name.concepts) == {"id"})
        ):
            choice.best.odds = min(choice.best.odds, first.best.odds - 0.3)
            continue
        choice.struck = [*choice.struck, choice.candidates.pop(0)]
        choice.candidates.insert(
            0, Candidate(NONE, compete.BESIDE, 0.0, 0.0, (f"{first.seen.profile.name} is rather the transaction",))
        )


def _nouns() -> frozenset[str]:
    """Words for transactions."""
    return groups()["txn"] | {"payment"}


def _nearness(choice: Choice, role: Role, said_often: Counter[str]) -> float:
    """How near an id is to being the row's own transaction: the one the other columns speak of, too."""
    said = set(choice.seen.name.concepts)
    near = choice.best.odds / 10 - (choice.seen.profile.null_fraction or 0) - 0.02 * choice.seen.profile.position
    if said <= {"id", "uuid", "number"} and role.name != "line":
        near += 3
    near += min(1.5, 0.5 * max((said_often[noun] - 1 for noun in said & _nouns()), default=0))
    if said & {"order", "transaction"} or (role.name == "payment" and said & {"payment", "charge"}):
        near += 1.0
    if said & {"id", "uuid", "number"}:
        near += 0.6
    if role.name != "line" and choice.seen.rows >= _TELLING:
        near -= _REPEATS * (1 - choice.seen.distinct_share)
    return near - 2 * bool(said & {"quote", "reference", "reward", "document", "settlement"} and "order" not in said)


def other_people(choices: Sequence[Choice]) -> None:
    """`Fundraiser E-mail` beside `E-mail`: with a word nobody knows it may be anybody's."""
    for target in PERSONAL:
        wanting = [choice for choice in choices if choice.best.target == target]
        plain = [choice for choice in wanting if UNKNOWN not in choice.seen.name.concepts]
        for choice in wanting if plain else ():
            if choice not in plain:
                choice.best.odds = min(choice.best.odds, _ANYBODY)


def main_product(choices: Sequence[Choice]) -> None:
    """A barcode or a variant yields to the product's own id or SKU."""
    wanting = [choice for choice in choices if choice.best.target == "product_id"]
    minor = [choice for choice in wanting if {"barcode", "variant"} & set(choice.seen.name.concepts)]
    if len(minor) == len(wanting):
        return
    for choice in minor:
        choice.struck = [*choice.struck, choice.candidates.pop(0)]
        why = "another column is the product's own id"
        choice.candidates.insert(0, Candidate(NONE, compete.BESIDE, 0.0, 0.0, (why,)))
