"""What the help desk of a bicycle shop has to do: tickets of seven customers, the same in every run."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["ANSWERS", "HANDBOOK", "NOTES", "Ticket", "make_tickets"]

HANDBOOK: Final = (
    "You answer the customers of a bicycle shop. Be friendly and brief. Look orders up before you speak about them. "
    "Parcels take two to four days. Goods may be returned within thirty days, unused, in their box; we pay the way "
    "back. Frames are guaranteed for ten years, wheels for three. Never promise a refund above 200 euros: pass it on."
)

_QUESTIONS: Final = (
    "Where is my order? It was to come on Tuesday.",
    "The back wheel of order {order} arrived bent. What now?",
    "Please send the invoice of {order} to {mail}.",
    "Can I still change the frame size of {order} to L?",
    "I paid {order} twice with card 4111 1111 1111 1111. Please check.",
    "The gears of the bike slip since yesterday. Is that covered?",
    "May I return the helmet from {order}? It is too small.",
    "Which lights fit the touring model of {order}?",
    "My parcel says delivered, but nothing is here. Call me on +49 30 901820.",
    "How do I true the front wheel myself?",
)

ANSWERS: Final = (
    "Your parcel left our warehouse yesterday and is with the carrier now. You should have it within two days; I have "
    "sent you the link to follow it.",
    "I am sorry about the wheel. Wheels are guaranteed for three years, so a new one is on its way to you today. Put "
    "the old one into the same box; we have it collected.",
    "The invoice is in your mailbox. It shows the discount of ten percent that we promised you last week.",
    "The frame has not been painted yet, so the change to size L costs nothing. It adds two days to the delivery.",
    "I see one payment and one that was only reserved. The reservation ends by itself within three days; nothing has "
    "been taken twice.",
    "That sounds like a cable that has stretched. Turn the barrel adjuster half a turn to the left; if it still slips, "
    "bring the bike in and we set it for free.",
    "Of course. Unused helmets can come back within thirty days, in their box. Here is your label; we pay the way.",
    "The front light with the hub connector fits, and so does the battery light with the rubber band. We have both.",
    "I have asked the carrier to look for it and written down your number. If it is not found by Friday, we send it "
    "again.",
    "Spin the wheel and watch the gap at the brake. Where it rubs, loosen the spokes on that side by a quarter turn "
    "and tighten those on the other.",
)

NOTES: Final = "Customer is friendly, was promised an answer today, has ordered three times, prefers e-mail."

_USERS: Final = ("ann", "bruno", "chen", "dara", "emil", "fatima", "goran")
_SHARES: Final = (0, 0, 1, 2, 2, 2, 3, 4, 5, 5, 6)
"""Who writes how often: indices into `_USERS`."""

# Scene, application, how many.
_PLAN: Final = (("agent", "helpdesk", 64), ("search", "shop-search", 52), ("summary", "backoffice", 36),
                ("triage", "helpdesk", 40), ("review", "backoffice", 12))  # fmt: skip


class Ticket(msgspec.Struct, frozen=True):
    """One thing to do.

    Attributes:
        number: From 1; what goes wrong depends on it alone.
        scene: `agent` (two steps with a tool), `search` (embeddings, then a stream), `summary`, `triage`, `review`.
        application: Which of the shop's applications it belongs to.
        user: The customer.
        question: What the customer wrote.
    """

    number: int
    scene: str
    application: str
    user: str
    question: str

    @property
    def session(self) -> str:
        """The conversation."""
        return f"ticket-{self.number}"

    @property
    def order(self) -> str:
        """The number of the order that it is about."""
        return f"B-{7000 + self.number * 37 % 1000}"


def make_tickets() -> list[Ticket]:
    """Every ticket, scenes mixed."""
    scenes = [(scene, application) for scene, application, count in _PLAN for _ in range(count)]
    step = 83  # has no factor in common with the number of tickets: every scene comes once in its turn
    found = []
    for place in range(len(scenes)):
        scene, application = scenes[place * step % len(scenes)]
        number = place + 1
        user = _USERS[_SHARES[number % len(_SHARES)]]
        ticket = Ticket(number, scene, application, user, "")
        text = _QUESTIONS[number % len(_QUESTIONS)].format(order=ticket.order, mail=f"{user}@mail.example")
        found.append(msgspec.structs.replace(ticket, question=text))
    return found
