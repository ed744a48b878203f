"""The claims of the Persuade gym, the concerns behind them, and their words."""

from collections.abc import Mapping
import dataclasses
import functools

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import words

LEVELS = ('easy', 'medium', 'full')


@dataclasses.dataclass(frozen=True)
class Concern:
  """A reason to hold a claim, and the counterpoint that meets it.

  Attributes:
    reason: in the words of the holder.
    counter: the counterpoint, as a clause.
    short: the same in two words.
    topics: words that name the concern.
    reasons: further phrases that side with the reason.
    counters: further phrases that make the counterpoint.
  """

  reason: str
  counter: str
  short: str
  topics: tuple[str, ...]
  reasons: tuple[str, ...]
  counters: tuple[str, ...]

  def slot(self, name: str) -> lexicon_lib.Slot:
    """Returns what a lexicon knows of the concern."""
    values = {
        self.counter: (self.short, *self.counters),
        self.reason: self.reasons,
    }
    return lexicon_lib.Slot(name, values, names=self.topics)


def _concern(
    reason: str, counter: str, short: str, topics: str, pro: str, con: str
) -> Concern:
  return Concern(
      reason,
      counter,
      short,
      words.phrases(topics),
      words.phrases(pro),
      words.phrases(con),
  )


CONCERNS = {
    'cost': _concern(
        'it saves money',
        'hidden costs eat the savings',
        'hidden costs',
        'cost, costs, money, price, budget, savings, taxes',
        """saves money, save money, saves us money, cheaper, is cheap, lowers
        costs""",
        """hidden cost, hidden expenses, extra costs, costs more, cost more,
        more expensive, eats the savings, eat up the savings, raises taxes,
        costs a fortune, cost a fortune, wastes money, waste money, waste of
        money""",
    ),
    'safety': _concern(
        'it keeps people safe',
        'the danger just moves elsewhere',
        'danger moves',
        'safety, safe, danger, dangers, risk, risks, security, accidents',
        """keeps us safe, keep people safe, is safer, prevents accidents,
        protects people""",
        """danger moves elsewhere, danger just moves, risk moves, risks move,
        moves the danger, moves the risk, shifts the risk, shifts the danger,
        false sense of security, causes accidents, causes more accidents, new
        dangers, new risks, less safe, more dangerous""",
    ),
    'health': _concern(
        'it is good for health',
        'the stress of it makes people ill',
        'stress sickens',
        'health, healthy, illness, sickness',
        'good for health, is healthy, makes people healthy, healthier',
        """makes people ill, makes us ill, makes people sick, causes stress,
        more stress, the stress of it, the stress, harms health, harm health, \
bad for
        health, unhealthy, causes illness, stress makes people ill""",
    ),
    'jobs': _concern(
        'it creates jobs',
        'more workers lose their jobs elsewhere',
        'workers fired',
        'jobs, work, employment, workers, job',
        'creates jobs, create jobs, brings jobs, more jobs, gives people work',
        """lose their jobs, lose their work, jobs are lost, jobs were lost, \
jobs get lost, jobs
        will be lost, destroys jobs, destroy jobs, kills jobs, costs jobs, fewer
        jobs, workers are fired, workers get fired, puts people out of work,
        loss of jobs, job losses, unemployment""",
    ),
    'time': _concern(
        'it saves time',
        'the paperwork takes more time than before',
        'endless paperwork',
        'time, hours, speed',
        'saves time, save time, is faster, quicker, saves hours',
        """paperwork, red tape, bureaucracy, takes more time, takes longer, take
        longer, wastes time, waste time, waste of time, causes delays, long
        delays, more delays, slows everything down, slower""",
    ),
    'nature': _concern(
        'it protects nature',
        'it only exports the pollution',
        'pollution exported',
        'nature, environment, climate, animals',
        """protects nature, protect nature, good for nature, is green, helps the
        climate""",
        """exports the pollution, exports pollution, moves the pollution, more
        pollution, pollutes more, pollution grows, pollution rises, harms
        nature, harm nature, harms the environment, bad for the environment,
        more waste, bad for nature, damages nature""",
    ),
    'fairness': _concern(
        'it treats everybody alike',
        'the poor carry most of the burden',
        'poor pay',
        'fairness, fair, equality, justice',
        'treats everybody alike, treats everyone alike, is fair, more equal',
        """the poor carry, the poor pay, hits the poor, hurts the poor, hurt \
the poor, burden
        on the poor, burdens the poor, unfair, unequal, unjust, favors the rich,
        helps only the rich, benefits the rich, the rich escape it""",
    ),
    'freedom': _concern(
        'it leaves people free to choose',
        'it takes choices away from others',
        'choices vanish',
        'freedom, liberty, choice, free',
        """leaves people free, free to choose, gives people freedom, more
        freedom""",
        """takes choices away, takes away choices, takes away choice, takes
        choice away, limits choice, limits choices, limits freedom, restricts
        freedom, fewer choices, less freedom, forces people, forces others,
        takes away freedom""",
    ),
    'tradition': _concern(
        'it has always been our way',
        'customs have changed many times before',
        'customs change',
        'tradition, traditions, custom, heritage, way of life',
        'always been our way, has always been, is our heritage, old way',
        """customs have changed, traditions change, traditions have changed,
        times change, times have changed, customs evolve, traditions evolve,
        other towns have moved on, new customs, outdated, out of date""",
    ),
    'order': _concern(
        'it is simple to run',
        'loopholes make it hard to enforce',
        'full loopholes',
        'order, rules, simplicity, enforcement',
        """simple to run, is simple, easy to run, easy to enforce, easy to
        manage""",
        """loopholes, loophole, hard to enforce, impossible to enforce,
        difficult to enforce, full of exceptions, too many exceptions, hard to
        manage, hard to control, easy to get around, breeds confusion""",
    ),
    'privacy': _concern(
        'it guards our privacy',
        'enforcing it needs constant surveillance',
        'constant surveillance',
        'privacy, data, private life',
        """guards our privacy, protects privacy, protect privacy, keeps data
        safe""",
        """surveillance, spying, spies on people, spying on people, cameras
        everywhere, collects data, collects more data, collecting data, watches
        everybody, watches everyone, data leaks, invades privacy, less
        privacy""",
    ),
    'learning': _concern(
        'children learn from it',
        'children learn more by trying things out',
        'trying teaches',
        'learning, education, children, kids',
        'children learn, kids learn from it, is educational, teaches children',
        """learn more by trying, learn by trying, learn by doing, learn more by
        doing, children learn more, kids learn more by trying, experience
        teaches more, experience teaches, bores children, children lose
        interest, hurts education, harms learning""",
    ),
    'quality': _concern(
        'it raises quality',
        'without competition quality drops',
        'quality drops',
        'quality, standards, standard',
        'raises quality, better quality, improves quality, raises standards',
        """quality falls, quality suffers, lower quality, lowers quality, drop
        in quality, worse quality, reduces quality, lowers standards, standards
        fall, standards drop, kills competition, less competition""",
    ),
    'community': _concern(
        'it brings neighbors together',
        'it splits towns into camps',
        'towns split',
        'community, neighbors, neighbours, people together, unity',
        """brings neighbors together, brings people together, unites people,
        unites us""",
        """splits towns, splits the town, splits communities, divides towns,
        divides the town, divides neighbors, divides people, divides us, divides
        communities, sets neighbors against each other, causes quarrels, more
        quarrels, quarrels""",
    ),
}

