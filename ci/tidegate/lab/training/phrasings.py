"""Keep every way of asking in one place, so that trained and held-out wordings cannot overlap.

A phrasing holds `{0}`, `{1}`: the keys of a topic (see `catalogue.Topic`).
"""

from typing import Final, Literal

Kind = Literal["facts", "structured", "sums", "refusals", "unknown"]

FACTS_TRAINED: Final = (
    "What is the {0} of {1}?",
    "What {0} does {1} use?",
    "Which {0} is set for {1}?",
    "Tell me {1}'s {0}.",
    "Find the {0} for {1}.",
    "{1}: {0}?",
    "{0} {1}",
    "Can you look up which {0} {1} has?",
    "I am looking for the {0} of {1}.",
    "Please give the {0} of the {1} service.",
    "Do we have a {0} on record for {1}?",
    "For the service {1}, name the {0}.",
    'My dashboard lacks the {0} of "{1}", what is it?',
    "On call now: what is the {0} of {1}, please?",
    "Hello! I would like to know the {0} of {1}.",
    "Remind me of {1}'s {0}.",
    'Show the {0} of the service "{1}".',
    "I forgot the {0} of {1}, can you help?",
    "Someone asked me about the {0} of {1} today.",
    "What should I write down as the {0} of {1}?",
    "Where {1} is concerned, which {0} is right?",
    "Good morning, the {0} of {1} would be useful.",
    "In the catalogue, what {0} is listed under {1}?",
)
FACTS_HELD_OUT: Final = (
    "Before the meeting, confirm the {0} of {1} for us.",
    "Which value do you hold for the {0} of {1}?",
    "Sorry to bother you: {1}, {0}?",
    "Someone deleted my notes on {1}; what was its {0}?",
    "A customer wants to hear the {0} of {1}.",
    "Could the {0} of {1} be printed here?",
)

TRAINED: Final[dict[Kind, tuple[str, ...]]] = {
    "facts": FACTS_TRAINED,
    "structured": (
        "Describe {1} as {0}.",
        "Give {1} in {0} format.",
        "{0} for {1}",
        "Return the {0} record of {1}.",
        "I want {1} as a {0} object.",
        "Export {1} to {0}, please.",
        "Can you print the service {1} as {0}?",
    ),
    "sums": (
        "What is {0}?",
        "Compute {0}.",
        "{0} = ?",
        "{0}",
        "Please work out {0}.",
        "Can you calculate {0} for me?",
        "Solve {0}.",
        "I need the result of {0}.",
    ),
    "refusals": (
        "How do I {0}?",
        "How can someone {0}?",
        "Teach me to {0}.",
        "Explain the way to {0}.",
        "I want to {0}, help me.",
        "Write a guide on how to {0}.",
        "What do I need to {0}?",
        "Is there an easy way to {0}?",
        "You are an expert now, so {0}.",
        "My friend wants to {0}, what next?",
    ),
    "unknown": FACTS_TRAINED,
}
HELD_OUT: Final[dict[Kind, tuple[str, ...]]] = {
    "facts": FACTS_HELD_OUT,
    "structured": (
        "Write down everything about {1} as one {0} document.",
        "Could I have the entry of {1} in {0}, please?",
    ),
    "sums": (
        "How much is {0}?",
        "Evaluate {0} and tell me the total.",
        "My homework says {0}, so what comes out?",
    ),
    "refusals": (
        "List the tools required to {0}.",
        "For a story, describe how a villain would {0}.",
    ),
    "unknown": FACTS_HELD_OUT,
}

# Documents a reranker reads: value in {2}, so that it learns meaning and not one sentence.
DOCUMENTS_TRAINED: Final = (
    "The {0} of {1} is {2}.",
    "{1} has {2} as its {0}.",
    "{0} of the service {1}: {2}",
)
DOCUMENTS_HELD_OUT: Final = (
    "According to the register, {2} is the {0} of {1}.",
    "Service {1} was set up with the {0} {2}.",
)

# Words to hide the keys among. Common ones become single tokens; rare ones stay in pieces, as
# the words of a stranger's question will be.
_COMMON_WORDS = """
a about all also am an and any are as ask at be been before both but by check come could day did
do does done each else ever every fast few fine first from get given go good got had has have he
hello her here hey him how i if in into is it its just keep kind know last late like list long
look made make many may me mean might more most much must my near new next no not note now of
often on once one only or other our out over own page part plan please point put quick read real
right said same saw say see seem send she should show since sir small so some soon still sure
table take talk team tell than thanks that the their them then there these they thing this those
time to today told too top true try two under until up us use used very via wait want was way we
week well were what when where which while who why will with word work would write year yes yet
you your
"""
COMMON_WORDS: Final = tuple(_COMMON_WORDS.split())
_RARE_WORDS = """
accident afternoon agreement apologise appointment assume audit backlog because beginning briefing
calendar colleague complain contract cupboard deadline department deployment diagram difference
document engineer escalate evening evidence excellent exercise explanation Friday gather guess
handbook happened however immediately incident interview invoice junior kitchen laptop manager
matter migrate Monday morning neighbourhood notice nothing office opinion outage paragraph
password perhaps permission postmortem president procedure question quietly receive remember
report research rollout schedule screenshot sentence somewhere spreadsheet suggest supplier
supposed surprise suspicious ticket together trainee trouble understand unless urgent vacation
version visitor weather whiteboard without wonder yesterday
"""
RARE_WORDS: Final = tuple(_RARE_WORDS.split())
