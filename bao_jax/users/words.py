"""The common words of English that questions and answers are made of.

Each kind plays one part in `wording`; a word in none of them is unknown there.
"""



def phrases(text: str) -> tuple[str, ...]:
  """Splits at commas: 'out of, for' holds two phrases."""
  return tuple(' '.join(part.split()) for part in text.split(','))


_FILLERS = """
so ok okay then now well hmm hm um uh ah oh please hey hi hello thanks great
good alright right correct true yes yeah really actually just only simply
exactly also too either both maybe perhaps possibly probably definitely
certainly likely me my guess answer as indeed here surely
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
another question, one more question, last question, for sure, by the way
""")

KINDS = {
    'filler': [*_FILLERS, *_PHRASES],
    'aux': (
        'is are was were be been being am do does did done has have had could'
        ' might may must would will should'
    ).split(),
    'pronoun': (
        'it that this they them he she him you i we there these those'
        ' something someone somebody'
    ).split(),
    'det': 'a an the its some any their his her own'.split(),
    'prep': (
        'in at from inside of on by with within into to for near around outside'
        ' beside behind under over against without because'
        ' about between beyond off across through toward towards'
    ).split()
    + [
        'because of',
        'out of',
        'due to',
        'next to',
        'close to',
        'in front of',
        'far from',
        'away from',
        'outside of',
        'inside of',
        'by means of',
        'with the help of',
        'for the sake of',
        'on account of',
    ],
    'not': (
        'not n\'t never non neither isn no nope none nothing nobody'
    ).split()
    + [
        'rather than',
        'instead of',
        'as opposed to',
        'other than',
        'anything but',
        'but not',
        'and not',
    ],
    'nor': ['nor', 'and neither'],
    'flip': [
        'not true',
        'not the case',
        'not correct',
        'not right',
        'false',
        'untrue',
        'incorrect',
        'wrong',
        'mistaken',
    ],
    'and': ['and', 'plus', 'as well as', 'and also'],
    'but': ['but', 'yet'],
    'or': ['or', '/', 'or else'],
    'comma': [',', ':', '-', '(', ')'],
    'genitive': ["'s"],
}

# Words that speak about the answer itself: whoever uses them argues with the
# judge or takes something back.
DOUBTS = frozenset("""
ignore disregard forget pretend assume suppose imagine system instruction
instructions prompt override score scores scored scoring grade graded reward
rewards point points judge judgment judgement verdict evaluate evaluation
criteria criterion covered full marks mark credit lie lies lying liar joke
joking kidding opposite reverse reversed contrary unless whatever none nothing
""".split())