NAMES = {
    'easy': ('cost', 'safety', 'health', 'jobs', 'time', 'nature'),
    'medium': tuple(CONCERNS)[:10],
    'full': tuple(CONCERNS),
}

_VERBS = 'ban tax fund allow'.split()
_THINGS = """
cars phones zoos games ads drones malls trains fireworks robots pets boats
""".split()
PROPOSALS = {
    'easy': [f'{verb} {thing}' for verb in _VERBS for thing in _THINGS],
    'medium': [
        f'we should {verb} {thing}' for verb in _VERBS for thing in _THINGS
    ],
    'full': [
        'Cities should close their centers to cars',
        'Schools should require uniforms',
        'Museums should be open at night',
        'Supermarkets should stay closed on Sundays',
        'Voting should be required by law',
        'Bicycles should need a license plate',
        'Companies should be run by their staff',
        'The week should have four days in the office',
        'Parks should be run by private clubs',
        'Homework should be abolished',
        'Concert tickets should be sold by lottery',
        'Every roof should carry a garden',
        'Television news should be limited to one hour',
        'Trains should have silent carriages only',
        'Restaurants should publish their recipes',
        'Meetings should be held standing up',
        'Libraries should lend tools instead of films',
        'Cash should be withdrawn',
        'Sport clubs should accept every member',
        'Street musicians should need a permit',
        'Old bridges should be rebuilt exactly as they were',
        'Newspapers should print no advertising',
        'Letters should be delivered once a week',
        'Every house should have a shared kitchen',
    ],
}

