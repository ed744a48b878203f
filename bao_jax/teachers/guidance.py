"""The behavior prompt: what a model that teaches is asked to show.

See p_BE in algorithm 1 of "Pushing Forward Pareto Frontiers of Proactive Agents
with Behavioral Agentic Optimization" by Yao et al.
(https://arxiv.org/abs/2602.11351), whose wording is not published.
"""

from collections.abc import Mapping

from bao_jax.teachers import base

_HEAD = '\n\nHow to work:'
_BEHAVIORS = {
    'memory': (
        'Begin each thought with what is known so far and which possibilities '
        'are left, each with the reply that it rests on. Do nothing whose '
        'result you know already, nothing that contradicts it.'
    ),
    'refinement': (
        'When a reply contradicts what you took to be true, say in the thought '
        'which assumption was wrong, drop it, and change your course.'
    ),
    'scheduling': (
        'Gather early and answer late: say how many turns are left, explore '
        'while that still helps, and answer in time, but not before you know.'
    ),
    'querying': (
        'Choose the step that splits what is left most evenly. Be specific; '
        'never vague, never the same step twice.'
    ),
}
_WITHOUT = {
    'memory': 'Keep no notes of earlier turns in your thoughts.',
    'refinement': 'Do not comment on contradictions.',
    'scheduling': 'Answer as soon as you have a guess.',
    'querying': 'Ask whatever comes to mind first.',
}
# What the behaviors mean in each gym.
_HINTS: Mapping[str, str] = {
    'function': (
        'A possibility is a rule. Probe one variable at a time, then pairs; '
        'check the rule on every result before you compute the test case, step '
        'by step.'
    ),
    'telepathy': 'A possibility is an entity, or a trait that it may have.',
    'turtle': (
        'A possibility is a person, a motive, a means, a place or a time in '
        'the hidden story.'
    ),
    'intention': (
        'A possibility is a detail that the request leaves open. Ask for one '
        'at a time, what matters most first.'
    ),
    'persuade': (
        'A possibility is a reason behind the claim. Take up the one that the '
        'last reply reveals.'
    ),
    'travel': (
        'A possibility is a preference of the traveler. Search each part of '
        'the trip once, ask for preferences, then choose the cheapest option '
        'that satisfies all.'
    ),
    'tau': (
        'A possibility is what the customer needs and the policy allows. Look '
        'it up before you change anything, and have each change confirmed.'
    ),
    'search': (
        'A possibility is an article that holds the next link. Search for one '
        'link of the question at a time.'
    ),
}


def of(gym: str, behaviors: base.Behaviors) -> str:
  """Returns what the system message of a teacher says beyond a policy's.

  Args:
    gym: the gym's name; one without a hint gets the behaviors alone.
    behaviors: which to show. The others are asked to be absent, since models
      show some of them by themselves.
  """
  lines = [
      (_BEHAVIORS if getattr(behaviors, name) else _WITHOUT)[name]
      for name in _BEHAVIORS
  ]
  lines += [_HINTS[gym]] if gym in _HINTS else []
  return '\n- '.join([_HEAD, *lines])
