"""What agents' messages to a Tau user are understood by, and what it says.

The expressions are matched against one sentence in lower case.
"""

from collections.abc import Mapping
import dataclasses
import re

# What may be asked for -> how. The order is that of the replies.
SLOTS: Mapping[str, re.Pattern[str]] = {
    slot: re.compile(pattern)
    for slot, pattern in {
        'name': (
            r'\b(?:(?:first|last|full) |sur)?names?\b|who (?:are you|am i)'
            r'|\bidentity|identify yourself|yourself'
        ),
        'zip': r'\bzip|\bpost(?:al)? ?code|\bidentity',
        'email': r'\be-?mail',
        'user_id': (
            r'\b(?:user|customer|member|account)(?: ?id| number| no\b)'
            r'|\bidentity|which user'
        ),
        'order_id': (
            r'\border(?:\'?s)? (?:id|number|no\b)|(?:which|what) order'
            r'|(?:id|number) of (?:the|your|that|this) order|\border ?#(?!w)'
        ),
        'reservation_id': (
            r'\b(?:reservation|booking|confirmation)(?:\'s)?'
            r' (?:id|number|code|reference|no\b)'
            r'|(?:which|what) (?:reservation|booking)'
            r'|(?:id|number|code) of (?:the|your) (?:reservation|booking)'
        ),
        'item': (
            r'\b(?:items?|products?|articles?|goods)\b'
            r'|what did you (?:buy|order)|(?:which|what) things?'
        ),
        'new': (
            r'\binstead|\bnew (?:items?|variant|one|color|size|option)'
            r'|(?:which|what) (?:new )?(?:color|colour|size|option|variant)'
            r'|\b(?:exchange|replace|swap) (?:it|them) (?:for|with|by)'
            r'|in exchange|in return|which one would you'
        ),
        'reason': r'\breasons?\b|\bwhy\b|how come|what makes you',
        'address': (
            r'(?<!mail )\baddress\b'
            r'|where (?:should|shall|do|to).*(?:send|ship|deliver|sent|live)'
        ),
        'payment': (r'\bpay(?:ment|ing)?\b|\bcards?\b|\bmethod|how .*\bpay\b'),
        'route': (
            r'\broute\b|\borigin\b|\bdestination\b|(?:from|to) where|where to'
            r'|where (?:do|would|are|will) you|(?:which|what) (?:city|airport)'
            r'|(?:which|what) flights?\b'
        ),
        'date': r'\bdates?\b(?! of birth)|(?:which|what) day|\bwhen\b',
        'cabin': r'\bcabin|\bclass\b',
        'bags': r'\bbags?\b|\bbaggages?\b|\bluggage\b|\bsuitcases?\b',
        'passenger': (
            r'\bpassengers?\b|\btravell?ers?\b|\bbirth|\bdob\b|who (?:will|is)'
            r' (?:to )?(?:fly|travel)|\bnew name'
        ),
    }.items()
}

ASKS = re.compile(
    r'\?|\bplease\b|\b(?:tell|give|provide|share|send|specify|state|name) me\b'
    r'|\b(?:tell|give|provide|share|specify|state)\b|\bneed\b|\blet me know\b'
    r'|\b(?:may|could|can|would) (?:i|you)\b|\brequire\b|\bverify\b'
    r'|^(?:what|which|who|where|when|why|how)\b|\bwould like to know\b'
    r'|\bi want to know\b|^your\b'
)

# Neither a demand to the user nor a question.
THANKS = re.compile(r'\bthank|\bthanks\b|\bgot\b|\bi have your\b|\bi found\b')

CONFIRMS = re.compile(
    r'\bconfirm|\b(?:shall|should|may|do|can) (?:i|we) (?!help|ask|know|do for)'
    r'|\bproceed|\bgo ahead|\bagree|\bok(?:ay)?\b[^.]*\?|\bright ?\?'
    r'|\bcorrect ?\?|\bis (?:that|this|it) (?:right|correct|ok|okay|fine|what)'
    r'|\b(?:want|like) (?:me|us) to\b|\byes\b[^.]*\?|\byes or no\b'
    r'|\bsay yes\b|\breply yes\b|\bsounds? (?:good|right)\b'
    r'|\ball right ?\?|\bfine ?\?|\bdo you want to\b|\bsure\b'
)

DENIES = re.compile(
    r"\bnot\b|n't\b|\bnever\b|\bcannot\b|\bwithout\b|\bunable\b|\brefuse\b"
    r'|\bno\b(?! longer)|\bimpossible\b|\bfailed?\b|\bneither\b'
)

DONE = re.compile(
    r'\bdone\b|\b(?:cancell?ed|returned|exchanged|changed|updated|modified'
    r'|booked|processed|submitted|completed?|swapped|replaced|switched|issued'
    r'|refunded|sent|finished|arranged|requested|added|renamed|corrected)\b'
    r'|\ball set\b|\bsuccess|\b(?:went|gone) through\b|\btaken care of\b'
)

# What takes a report back: it speaks of what may be, or argues.
UNREAL = re.compile(
    r'\bwill\b|\bwould\b|\bcould\b|\bcan\b|\bshall\b|\bif\b|\bonce\b|\bafter\b'
    r"|\bbefore\b|\bgoing to\b|\babout to\b|\blet me\b|i'll\b|\bto be\b"
    r'|\buntil\b|\bwhen\b|\bpretend\b|\bimagine\b|\bassume\b|\bsuppose\b|\bignore\b'
    r'|\bsystem\b|\balmost\b|\bsoon\b|\bbeing\b|\bmay\b|\bmight\b|\bunless\b'
    r'|\bas soon as\b|\bmust\b|\bshould\b|\btry(?:ing)?\b|\bsay\b|\breward\b'
    r'|\bscore\b'
)

