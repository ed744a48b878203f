"""The words of the Search gym's worlds: names, relations and their sentences.

A relation's sentences all hold its `cue`, so that a search for a title and the
cue finds them whatever the wording.
"""

from collections.abc import Mapping
import dataclasses

LEVELS = ('easy', 'medium', 'full')


@dataclasses.dataclass(frozen=True)
class Relation:
  """What an article says about its subject.

  Attributes:
    name: such as 'architect'.
    target: the kind of article it leads to; '' if to a plain value.
    values: what it can be, if plain.
    cue: a word that is in all `texts`.
    noun: a phrase for the target, with a gap for the subject.
    question: asks for the target, with a gap for the subject.
    texts: sentences with gaps `s`, the subject, and `v`, the target.
  """

  name: str
  target: str = ''
  values: tuple[str, ...] = ()
  cue: str = ''
  noun: str = ''
  question: str = ''
  texts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Kind:
  """A kind of article.

  Attributes:
    count: how many there are.
    names: parts of which each combination can be a title.
    relations: what every such article tells.
    intros: sentences that tell nothing, with a gap `s` for the title.
    joint: what joins the parts of a title.
  """

  count: int
  names: tuple[tuple[str, ...], ...]
  relations: tuple[Relation, ...]
  intros: tuple[str, ...] = ()
  joint: str = ' '


def kinds(level: str) -> Mapping[str, Kind]:
  """Returns the kinds of articles of a level, by name.

  Args:
    level: 'easy', 'medium' or 'full'.

  Raises:
    ValueError: there is no such level.
  """
  if level not in LEVELS:
    raise ValueError(f'Unknown level {level!r}; use one of {list(LEVELS)}')
  return {'easy': _EASY, 'medium': _medium(), 'full': _FULL}[level]


def _years(first: int, last: int) -> tuple[str, ...]:
  return tuple(str(year) for year in range(first, last + 1))


def _terse(name: str, target: str = '', values: str = '') -> Relation:
  """Returns a relation of which only keywords are told."""
  return Relation(
      name=name,
      target=target,
      values=tuple(values.split()),
      cue=name,
      noun=f'{name} of {{}}',
      question=f'{name} of {{}}?',
      texts=(f'{name} {{v}}.',),
  )


_EASY = {
    'person': Kind(
        48,
        (
            tuple("""
                ada ben carl dora emil finn gina hugo ida jack kate leo mona
                nils olga paul rosa sam tess ugo vera walt yves zoe abel bella
                cleo dan ella fred greta hans irma jon kurt lena max nora otto
                pia ralf sara tom ulla vito wanda xena zeno
                """.split()),
        ),
        (
            _terse(
                'job', '', 'baker smith guard nurse cook clerk tailor miner'
            ),
            _terse('home', 'town'),
            _terse('friend', 'person'),
        ),
    ),
    'place': Kind(
        32,
        (
            tuple("""
                mill inn forge barn tower chapel shop stable school bridge port
                mine castle garden library temple bath market prison theater
                palace cabin bakery brewery kiln ferry gate well court villa
                shed vault
                """.split()),
        ),
        (_terse('owner', 'person'), _terse('builder', 'person')),
    ),
    'town': Kind(
        16,
        (
            tuple("""
                arl brom corva dunt elst fenna grole hask ilm jorva kelm lund
                marra nost orla pell
                """.split()),
        ),
        (
            _terse('mayor', 'person'),
            _terse('crop', '', 'rice wheat corn hops beans flax'),
        ),
    ),
}

_FIRST = """
Alda Bruno Celia Dario Edda Fabio Gesine Halvar Ilka Jorun Kasimir Liva Matteo
Nerea Osric Petra Quirin Runa Sixten Tilda Umberto Vesna Wendel Ylva Zdenko
""".split()
_LAST = """
Arnhold Brissac Castell Dornay Elvering Fausch Gravell Hollin Istvane Jessup
Kerrow Lindqvar Morrow Nachtel Ostrand Pellam Quist Rovere Sandrin Tarvell
Ulmer Vantor Wexley Yarrow
""".split()
_TOWN_HEADS = 'Ash Bell Cold Drift Elder Fen Gold Haver Iron Larch'.split()
_TOWN_TAILS = 'mere vale wick stead holm combe'.split()
_BUILDING_HEADS = """
Amber Candle Copper Falcon Granite Heron Lantern Marble Otter Poplar Raven
Silver Sparrow Thistle Velvet Willow
""".split()
_BUILDING_TAILS = 'Bridge Tower Gate Hall Lighthouse Arcade'.split()
_WORK_HEADS = """
Broken Crimson Distant Empty Gentle Hidden Hollow Lonely Patient Quiet Restless
Salted Sleeping Wooden
""".split()
_WORK_TAILS = """
Orchard Harbor Mirror Winter Violin Staircase Meadow Comet Harvest Letter
""".split()
_EVENT_HEADS = """
Autumn Barley Cedar Dragon Feather Honey Jasmine Midnight Pearl Sailcloth Snow
Tulip
""".split()
_EVENT_TAILS = 'Regatta Fair Expedition Pageant'.split()
_SCHOOL_HEADS = """
Beacon Compass Juniper Keystone Meridian Northern Oakleaf Polestar Saffron
Tidewater Vesper Whitestone
""".split()
_SCHOOL_TAILS = 'Academy College Institute'.split()

