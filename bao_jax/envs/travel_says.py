"""What the Travel gym says; gaps are filled by what the gym computed alone."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Wording:
  """Replies to searches, to messages and to recommendations."""

  empty: str
  too_long: str
  outage: str
  unrelated: str
  incomplete: str
  searched: str
  found: str
  other: str
  vague: str
  apology: str
  not_an_id: str
  not_planned: str
  chosen: str
  best: str
  correct: str
  wrong: str


TERSE = Wording(
    empty='say something',
    too_long='use at most {} characters',
    outage='search failed, try again',
    unrelated='search for something to book',
    incomplete='name one thing with its place and day',
    searched='{} options are above',
    found='{} options',
    other='no wish there',
    vague='ask about one thing',
    apology='sorry, i cannot answer',
    not_an_id='give one id like F3',
    not_planned='not to be booked',
    chosen='chosen already',
    best='{} is best',
    correct='{} fits but a cheaper one does too',
    wrong='{} does not fit',
)
FULL = Wording(
    empty='The content is empty. Say what you mean by it.',
    too_long='That is too long. Use at most {} characters.',
    outage=(
        'The search service does not respond at the moment. Nothing was'
        ' searched; send your request again.'
    ),
    unrelated=(
        'This request asks for nothing that the database holds. Search for one'
        ' of the things that the traveler wants to book.'
    ),
    incomplete=(
        'The database cannot serve this request. Search for one thing at a'
        ' time, and state every place and date that goes with it.'
    ),
    searched=(
        'You have searched for the {} before. Its options are listed above.'
    ),
    found=(
        'That is a well-stated request. These are the options for the {}, one'
        ' JSON object per line. `cost` is in euros; a field that is missing is'
        ' unknown.'
    ),
    other='I have no particular wish there.',
    vague=(
        'I am not sure what you want to hear. Ask me about one side of one'
        ' thing that I want to book.'
    ),
    apology='I am sorry, I cannot answer that right now.',
    not_an_id=(
        'This is not an option. Give the id of exactly one option, such as F3.'
    ),
    not_planned='Nothing of this kind is to be booked on this trip.',
    chosen=(
        'You have recommended one of this kind already, and one is all you may'
        ' recommend.'
    ),
    best='{} is the best choice: it meets all wishes at the lowest cost.',
    correct=(
        '{} meets all wishes, but another option does so at a lower cost.'
    ),
    wrong='{} does not meet all wishes of the traveler.',
)

_SHORT = """\
Book a trip for me. Think first, then call the tool:
search: name one thing to book, its places and days; the reply lists options.
action: ask me about one wish, like flight time?
answer: the id of the option to book, once for each thing.
You have {max_turns} turns. Book the cheapest that meets all my wishes; find \
them out before you answer."""

_LONG = """\
You talk to an environment by calling a tool, and you want to solve its task.

# Environment
A traveler has told you what to book, but not all that matters to them. A \
database lists what can be booked. Find out the traveler's wishes, search the \
database, and recommend one option for each thing to be booked: the cheapest \
of those that meet all wishes about it.

# Choices
Call `interact_with_env` with one of three choices:
- search: `content` is one request to the database, for one thing, with every \
place and date that the traveler gave for it. The reply lists the options.
- action: `content` is what you say to the traveler. Ask about one side of one \
thing at a time, such as the view of the hotel; what is vague gets no answer. \
Wishes are hinted at rather than stated, so read between the lines.
- answer: `content` is the id of one option and nothing else, such as H2. You \
may recommend only one option of each kind, so be sure.

# Notes
- Before every call, think inside <think></think>.
- You have {max_turns} turns in all. Share them out among searching, asking \
and answering.
- A search may fail for no fault of yours; repeat it then.
- There may be several wishes about one thing, and none about others. What \
leaves out the field that a wish is about does not meet it."""

# By whether the level is 'full': the rules, and what follows the trip.
PROMPTS = {
    False: (_SHORT, ''),
    True: (
        _LONG,
        '\nMoney is short: of all that suits me, I take what costs least.',
    ),
}