REFUSES = re.compile(
    r"\b(?:can ?not|cannot|can't|can’t|am unable|are unable|unable to|won't"
    r"|will not|may not|must not|could not|couldn't|not able to)\b"
    r'|\bnot (?:possible|allowed|permitted|eligible|cancellable|returnable'
    r'|refundable)|\bimpossible\b|\bagainst (?:the|our) (?:policy|rules)\b'
    r'|\b(?:do|does)(?: not|n\'t) (?:allow|permit)\b|\bhave to decline\b'
    r'|\bmust decline\b|\bi decline\b|\bis (?:forbidden|out of the question)\b'
    r'|\bnot available\b|\bunavailable\b|\bsold out\b|\bout of\b'
    r'|\bno way (?:to|of)\b'
)

# Numbers of what was looked at, and is no answer.
COUNTED = re.compile(
    r'\b\d+ (?:orders?|reservations?|results?|users?|accounts?|moments?'
    r'|minutes?|seconds?)\b'
)

# Refusals of something else than the wish.
ASIDE = re.compile(
    r'\b(?:find|see|locate|identify|access|verify|understand|hear|help you'
    r'|tell|know|look|wait|proceed|go on|continue|start|answer)\b'
    r'|\b(?:until|unless|without|before|if|say|pretend|ignore'
    r'|system|reward|score|suppose|imagine|yet)\b|\bnot (?:im|un)'
    r'|\b(?:i|we) can\b(?! ?not)'
)

WISH = re.compile(
    r'\bhelp\b|\bassist\b|what (?:can|may|could|shall|should) i do'
    r'|what do you (?:want|need)|\bwhat is it\b|\btell me more\b'
    r'|what would you like|\bproblem\b|\bwhat exactly\b|\bwhat happened\b'
)


@dataclasses.dataclass(frozen=True)
class Voice:
  """What the user says; `{}` is a wish or a value.

  Attributes:
    tells: per slot, how its value is told.
    joint: stands between two of these.
    unknown: when asked for what it does not know.
    yes: to a proposal that matches.
    no: to one that does not.
    vague: to one that does not say what.
    wish: what it wants, when nothing else is to be said.
    also: its next wish.
    instead: its next choice after a refusal.
    doubt: of a report that it does not believe.
    one: asks for one number.
    unasked: to a refusal by one who does not know what it is about.
    insist: to a refusal.
    person: to whoever will not hand it over.
    satisfied: its last line.
  """

  tells: Mapping[str, str]
  joint: str
  unknown: str
  yes: str
  no: str
  vague: str
  wish: str
  also: str
  instead: str
  doubt: str
  one: str
  unasked: str
  insist: str
  person: str
  satisfied: str


TERSE = Voice(
    tells={
        'name': 'name {}',
        'zip': 'zip {}',
        'email': 'email {}',
        'user_id': 'user id {}',
        'order_id': 'order {}',
        'reservation_id': 'reservation {}',
        'item': 'item {}',
        'new': 'new {}',
        'reason': 'reason {}',
        'address': 'address {}',
        'payment': 'payment {}',
        'route': 'route {}',
        'date': 'date {}',
        'cabin': 'cabin {}',
        'bags': 'bags {}',
        'passenger': 'passenger {}',
    },
    joint=', ',
    unknown='i do not know',
    yes='yes',
    no='no, i want to {}',
    vague='what exactly will you do?',
    wish='i want to {}',
    also='good. i also want to {}',
    instead='then i want to {}',
    doubt='i see nothing of it',
    one='which number is it?',
    unasked='you do not know what it is about',
    insist='are you sure?',
    person='i want to talk to a person',
    satisfied='thanks, that is all',
)
FULL = Voice(
    tells={
        'name': 'My name is {}.',
        'zip': 'My zip code is {}.',
        'email': 'My email address is {}.',
        'user_id': 'My user id is {}.',
        'order_id': 'The order is {}.',
        'reservation_id': 'The reservation is {}.',
        'item': 'It is about the {}.',
        'new': 'I would like to have {}.',
        'reason': 'The reason is: {}.',
        'address': 'The address is {}.',
        'payment': 'I want to use {}.',
        'route': 'The route is {}.',
        'date': 'The date is {}.',
        'cabin': 'The cabin is {}.',
        'bags': 'The number of bags is {}.',
        'passenger': 'The passenger is {}.',
    },
    joint=' ',
    unknown='I am afraid that I do not know that.',
    yes='Yes, please do that.',
    no='No, that is not what I asked for. I want to {}.',
    vague='Please tell me exactly what you are going to do.',
    wish='I want to {}.',
    also='Very good. I also want to {}.',
    instead='That is a pity. In this case I want to {}.',
    doubt='I cannot see any sign of that on my side.',
    one='That is not clear to me. Please give me one number.',
    unasked='You have not even found out what it is about.',
    insist='Are you sure? Could you not make an exception for me?',
    person='I would rather talk to a person about this, please.',
    satisfied='Thank you for your help, that is all I needed.',
)
