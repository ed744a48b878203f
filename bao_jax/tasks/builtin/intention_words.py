"""The requests of the Intention gym and all the words it understands."""

from collections.abc import Mapping
import dataclasses
import functools

from bao_jax.tasks.builtin import intention_kinds
from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import words

LEVELS = ('easy', 'medium', 'full')
NUM_OPTIONS = {'easy': 3, 'medium': 4, 'full': 4}  # At most, of a kind.

KINDS = intention_kinds.KINDS

MEDIUM = 'I need something done'  # How a request at that level begins.


@dataclasses.dataclass(frozen=True)
class Domain:
  """Requests that can leave the same details open.

  Attributes:
    subjects: how a request begins; at the short levels the thing alone.
    kinds: each kind of detail and its importance, from 1 to 3.
  """

  subjects: tuple[str, ...]
  kinds: Mapping[str, int]


def _domain(subjects: str, kinds: str) -> Domain:
  pairs = [pair.split('=') for pair in kinds.split()]
  return Domain(words.phrases(subjects), {k: int(n) for k, n in pairs})


# By category, which the policy reads.
DOMAINS = {
    'easy': {
        'clothes': _domain(
            'coat, hat, shirt, scarf, belt, dress',
            'size=3 color=2 price=2 day=1',
        ),
        'furniture': _domain(
            'chair, desk, shelf, lamp, bed, bench',
            'price=3 size=2 day=2 color=1',
        ),
        'presents': _domain(
            'kite, ball, drum, doll, puzzle, robot',
            'day=3 price=2 color=1 size=1',
        ),
    },
    'medium': {
        'clothes': _domain(
            'coat, hat, shirt, scarf, belt, dress',
            'size=3 color=2 fabric=2 price=2 day=1',
        ),
        'furniture': _domain(
            'chair, desk, shelf, lamp, bed, bench',
            'room=3 price=2 size=2 material=2 color=1',
        ),
        'presents': _domain(
            'kite, ball, drum, doll, puzzle, robot',
            'day=3 price=2 color=2 material=1 size=1',
        ),
        'repairs': _domain(
            'door, window, roof, fence, floor, wall',
            'room=3 day=3 price=2 material=2 color=1',
        ),
    },
    'full': {
        'Writing': _domain(
            'Write a speech, Write a report, Draft a newsletter',
            'audience=3 length=2 tone=2 deadline=2 language=1 format=1',
        ),
        'Travel': _domain(
            'Plan a trip, Organize an excursion, Plan a holiday',
            'place=3 budget=3 duration=2 transport=2 people=2 deadline=1',
        ),
        'Cooking': _domain(
            'Suggest a menu, Find a recipe for dinner, Find a good dessert',
            'diet=3 people=2 level=2 budget=2 deadline=1 format=1',
        ),
        'Shopping': _domain(
            'Help me buy a desk, Help me buy a bag, Help me choose a lamp',
            'budget=3 size=2 purpose=2 material=2 color=1 deadline=1',
        ),
        'Learning': _domain(
            'Find a course, Recommend a tutor, Make a study plan',
            'level=3 budget=2 schedule=2 duration=2 language=2 device=1',
        ),
        'Events': _domain(
            'Organize a party, Plan a reunion, Arrange a small concert',
            'people=3 place=3 schedule=2 budget=2 diet=1 tone=1',
        ),
        'Research': _domain(
            'Find studies on sleep, Summarize what is known about tides,'
            ' Collect articles on solar power',
            'period=3 source=3 level=2 length=2 format=1 language=1',
        ),
        'Fitness': _domain(
            'Make a training plan, Set up a running program,'
            ' Put together an exercise routine',
            'level=3 purpose=3 schedule=2 duration=2 place=1 device=1',
        ),
        'Entertainment': _domain(
            'Recommend a book, Recommend a film, Find me a podcast',
            'genre=3 audience=2 language=2 period=1 tone=1 device=1',
        ),
        'Software': _domain(
            'Build a website, Write a small app, Set up an online shop',
            'purpose=3 device=3 audience=2 budget=2 deadline=2 color=1',
        ),
    },
}

