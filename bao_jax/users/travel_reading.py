"""What a text says about a trip: aspects, wishes, places and days.

The vocabulary is closed: a text with a word outside of it is not understood,
and what is not understood earns nothing.
"""

from collections.abc import Iterator, Mapping
import functools
import re
from typing import NamedTuple
import unicodedata

from bao_jax.tasks.builtin import travel_values
from bao_jax.tasks.builtin import travel_words
from bao_jax.users import words

MAX_LENGTH = 2000  # Characters.

_phrases = travel_values.phrases

_ASPECTS = {
    'flight': 'flights, plane, airplane, fly, flying, air travel',
    'hotel': 'hotels',
    'apartment': 'apartments, flat, holiday flat',
    'rental_car': (
        'rental car, rental cars, car rental, car, cars, rental, vehicle, hire'
        ' car, rent a car, renting a car'
    ),
    'restaurant': 'restaurants, dinner, dining, place to eat, dine',
}
# They tell what they are about without naming an aspect.
_STANDALONE = {
    'flight': (
        'airline, airlines, carrier, layover, layovers, stopover, stopovers,'
        ' nonstop, window seat, aisle seat, departure time, take off'
    ),
    'restaurant': 'cuisine, cuisines, tasting menu',
    'rental_car': 'kind of car, small car, large car, compact car',
}
_FILLERS = """
able about acceptable access accommodation accommodations additional
additionally adult adults affordable again all allow allows already also always
am among amongst and another any anything appeal appealing appeals are arrival
arrivals arrive arriving as ask asking aspect aspects assist assistance at
availability available awesome based be because before best better between book
booked booking bookings budget can care certain cheap cheaper cheapest check
checking choice choices choose choosing chosen city clarify come comes
comfortable comfortably concerning confirm consider considering convenient cool
cost costs could criteria curious currently date dates day days daytime
departing departures describe desire desired desires detail details do does drop
during each either element elements enjoy enjoyable enjoying ensure essential
everything exact exactly expect expectation expectations experience experiences
factor factors fancy favor favorite favour favourite feature features feel
feeling find fine first follow following for general get give given go going
good got great guest guests had happy have haves hear hello help helpful here
hey hi holiday hope hoping how i idea ideal ideally if important in inclined
include included includes including inexpensive inform interest interested
interests into is it journey just keen kindly know last leaning learn least let
like list look looking love lovely low lowest main make many matter matters may
maybe me mean meaning means mention mind more most much must my narrow near need
needed needs next nice night nights no normally noted now of off offering offers
often ok okay on one only open option options or others our out overall own
particular particularly passenger passengers per perfect perhaps person pick
picky plan planning pleasant please possible prefer preferable preferably
preference preferences preferred prefers price priced prices priorities
prioritize priority proceed provide provides providing query question quick
rather really recommend recommendation recommendations recommended regard
regarding regards rent request require required requirement requirements
reservation reservations reserve respect restriction restrictions results return
returning right round search searching second seek seeking select shall share
should show since so some someone something sometimes somewhere soon sort sound
sounds special specific specifically stand start stay staying stays still style
such suggest suggested suggestion suggestions suit suitable suited suits support
sure tell terms than thank thanks that the their them then there these they
thing things think third this those through till to today towards town travel
traveler traveling travelling travels trip trips two type types typically under
understand understood until up upcoming us use usual usually vacation via visit
want wanted wanting wants way we well what when whether which while who whole
will wish wishes with within wonder wonderful wondering work working works would
yes you your yours yourself
""".split()
_FILLER_PHRASES = _phrases("""
kind of, kinds of, type of, types of, sort of, sorts of, what kind of, what type
of, a lot, let me know, tell me, in mind, check in, check out, pick up, drop
off, place to stay, one way, looking for, when it comes to, how about, what
about, is there, are there, at all, on the trip, do you mind
""")
_NEGATIONS = frozenset("""
not no never without except nor neither cannot don doesn isn aren won wouldn
didn shouldn couldn nothing skip avoid but
""".split())
_REQUEST = re.compile(
    r'(^|[.,:;!]\s*|please |(can|could|would) you )'
    r'(tell me|let me know|describe|share)\b'
    r'|\bi (need|want|would like) to know\b'
)
_POLITE = r"\b(do|would|should|could|is|are|does)n't (you|it|the)\b"


class Text(NamedTuple):
  """A text, as far as it was understood.

  Attributes:
    clear: whether every word is known and none denies or argues.
    asks: whether it is a question.
    aspects: what it names to book.
    categories: (aspect, category) pairs that it may ask about.
    cities: names in order, each with the preposition before it.
    dates: days in order.
  """

  clear: bool
  asks: bool
  aspects: frozenset[str]
  categories: frozenset[tuple[str, str]]
  cities: tuple[tuple[str, str], ...]
  dates: tuple[str, ...]


