"""Tests for bao_jax.teachers.llm and bao_jax.teachers.guidance."""

from absl.testing import absltest

from bao_jax import catalog
from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.envs import testing
from bao_jax.teachers import base
from bao_jax.teachers import converse
from bao_jax.teachers import guidance
from bao_jax.teachers import llm
from bao_jax.text import chat
from bao_jax.text import tools


def _call(content):
  return (
      f'<think>\nhm\n</think>\n\n{tools.CALL}\n{tools.CALL_HEAD}action'
      f'{tools.CALL_MIDDLE}{content}{tools.CALL_TAIL}\n{tools.END_CALL}'
  )


class LlmPlayerTest(absltest.TestCase):

  def play(self, texts, **changes):
    asked, left = [], list(texts)

    def chat_fn(ask):
      asked.append(ask)
      text = left.pop(0)
      if isinstance(text, Exception):
        raise text
      return text

    task = testing.echo_task(3, secret='7')
    player = llm.make_player(chat_fn, task, 2, role='policy', seed=5, **changes)
    dialogue = converse.converse(
        player, testing.EchoGym(max_turns=3), task, seed=5, sample=2
    )
    return dialogue, asked

  def test_sees_what_policies_see_and_what_it_wrote(self):
    texts = [_call('1'), 'no call here', _call('7')]
    dialogue, asked = self.play(texts)
    self.assertTrue(dialogue.solved)
    self.assertEqual(
        [move.action.choice for move in dialogue.moves],
        ['action', '', 'action'],
    )
    self.assertEqual(dialogue.moves[0].think, 'hm')
    self.assertEqual(dialogue.moves[1].action.content, 'no call here')
    self.assertEqual(
        asked[0].system, 'You speak to an echo.' + chat.tool_section()
    )
    self.assertEqual(
        asked[2].messages,
        (
            ('user', 'Say something about echo/easy/test/3.'),
            ('assistant', texts[0]),
            ('user', '<tool_response>\n1: 1\n</tool_response>'),
            ('assistant', texts[1]),
            (
                'user',
                '<tool_response>\nBad call: there was no <tool_call>.\n'
                '</tool_response>',
            ),
        ),
    )
    self.assertEqual(
        [ask.key for ask in asked],
        [f'echo/easy/test/3/2/{turn}/policy' for turn in range(3)],
    )
    self.assertEqual({ask.seed for ask in asked}, {5})

  def test_outage_of_the_model_fails_the_conversation(self):
    dialogue, _ = self.play([_call('1'), envs_base.UserError('no line')])
    self.assertEqual(
        (dialogue.status, dialogue.error), (types.FAILED, 'no line')
    )
    self.assertLen(dialogue.steps, 1)

  def test_guidance_stands_between_rules_and_tools(self):
    _, asked = self.play([_call('7')], guidance=' Be brief.')
    self.assertStartsWith(
        asked[0].system, 'You speak to an echo. Be brief.\n\n# Tools'
    )


class GuidanceTest(absltest.TestCase):

  def test_every_gym_has_a_hint(self):
    plain = guidance.of('unknown', base.Behaviors())
    for gym in catalog.GYMS:
      if gym != 'alfworld':
        said = guidance.of(gym, base.Behaviors())
        self.assertStartsWith(said, plain)
        self.assertGreater(len(said), len(plain), gym)

  def test_each_behavior_is_a_switch(self):
    everything = guidance.of('turtle', base.Behaviors())
    for name in ('memory', 'refinement', 'scheduling', 'querying'):
      said = guidance.of('turtle', base.Behaviors(**{name: False}))
      before, after = everything.split('\n- '), said.split('\n- ')
      self.assertLen(after, len(before))
      self.assertEqual(sum(a != b for a, b in zip(before, after)), 1)


if __name__ == '__main__':
  absltest.main()