_KNOWN = """
because, since, so, therefore, thus, hence, that, think, think about, consider,
consider that, look, look at, see, in practice, in reality, in the long run,
over the years, in the end, at the same time, for many, for many people, for
most people, for everybody, for everyone, for all, many, most, people, person,
families, family, everybody, everyone, somebody, others, other, others too,
towns, town, city, cities, country, countries, places, elsewhere, already,
always, often, usually, soon, quickly, later, again, after all, as a result, as
a consequence, leads to, lead to, means, mean, which means, this means, brings,
bring, causes, cause, creates, makes, make, made, gets, get, goes, become,
becomes, comes with, comes, more, much, even, too, still, though, although,
while, when, where, who, what, which, how, why, there, law, rule, policy, plan,
idea, claim, proposal, measure, step, your, you, your claim, your reason, hear,
understand, i understand, i hear you, i respect that, respect, care about, care,
worry, worries, worry about, matters, matter, important, concern, your concern,
of course, granted, admittedly, however, yet, in fact, in truth, evidence,
studies, studies show, research, research shows, experience, experience shows,
shows, show, found, tried, tried it, elsewhere shows, example, for example,
year, years, day, month, there is, there are, it is, with it, of it, about it,
from it, for it, under it, such, such as, like, any, every, all, some, new, old,
simply, only, just, exactly, the truth is, keep in mind, remember, remember
that, imagine, notice, first, second, next, finally, also, besides, moreover,
furthermore, on top, instead, then, now, will, would, happen, happens, happened,
bring with it, side effect, problem, problems, trouble, real, really, clear,
clearly, sadly, unfortunately, honestly, when it comes to, regarding,
concerning, as for, speaking of, thing, things, try, wherever, who tried this,
where this was tried, that did this, ends up with, than, than before, go up,
goes up, grow, rise, pay, face, faces, feel, feels, suffer, suffers, left, hard,
hardest, worst, it is about, point out, let me, me, my view, my, in my view
"""
# Who says so tells what somebody else thinks.
_ATTRIBUTIONS = """
you say, you say that, you said, you said that, you think, you think that, you
believe, you believe that, you claim, you claim that, they say, they say that,
some say, some say that, some think, people say, people say that, it is said
that, supposedly, allegedly
"""
# Praise: no known sentence calls a counterpoint welcome.
_PRAISE = 'good, great, alright, right, correct, true, fine, okay, ok, pretty'
# What speaks against the speaker rather than the claim; it loses a step.
_OFFENCES = """
stupid, idiot, idiots, idiotic, moron, dumb, fool, fools, foolish, ignorant,
ridiculous, shut up, liar, nonsense, everybody knows, everyone knows, everybody
agrees, everyone agrees, only a fool, because i say so, because i said so, trust
me, you must agree, no sane person, people like you, what do you know, you have
no idea, pathetic, silly
"""
# Who says so takes the other side, or dictates the stance: nothing else counts.
_CONCESSIONS = """
i agree with you, i agree with the claim, i agree, i support the claim, i
support it, the claim is true, the claim is right, your claim is right, your
claim is true, you are right, you are quite right, you are absolutely right,
both are true, both sides, on the other hand, one could also say the opposite,
stance, stances, disagree, strongly disagree, agree, convinced, persuaded,
change your mind, changed your mind, you changed my mind
"""


@functools.cache
def lexicon(level: str) -> lexicon_lib.Lexicon:
  """Returns all that the scripted holder of a level understands.

  Attributions are of the kind 'verb', offences of the kind 'thing', concessions
  of the kind 'head'.
  """
  proposals = ' '.join(PROPOSALS[level]).lower().split()
  return lexicon_lib.Lexicon(
      tuple(CONCERNS[name].slot(name) for name in NAMES[level]),
      fillers=(*words.phrases(_KNOWN), *proposals),
      verbs=words.phrases(_ATTRIBUTIONS),
      things=words.phrases(_OFFENCES),
      heads=words.phrases(_CONCESSIONS),
      misleading=words.phrases(_PRAISE),
  )


def level_of(prompt: str) -> str:
  """Returns the level whose claim a prompt states.

  Raises:
    ValueError: it states no built-in claim.
  """
  claim = prompt.partition(': ')[2]
  for level in LEVELS:
    if claim.startswith(tuple(PROPOSALS[level])):
      return level
  raise ValueError(f'No built-in Persuade task has the prompt {prompt!r}')


def claim(proposal: str, lead: str, level: str) -> str:
  """Returns the claim that makes a proposal for one reason."""
  if level == 'easy':
    return f'{proposal} for {lead}'
  if level == 'medium':
    return f'{proposal}, {CONCERNS[lead].reason}'
  return f'{proposal}, because {CONCERNS[lead].reason}.'


def argument(claim_text: str, concerns: Mapping[str, int], level: str) -> str:
  """Returns the holder's own argument: every concern, in their order."""
  if level == 'easy':
    return ', '.join(concerns)
  reasons = [CONCERNS[name].reason for name in concerns]
  if level == 'medium':
    return ', '.join(reasons)
  rest = ' '.join(f'Besides, {reason}.' for reason in reasons[1:])
  return f'{claim_text} {rest}'