# What a question may say beside what it asks about.
_KNOWN = """
your, you would, what, which, how, like, want, wants, need, needs, needed,
prefer, preferred, prefers, preference, preferences, no preference, have in
mind, in mind, looking for, look for, looking, thinking of, thinking about,
interested in, interested, plan, planning, planned, intend, intended, choose,
pick, go with, go for, work best, works best, works, better, best, right, suit,
suits, suitable, fit, fits, specific, specifically, particular, particularly,
certain, ideal, ideally, desired, expected, expect, kind, kinds, type, types,
sort, sorts, option, options, choice, matters, matter, important, requirement,
requirements, request, task, project, detail, details, information, help, help
you, to help, assist, understand, know, to know, question, first, second,
before, start, started, begin, more, else, example, for example, such, such as,
one, want it, consider, keep in mind, comfortable, comfortable with, hoping,
hope, hoping for, roughly, approximately, around, use, using, used, make, made,
get, give, create, find, buy, write, purchase, should i, share, specify, please
specify, clarify, describe, confirm, name, state, tell, let me know, i need to
know, i would like to know, may i ask, may i know, may i, can i ask, could i
ask, ask, me, us, aiming for, aiming, targeting, decide, decided, set, have,
there, already, instance, something like, i see, so that, search, plan it, have
you, take place, cover, happen, meant, ready, finished, delivered, arrive, done,
take, last, about, on, in, to be, look, feel, sound, sure, want this, this,
that, range, here, also, next, ordering, curious, curious about, wondering,
wondering about, would you say, envision, imagine, target, maximum, minimum,
most, main, required, supposed, follow, considering, trust, involved, text,
joining, attending, coming, going, traveling, invited, with, everyone, someone,
anyone, own, current, currently, any idea, idea, rough, exactly, focus, focus
on, focused on, visit, cook, cooking, eat, serve, read, watch, learn, see, go,
stay, listen, hear, run, play, wear, hold, hang, put, end, present, reach,
address, travel, visit often, achieve, train, practice, study, summary, trip,
holiday, speech, report, newsletter, course, app, website, shop, party, meal,
dinner, menu, recipe, plan for, program, book, film, podcast, studies, articles,
piece, item, thing, product, event, content, result, final, version, hoping to,
planning to, looking to, going to, willing to, want to, able to, allowed, to go,
to stay, to spend, to use, think of, favor, favorite, special, additional,
further, possible, usually, usual, normally, per, whole, overall, total, full
"""
# Whoever says so asks, even without a question mark.
ASKING = frozenset(words.phrases("""
what, which, how, tell me, let me know, specify, please specify, clarify,
describe, confirm, share, i need to know, i would like to know, may i know, may
i ask, i want to know if, i want to know whether, could you tell me, can you
tell me, tell, state, ask, curious, curious about, wondering about, let me know
if, let me know whether, i would like to know if, i would like to know whether
"""))


@functools.cache
def lexicon(level: str, category: str) -> lexicon_lib.Lexicon:
  """Returns all that whoever posted a request understands.

  Args:
    level: 'easy', 'medium' or 'full'.
    category: of the request; its own kinds win the names that kinds share.
  """
  domains = DOMAINS[level]
  own = domains[category].kinds
  others = [k for d in domains.values() for k in d.kinds if k not in own]
  slots = []
  for kind in (*dict.fromkeys(others), *own):
    options = KINDS[kind].options
    slots.append(lexicon_lib.Slot(kind, options, names=KINDS[kind].names))
  subjects = {word for s in domains[category].subjects for word in s.split()}
  known = [*words.phrases(_KNOWN), *(word.lower() for word in subjects)]
  known.append(category.lower())
  # Who asks for "my budget" does not ask for the user's.
  return lexicon_lib.Lexicon(
      tuple(slots), fillers=tuple(known), misleading=('my', 'mine')
  )


def level_of(prompt: str) -> tuple[str, str]:
  """Returns the level and the category of the request that a prompt poses.

  Raises:
    ValueError: it poses no built-in request.
  """
  category, _, text = prompt.removeprefix('Category: ').partition(': ')
  category = category.split('\n')[0]
  level = 'medium' if text.startswith(MEDIUM) else 'easy'
  level = 'full' if prompt.startswith('Category: ') else level
  if category not in DOMAINS[level]:
    raise ValueError(f'No built-in Intention task has the prompt {prompt!r}')
  return level, category


def options(level: str, kind: str) -> list[str]:
  """Returns what a detail of a kind can be at a level."""
  return list(KINDS[kind].options)[: NUM_OPTIONS[level]]
