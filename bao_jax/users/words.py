"""The common words of English that questions and answers are made of.

Each kind plays one part in `wording`; a word in none of them is unknown there.
"""


def phrases(text: str) -> tuple[str, ...]:
  """Splits at commas: 'out of, for' holds two phrases."""
  return tuple(' '.join(part.split()) for part in text.split(','))


_FILLERS = """
so ok okay then now well hmm hm um uh ah oh please hey hi hello thanks great
good alright right correct true yes yeah really actually just only simply
exactly also either both maybe perhaps possibly probably definitely certainly
likely me my guess answer indeed here surely all up down out deep high together
quite rather pretty
""".split()

_PHRASES = phrases("""
yes or no, thank you, do you think, would you say, would you say that, would you
call it, would you describe it as, could you say, can i say, can we say, could
we say, may i say, could you tell me, can you tell me, tell me, tell me if, tell
me whether, let me ask, let me guess, let me know if, let me know whether, i
want to know if, i want to know whether, i would like to know if, i would like
to know whether, i need to know if, i wonder if, i wonder whether, i am
wondering if, i am wondering whether, do you know if, could you confirm, can you
confirm, please confirm, am i right that, am i right in thinking, am i right to
think, am i right to say, would i be right to say, would it be right to say,
would it be fair to say, would it be correct to say, is it fair to say, is it
safe to say, is it right to say, is it correct to say, is it the case that, is
it true that, i think, i think that, i believe, i believe that, i guess, i guess
that, i say, i suppose, i suspect, i suspect that, i bet, i would say, i would
guess, my guess, my guess is, my guess would be, my answer is, my final answer
is, my final answer, the answer is, final answer, final guess, what about, how
about, any chance, is there any chance, is there a chance, by any chance, by
chance, one of, one of these, one of those, not wrong, not false, not untrue, in
fact, of course, at all, i see, got it, got that, next question, quick question,
another question, one more question, last question, for sure, by the way, am i
right, are you thinking of, you are thinking of, do you picture it as, can it be
described as, to say, in saying, if i say, if i said, if i call it, to call it,
to think, in thinking, take place, took place, say yes, say no, want to, wanted
to, is it possible that, is it possible, is there a possibility that, any
possibility, describe it as, described as, picture it as, see it as, think of it
as, describe the animal as, i am thinking of, i am picturing, would people call
it, do people call it, some kind of, some sort of, of some sort, of some kind,
play a role, plays a role, played a role, play a part, have to do with, has to
do with, had to do with, do i understand right that, do i understand that
""")

KINDS = {
    'filler': [*_FILLERS, *_PHRASES],
    'aux': (
        'is are was were be been being am do does did done has have had could'
        ' might may must would will should can'
    ).split(),
    'pronoun': (
        'it that they them he she him you i we there something someone'
        ' somebody'
    ).split(),
    'det': phrases(
        'a, an, the, its, some, any, their, his, her, its own, their own,'
        ' his own, her own, this, these, those, our'
    ),
    'prep': phrases(
        'in, at, from, inside, of, on, by, with, within, into, to, for, near,'
        ' around, outside, beside, behind, under, over, against, because,'
        ' about, after, before, between, beyond, off, across, through, toward,'
        ' towards, during, above, below, because of, out of, due to, next to,'
        ' close to, in front of, far from, away from, outside of, inside of,'
        ' by means of, with the help of, for the sake of, on account of'
    ),
    # Before a value they change it: too small, as large as.
    'degree': phrases('too, very, more, less'),
    'not': phrases(
        "not, n't, never, non, neither, no, nope, none, nothing, nobody,"
        ' without, lack, lacks, rather than, instead of, as opposed to, other'
        ' than, anything but, but not, and not, anything other than, something'
        ' other than, anyone but, anyone other than, someone other than'
    ),
    'nor': phrases('nor, and neither'),
    # They deny the whole sentence, wherever they stand.
    'flip': phrases(
        'not true, not the case, not correct, not right, false, untrue,'
        ' incorrect, wrong, mistaken, rule out, ruled out, exclude, excluded,'
        ' innocent'
    ),
    'and': ['and', 'plus', 'as well as', 'and also'],
    'but': ['but', 'yet'],
    'or': ['or', '/'],
    'comma': [',', ':', '-', '(', ')'],
    'genitive': ["'s"],
}

# Words that speak about the answer itself: whoever uses them argues with the
# judge or takes something back.
DOUBTS = frozenset("""
ignore disregard forget pretend system instruction
instructions prompt override score scores scored scoring grade graded reward
rewards point points judge judgment judgement verdict evaluate evaluation
criteria criterion covered full marks mark credit lie lies lying liar joke
joking kidding opposite reverse reversed contrary unless whatever none nothing
""".split())