class _Vocabulary(NamedTuple):
  """What phrases mean; every word of a phrase is known.

  Attributes:
    aspects: phrase -> the aspects it names.
    categories: phrase -> the pairs that it may be about.
    cities: names of cities.
    dates: names of days, spaces as '_'.
    known: all phrases, those without a meaning included.
    longest: words of the longest phrase.
  """

  aspects: Mapping[str, str]
  categories: Mapping[str, frozenset[tuple[str, str]]]
  cities: frozenset[str]
  dates: frozenset[str]
  known: frozenset[str]
  longest: int


@functools.lru_cache(maxsize=4096)  # Players ask the same questions often.
def read(text: str, level: str) -> Text:
  """Reads a text from a policy.

  Args:
    text: of more than `MAX_LENGTH` characters nothing is understood.
    level: 'easy', 'medium' or 'full'.
  """
  if len(text) > MAX_LENGTH:
    return Text(False, False, frozenset(), frozenset(), (), ())
  vocabulary = _vocabulary(level)
  text = _normal(text)
  asks = '?' in text or bool(_REQUEST.search(text))
  found = list(_tokens(text, vocabulary))
  aspects = {vocabulary.aspects.get(token) for token in found} - {None}
  pairs = [vocabulary.categories.get(t, frozenset()) for t in found]
  cities = [
      (found[i - 1] if i else '', token)
      for i, token in enumerate(found)
      if token in vocabulary.cities
  ]
  return Text(
      clear=all(token in vocabulary.known for token in found),
      asks=asks,
      aspects=frozenset(aspects),
      categories=frozenset().union(*pairs),
      cities=tuple(cities),
      dates=tuple(token for token in found if token in vocabulary.dates),
  )


def _normal(text: str) -> str:
  """Returns the text in lower case, each date as one word."""
  text = unicodedata.normalize('NFKC', text).lower()
  text = re.sub('[\u2018\u2019]', "'", text)
  text = re.sub(_POLITE, r'\1 \2', text)
  text = re.sub(r"\b(what|that|it|there|who|where)'s\b", r'\1 is', text)
  text = re.sub(r"\b(i|you|we)'d\b", r'\1 would', text)
  text = re.sub(r"\b(i'm)\b", 'i am', text)
  text = re.sub(r"\b(you|we)'re\b", r'\1 are', text)
  month, day = '(april|may|june)', r'(\d{1,2})(?:st|nd|rd|th)?\b'
  text = re.sub(rf'\b{day}\s+(?:of\s+)?{month}\b', r'\2_\1 ', text)
  text = re.sub(rf'\b{month}\s+(?:the\s+)?{day}', r'\1_\2 ', text)
  to = r'(\s*(?:-|\u2013|to|until|till|through)\s*)'
  return re.sub(rf'\b{month}_(\d+)\s*{to}{day}', r'\1_\2 \3 \1_\4 ', text)


def _tokens(text: str, vocabulary: _Vocabulary) -> Iterator[str]:
  """Yields phrases, the longest known ones first; marks of a sentence not."""
  parts = re.findall(r"[a-z]+_\d+|[a-z]+(?:'[a-z]+)?|\d+|[^\s]", text)
  parts = [part for part in parts if part not in '.,!?;:()-"\u2013']
  i = 0
  while i < len(parts):
    longest = min(vocabulary.longest, len(parts) - i)
    size = next(
        (
            n
            for n in range(longest, 1, -1)
            if ' '.join(parts[i : i + n]) in vocabulary.known
        ),
        1,
    )
    yield ' '.join(parts[i : i + size])
    i += size


@functools.cache
def _vocabulary(level: str) -> _Vocabulary:
  aspects = {}
  for aspect, names in _ASPECTS.items():
    named = [aspect, *_phrases(names), *_phrases(_STANDALONE.get(aspect, ''))]
    aspects |= dict.fromkeys(named, aspect)
  categories: dict[str, frozenset[tuple[str, str]]] = {}
  for aspect, name, term in _terms():
    pairs = categories.get(term, frozenset())
    categories[term] = pairs | {(aspect, name)}
  cities = frozenset(city.lower() for city in travel_words.cities(level))
  dates = frozenset(
      day.lower().replace(' ', '_') for day in travel_words.days(level)
  )
  common = [
      phrase
      for kind in ('filler', 'aux', 'pronoun', 'det', 'prep', 'and', 'or')
      for phrase in words.KINDS[kind]
  ]
  meaning = {*aspects, *categories, *cities, *dates}
  idle = {*_FILLERS, *_FILLER_PHRASES, *common} - _NEGATIONS - words.DOUBTS
  known = frozenset(meaning | idle)
  longest = max(len(phrase.split()) for phrase in known)
  return _Vocabulary(aspects, categories, cities, dates, known, longest)


def _terms() -> Iterator[tuple[str, str, str]]:
  """Yields each word for each category: (aspect, category, word)."""
  for aspect, categories in travel_words.ASPECTS.items():
    for name, category in categories.items():
      values = category.values.items()
      forms = [f for value, v in values for f in (value, *v.forms)]
      for term in (name, *category.names, *forms):
        yield aspect, name, term