_JOBS = """
painter surgeon lawyer botanist printer watchmaker chemist gardener pilot
sculptor
""".split()
_REGIONS = 'Tarnland Veskar Lowmark Brenna Oriel Sundry Hask Pellmoor'.split()
_RIVERS = 'Wend Sarre Lisk Tamble Oda Vire Mossen Kell Brae Ister'.split()
_MATERIALS = 'granite brick oak sandstone iron limestone marble slate'.split()
_EMBLEMS = 'owl anchor beehive comet key lion oak ship'.split()

_PERSON = Kind(
    150,
    (tuple(_FIRST), tuple(_LAST)),
    (
        Relation(
            'birth year',
            values=_years(1801, 1840),
            cue='born',
            question='In what year was {} born?',
            texts=(
                '{s} was born in {v}.',
                'Born in {v}, {s} was the youngest of four children.',
                'The parish books say that {s} was born in the year {v}.',
            ),
        ),
        Relation(
            'birthplace',
            target='town',
            cue='birthplace',
            noun='the birthplace of {}',
            question='Which town is the birthplace of {}?',
            texts=(
                'The birthplace of {s} is {v}.',
                'A plaque in {v} marks the birthplace of {s}.',
                'Like many others, {s} left {v}, the family birthplace, early.',
            ),
        ),
        Relation(
            'profession',
            values=tuple(_JOBS),
            cue='profession',
            question='What was the profession of {}?',
            texts=(
                'The profession of {s} was that of a {v}.',
                'By profession {s} was a {v}.',
                'Trained as a {v}, {s} stayed with that profession for life.',
            ),
        ),
        Relation(
            'rival',
            target='person',
            cue='rival',
            noun='the rival of {}',
            question='Who was the rival of {}?',
            texts=(
                'The great rival of {s} was {v}.',
                '{s} always called {v} a rival and never a friend.',
                'Letters show that {s} saw a rival in {v}.',
            ),
        ),
        Relation(
            'school',
            target='school',
            cue='school',
            noun='the school at which {} taught',
            question='At which school did {} teach?',
            texts=(
                '{s} later taught at a school, {v}.',
                'The school where {s} taught was {v}.',
                'For nine years {v} was the school at which {s} taught.',
            ),
        ),
    ),
    (
        '{s} is remembered fondly by some and not at all by others.',
        'Not much of what {s} said in public was ever printed.',
        'There are two biographies of {s}, and they disagree.',
    ),
)
_TOWN = Kind(
    40,
    (tuple(_TOWN_HEADS), tuple(_TOWN_TAILS)),
    (
        Relation(
            'region',
            values=tuple(_REGIONS),
            cue='region',
            question='In which region does {} lie?',
            texts=(
                '{s} lies in the region {v}.',
                'The region around {s} is called {v}.',
            ),
        ),
        Relation(
            'river',
            values=tuple(_RIVERS),
            cue='river',
            question='Which river flows past {}?',
            texts=(
                'The river {v} flows past the walls of {s}.',
                '{s} drinks from the river {v}.',
            ),
        ),
        Relation(
            'mayor',
            target='person',
            cue='mayor',
            noun='the mayor of {}',
            question='Who was the mayor of {}?',
            texts=(
                'For a long time {v} was mayor of {s}.',
                'The best known mayor of {s} was {v}.',
            ),
        ),
        Relation(
            'founding year',
            values=_years(1101, 1180),
            cue='founded',
            question='In what year was {} founded?',
            texts=(
                '{s} was founded in {v}.',
                'Monks founded {s} in the year {v}.',
            ),
        ),
    ),
    (
        '{s} has a market on Thursdays and fog on most other days.',
        'Travellers pass through {s} without noticing it.',
    ),
    joint='',
)
_BUILDING = Kind(
    90,
    (tuple(_BUILDING_HEADS), tuple(_BUILDING_TAILS)),
    (
        Relation(
            'architect',
            target='person',
            cue='architect',
            noun='the architect of {}',
            question='Who was the architect of {}?',
            texts=(
                'The architect of {s} was {v}.',
                '{v} was chosen as the architect of {s} by lot.',
                'As its architect, {v} signed the plans of {s}.',
            ),
        ),
        Relation(
            'town',
            target='town',
            cue='town',
            noun='the town where {} stands',
            question='In which town does {} stand?',
            texts=(
                '{s} stands in the town of {v}.',
                'The town of {v} keeps {s} in good repair.',
            ),
        ),
        Relation(
            'opening year',
            values=_years(1861, 1890),
            cue='opened',
            question='In what year was {} opened?',
            texts=(
                '{s} was opened in {v}.',
                'It rained when {s} was opened in the spring of {v}.',
            ),
        ),
        Relation(
            'material',
            values=tuple(_MATERIALS),
            cue='material',
            question='Of what material was {} built?',
            texts=(
                'The material of {s} is {v}.',
                'Its builders chose {v} as the material for {s}.',
            ),
        ),
    ),
    (
        '{s} appears on a stamp.',
        'Swallows nest under the roof of {s}.',
    ),
)
_WORK = Kind(
    100,
    (('The',), tuple(_WORK_HEADS), tuple(_WORK_TAILS)),
    (
        Relation(
            'author',
            target='person',
            cue='author',
            noun='the author of {}',
            question='Who is the author of {}?',
            texts=(
                'The author of {s} is {v}.',
                '{s} appeared without a name, but its author is {v}.',
            ),
        ),
        Relation(
            'dedicatee',
            target='person',
            cue='dedicated',
            noun='the person to whom {} is dedicated',
            question='To whom is {} dedicated?',
            texts=(
                '{s} is dedicated to {v}.',
                'A page in front of {s} says that it is dedicated to {v}.',
            ),
        ),
        Relation(
            'setting',
            target='town',
            cue='set',
            noun='the town in which {} is set',
            question='In which town is {} set?',
            texts=(
                '{s} is set in {v}.',
                'The story of {s} is set in a cellar in {v}.',
            ),
        ),
        Relation(
            'publication year',
            values=_years(1861, 1890),
            cue='published',
            question='In what year was {} published?',
            texts=(
                '{s} was published in {v}.',
                'First published in {v}, {s} sold eleven copies.',
            ),
        ),
    ),
    (
        '{s} is a novel in three parts.',
        'Few readers have finished {s}, a long novel.',
    ),
)
_EVENT = Kind(
    40,
    (tuple(_EVENT_HEADS), tuple(_EVENT_TAILS)),
    (
        Relation(
            'leader',
            target='person',
            cue='leader',
            noun='the leader of {}',
            question='Who was the leader of {}?',
            texts=(
                'The leader of {s} was {v}.',
                '{v} agreed to be the leader of {s} after a long dinner.',
            ),
        ),
        Relation(
            'town',
            target='town',
            cue='began',
            noun='the town where {} began',
            question='In which town did {} begin?',
            texts=(
                '{s} began in {v}.',
                'With a salute {s} began at the gates of {v}.',
            ),
        ),
        Relation(
            'year',
            values=_years(1861, 1890),
            cue='year',
            question='In what year did {} take place?',
            texts=(
                '{s} took place in the year {v}.',
                'The year of {s} is {v}.',
            ),
        ),
    ),
    ('{s} was talked about for months.', 'Songs were made about {s}.'),
)
_SCHOOL = Kind(
    30,
    (tuple(_SCHOOL_HEADS), tuple(_SCHOOL_TAILS)),
    (
        Relation(
            'founder',
            target='person',
            cue='founder',
            noun='the founder of {}',
            question='Who was the founder of {}?',
            texts=(
                'The founder of {s} was {v}.',
                '{v}, the founder of {s}, gave it a library.',
            ),
        ),
        Relation(
            'seat',
            target='town',
            cue='seat',
            noun='the town where {} has its seat',
            question='In which town does {} have its seat?',
            texts=(
                '{s} has its seat in {v}.',
                'The seat of {s} is a former brewery in {v}.',
            ),
        ),
        Relation(
            'emblem',
            values=tuple(_EMBLEMS),
            cue='emblem',
            question='What is the emblem of {}?',
            texts=(
                'The emblem of {s} is the {v}.',
                'On its emblem {s} has the {v}.',
            ),
        ),
    ),
    ('{s} takes only a dozen pupils a year.', 'Lessons at {s} begin at six.'),
)

_FULL = {
    'person': _PERSON,
    'town': _TOWN,
    'building': _BUILDING,
    'work': _WORK,
    'event': _EVENT,
    'school': _SCHOOL,
}
_MEDIUM_COUNTS = {
    'person': 80,
    'town': 24,
    'building': 50,
    'work': 36,
    'school': 16,
}


def _medium() -> Mapping[str, Kind]:
  """Returns a part of the world of `full`, told in keywords."""
  return {
      name: _in_keywords(_FULL[name], count)
      for name, count in _MEDIUM_COUNTS.items()
  }


def _in_keywords(kind: Kind, count: int) -> Kind:
  relations = tuple(
      dataclasses.replace(
          _terse(relation.name, relation.target),
          values=tuple(value.lower() for value in relation.values),
      )
      for relation in kind.relations
  )
  names = tuple(
      tuple(part.lower() for part in parts)
      for parts in kind.names
      if parts != ('The',)
  )
  return Kind(count, names, relations, joint=kind.joint)
