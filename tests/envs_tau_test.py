"""Tests for bao_jax.envs.tau."""

import dataclasses
import itertools
import json
import random

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import testing
from bao_jax.envs.tau import airline
from bao_jax.envs.tau import airline_data
from bao_jax.envs.tau import backend
from bao_jax.envs.tau import builtin
from bao_jax.envs.tau import grading
from bao_jax.envs.tau import gym as tau
from bao_jax.envs.tau import retail
from bao_jax.envs.tau import retail_data
from bao_jax.tasks.builtin import tau as tasks
from bao_jax.users import tau as users
from bao_jax.users.llm import tau as llm

STOP = users.STOP


def _task(kind, level='easy'):
  """Returns the first validation task of a kind."""
  return next(
      task
      for task in tasks.generate(level, 'validation')
      if task.data['kind'] == kind
  )


def _foreign(data):
  """Returns a task as the benchmark has it: no database, no facts."""
  keys = ('user_id', 'instruction', 'obs', 'actions', 'outputs')
  foreign = {key: data[key] for key in keys}
  return types.Task('tau/userrl/test/retail-000', 'tau', 'full', foreign)


def _written(action):
  call = {'name': action['name'], 'arguments': action['kwargs']}
  return 'answer', json.dumps(call)


def _gold(task):
  return [_written(action) for action in task.data['actions']]


def _play(gym, task, *turns):
  """Returns the steps of a conversation of (choice, content) turns."""
  state, _ = gym.reset(task, seed=0)
  steps = []
  for choice, content in turns:
    state, step = gym.step(state, types.Action(choice, content))
    steps.append(step)
  return steps


def _earned(gym, task, *turns):
  return sum(step.reward for step in _play(gym, task, *turns))


def _agreeable(state, message):
  """A user who is satisfied by the word done."""
  return f'Thanks. {STOP}' if 'done' in message else 'Go on.'


CANCEL = _task('cancel')
ORDER = CANCEL.data['actions'][0]['kwargs']['order_id']
REASON = CANCEL.data['actions'][0]['kwargs']['reason']
PRICE = _task('price')
REFUSE = _task('refuse_cancel')
TRANSFER = _task('retail_transfer', 'medium')
FINISH = ('finish', '')
HAND_OVER = (
    'answer',
    '{"name": "transfer_to_human_agents", "arguments": {"summary": "x"}}',
)


class ConversationTest(parameterized.TestCase):

  def test_worked_example(self):
    steps = _play(
        tau.TauGym(),
        CANCEL,
        ('action', 'What is the order number, and the reason?'),
        ('answer', f'get_order_details: {ORDER}'),
        ('action', f'Shall I cancel order {ORDER}?'),
        ('answer', f'cancel_pending_order: {ORDER}, {REASON}'),
        ('action', 'It is done.'),
    )
    self.assertEqual(steps[0].reply, f'order {ORDER}, reason {REASON}')
    self.assertRegex(steps[1].reply, 'status pending, items name')
    self.assertEqual(steps[2].reply, 'yes')
    self.assertIn('status cancelled', steps[3].reply)
    self.assertEqual(steps[4].reply, 'thanks, that is all')
    self.assertEqual([step.reward for step in steps], [0, 0, 0, 0, 1])
    self.assertEqual([step.solved for step in steps], [0, 0, 0, 0, 1])
    self.assertTrue(steps[-1].terminated)
    # By the paper's rule it is answers that involve the user.
    self.assertEqual([step.is_user for step in steps], [0, 1, 0, 1, 0])

  def test_messages_can_be_what_involves_the_user(self):
    gym = tau.TauGym(user_choices=('action',))
    steps = _play(gym, CANCEL, ('action', 'Hm?'), ('search', 'tools'))
    self.assertEqual([step.is_user for step in steps], [True, False])

  def test_the_mark_is_not_shown(self):
    (step,) = _play(tau.TauGym(user=_agreeable), CANCEL, ('action', 'done'))
    self.assertEqual((step.reply, step.terminated), ('Thanks.', True))

  def test_the_agent_cannot_set_the_mark(self):
    (step,) = _play(tau.TauGym(), CANCEL, ('action', f'{STOP} {STOP}'))
    self.assertFalse(step.terminated)
    self.assertNotIn(STOP, step.reply)

  def test_the_prompt_has_policy_and_opening_line(self):
    gym = tau.TauGym(max_turns=12)
    state, observation = gym.reset(CANCEL, 0)
    self.assertIn('12 turns', observation.system)
    self.assertIn('cancel pending orders only', observation.user)
    self.assertTrue(observation.user.endswith(CANCEL.data['obs']))
    self.assertEqual(state.memory['messages'], [['user', CANCEL.data['obs']]])

  def test_originals_of_the_prompt(self):
    gym = tau.TauGym(policy_shown=False, opening_shared=False)
    state, observation = gym.reset(CANCEL, 0)
    self.assertNotIn('pending', observation.user)
    self.assertEqual(state.memory['messages'], [])

  def test_tasks_of_a_level_share_their_system_message(self):
    for level in tasks.LEVELS:
      all_tasks = tasks.generate(level, 'validation')
      systems = {tau.TauGym().reset(t, 0)[1].system for t in all_tasks}
      self.assertLen(systems, 1)

  def test_the_answer_is_not_in_the_prompt(self):
    for level in tasks.LEVELS:
      for task in tasks.generate(level, 'validation'):
        _, observation = tau.TauGym().reset(task, 0)
        facts = task.data['facts']
        for value in (
            *facts['who'].values(),
            *(facts['requests'][0]['tells'].get(k) for k in ('order_id',)),
        ):
          self.assertNotIn(str(value), observation.user)

  def test_search(self):
    task = _task('cancel', 'full')
    tools, again, help_, other = _play(
        tau.TauGym(),
        task,
        ('search', 'tools'),
        ('search', ' Tools '),
        ('search', 'help'),
        ('search', 'weather'),
    )
    for name in retail.TOOLS:
      self.assertIn(f'- {name}(', tools.reply)
    self.assertEqual(tools.reply, again.reply)
    self.assertIn('finish', help_.reply)
    self.assertIn('two words', other.reply)

  @parameterized.parameters(
      ('', 'characters'),
      (' \n', 'characters'),
      ('x' * 4001, '4000 characters'),
  )
  def test_no_message_is_no_message(self, message, reply):
    gym = tau.TauGym(user=_agreeable)
    (step,) = _play(gym, CANCEL, ('action', message))
    self.assertIn(reply, step.reply)
    self.assertFalse(step.terminated)


class GradingTest(parameterized.TestCase):

  def test_right_calls_pay_at_finish(self):
    self.assertEqual(_earned(tau.TauGym(), CANCEL, *_gold(CANCEL), FINISH), 1)

  def test_the_original_does_not_grade_finish(self):
    gym = tau.TauGym(finish_graded=False)
    self.assertEqual(_earned(gym, CANCEL, *_gold(CANCEL), FINISH), 0)

  def test_the_way_to_the_database_does_not_matter(self):
    turns = [
        ('answer', f'get_order_details: {ORDER}'),
        ('action', 'How can I help you?'),
        *_gold(CANCEL),
        *_gold(CANCEL),  # An error now, which changes nothing.
        FINISH,
    ]
    self.assertEqual(_earned(tau.TauGym(), CANCEL, *turns), 1)

  def test_another_change_pays_nothing(self):
    (action,) = CANCEL.data['actions']
    other = next(r for r in retail.REASONS if r != REASON)
    wrong = {**action, 'kwargs': {**action['kwargs'], 'reason': other}}
    self.assertEqual(_earned(tau.TauGym(), CANCEL, _written(wrong), FINISH), 0)

  def test_one_change_too_many_pays_nothing(self):
    task = _task('two_wishes', 'full')
    first, second = _gold(task)
    gym = tau.TauGym()
    self.assertEqual(_earned(gym, task, first, second, FINISH), 1)
    self.assertEqual(_earned(gym, task, first, FINISH), 0)
    alone = dataclasses.replace(
        task, data={**task.data, 'actions': task.data['actions'][:1]}
    )
    self.assertEqual(_earned(gym, alone, first, FINISH), 1)
    self.assertEqual(_earned(gym, alone, first, second, FINISH), 0)

  def test_a_claim_pays_nothing(self):
    steps = _play(
        tau.TauGym(),
        CANCEL,
        ('action', f'Shall I cancel order {ORDER}?'),
        ('action', 'It is done.'),
    )
    self.assertTrue(steps[-1].terminated)
    self.assertEqual(steps[-1].reward, 0)

  def test_out_of_turns_pays_nothing(self):
    (step,) = _play(tau.TauGym(max_turns=1), CANCEL, *_gold(CANCEL))
    self.assertTrue(step.truncated)
    self.assertEqual(step.reward, 0)

  @parameterized.parameters(
      ('The price is {}.', 1),
      ('It costs ${}.00', 1),
      ('The price is 1{}.', 0),
      ('The price is {0}1.', 0),
      ('It is {} or 7.', 0),
      ('1 2 3 {} 4 5', 0),
      ('order #W{}', 0),
      ('', 0),
  )
  def test_outputs_are_told_as_one_number(self, message, earned):
    (price,) = PRICE.data['outputs']
    said = [('action', message.format(price))] if message else []
    steps = _play(tau.TauGym(), PRICE, *said)
    if not (steps and steps[-1].terminated):
      steps = _play(tau.TauGym(), PRICE, *said, FINISH)
    self.assertEqual(steps[-1].reward, earned)

  def test_the_original_pays_a_list_of_guesses(self):
    (price,) = PRICE.data['outputs']
    guesses = ' '.join(map(str, range(10, 100)))
    self.assertIn(price, guesses)
    turns = [('action', guesses), FINISH]
    self.assertEqual(_earned(tau.TauGym(), PRICE, *turns), 0)
    gym = tau.TauGym(max_values=0)
    self.assertEqual(_earned(gym, PRICE, *turns), 1)

  @parameterized.parameters(
      ('1,234.50', True),
      ('1234.5', True),
      ('234.5', False),
      ('#W1234.5', False),
  )
  def test_numbers_are_compared_by_value(self, said, expected):
    self.assertEqual(grading.says(f'It is {said}.', '1234.50'), expected)

  def test_words_are_told_whole(self):
    self.assertTrue(grading.says('It is Pending, I see', 'pending'))
    self.assertFalse(grading.says('It is impending', 'pending'))


class IdleTest(parameterized.TestCase):
  """Tasks in which the database is to be left alone."""

  @parameterized.parameters(FINISH, HAND_OVER)
  def test_doing_nothing_pays_nothing(self, *turn):
    for task in (CANCEL, REFUSE, PRICE):
      self.assertEqual(_earned(tau.TauGym(), task, turn), 0)

  @parameterized.parameters(FINISH, HAND_OVER)
  def test_the_original_pays_it(self, *turn):
    gym = tau.TauGym(idle_pays=True)
    self.assertEqual(_earned(gym, REFUSE, turn), 1)
    self.assertEqual(_earned(gym, CANCEL, turn), 0)

  def test_a_refusal_that_the_user_accepts_pays(self):
    turns = [
        ('action', 'Which order is it?'),
        ('action', 'I cannot cancel it.'),
    ]
    self.assertEqual(_earned(tau.TauGym(), REFUSE, *turns), 1)
    self.assertEqual(_earned(tau.TauGym(), REFUSE, turns[1], FINISH), 0)

  def test_a_transfer_pays_where_the_task_has_one(self):
    gym = tau.TauGym()
    ask = ('action', 'What is your name?')
    self.assertEqual(_earned(gym, TRANSFER, ask, HAND_OVER), 1)
    self.assertEqual(_earned(gym, TRANSFER, ask, FINISH), 0)

  @parameterized.parameters('', 'hello', 'What is the matter?', 'I cannot.')
  def test_a_transfer_pays_nothing_before_anything_is_told(self, message):
    turns = [('action', message)] * bool(message) + [HAND_OVER]
    self.assertEqual(_earned(tau.TauGym(), TRANSFER, *turns), 0)
    original = tau.TauGym(idle_pays=True)
    self.assertEqual(_earned(original, TRANSFER, *turns), 1)

  def test_any_reply_of_a_user_that_is_a_model_is_heard(self):
    gym = tau.TauGym(user=lambda state, message: 'I want a person.')
    hello = ('action', 'hello')
    self.assertEqual(_earned(gym, TRANSFER, HAND_OVER), 0)
    self.assertEqual(_earned(gym, TRANSFER, hello, HAND_OVER), 1)

  def test_a_transfer_after_the_work_is_not_asked_for(self):
    turns = [*_gold(CANCEL), HAND_OVER]
    self.assertEqual(_earned(tau.TauGym(), CANCEL, *turns), 0)
    self.assertEqual(_earned(tau.TauGym(idle_pays=True), CANCEL, *turns), 1)

  def test_a_bad_transfer_does_not_end_it(self):
    call = ('answer', 'transfer_to_human_agents: {}')
    (step,) = _play(tau.TauGym(), TRANSFER, call)
    self.assertIn('lack summary', step.reply)
    self.assertFalse(step.terminated)


class CallTest(parameterized.TestCase):

  @parameterized.parameters(
      ('{{"name": "get_order_details", "arguments": {{"order_id": "{}"}}}}',),
      ('get_order_details: {{"order_id": "{}"}}',),
      (' get_order_details :{{"order_id":"{}"}} ',),
      ('get_order_details: {}',),
  )
  def test_forms(self, form):
    (step,) = _play(tau.TauGym(), CANCEL, ('answer', form.format(ORDER)))
    self.assertIn('status pending', step.reply)

  def test_the_short_form_is_for_easy_alone(self):
    call = ('answer', f'get_order_details: {ORDER}')
    (step,) = _play(tau.TauGym(), _task('cancel', 'medium'), call)
    self.assertStartsWith(step.reply, 'Error: the call is not valid JSON')

  @parameterized.parameters(
      ('get_order_details', 'not valid JSON'),
      ('get_order_details {"order_id": "#W1"}', 'not valid JSON'),
      ('{"name": 3}', 'a call is'),
      ('[1]', 'a call is'),
      ('get_order_details: {"order_id": NaN}', 'not valid JSON'),
      ('get_order_details: {}', 'arguments lack order_id'),
      ('get_order_details: {"order_id": 7}', 'order_id must be of type string'),
      ('get_order_details: {"order_id": "1", "x": 2}', "have no 'x'"),
      ('{"name": "get_order_details", "arguments": 4}', 'of type object'),
      ('{"name": "drop_table"}', "no tool 'drop_table'"),
      ('get_order_details: {"order_id": "#W00"}', "no order '#W00'"),
  )
  def test_bad_calls_are_told_and_change_nothing(self, call, message):
    task = _task('cancel', 'full')
    (step,) = _play(tau.TauGym(), task, ('answer', call))
    self.assertStartsWith(step.reply, 'Error: ')
    self.assertIn(message, step.reply)
    self.assertEqual(
        _earned(tau.TauGym(), task, ('answer', call), *_gold(task), FINISH), 1
    )

  @parameterized.parameters(
      ('2 * (3 + 4.5)', '15'),
      ('1 / 3', '0.33'),
      ('3131.1 + 4777.75 + 367.38', '8276.23'),
      ('1 / 0', 'no value'),
      ('9 ** 9 ** 9', 'no value'),
      ('a + b', 'digits'),
      ('__import__("os")', 'digits'),
      ('(' * 300, 'no value'),
  )
  def test_calculate(self, expression, result):
    arguments = {'expression': expression}
    _, text = backend.call(retail.TOOLS, {}, 'calculate', arguments)
    self.assertIn(result, text)


class RetailTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.db = retail_data.database('full', '0')

  def _call(self, name, **arguments):
    before = backend.digest(self.db)
    self.db_after, text = backend.call(retail.TOOLS, self.db, name, arguments)
    self.assertEqual(backend.digest(self.db), before)  # Never in place.
    if text.startswith('Error'):
      self.assertIs(self.db_after, self.db)
    return text

  def _order(self, status):
    return next(o for o in self.db['orders'].values() if o['status'] == status)

  def _variants(self, item):
    return self.db['products'][item['product_id']]['variants'].values()

  def test_find_users(self):
    user = next(iter(self.db['users'].values()))
    name, zip_ = user['name'], user['address']['zip']
    found = self._call('find_user_id_by_name_zip', **name, zip=zip_)
    self.assertEqual(found, user['user_id'])
    found = self._call('find_user_id_by_email', email=user['email'].upper())
    self.assertEqual(found, user['user_id'])
    missing = self._call('find_user_id_by_name_zip', **name, zip='0')
    self.assertEqual(missing, 'Error: no such user.')

  @parameterized.parameters('processed', 'delivered')
  def test_only_pending_orders_are_cancelled_or_modified(self, status):
    order = self._order(status)
    where = dict.fromkeys(
        ('address1', 'address2', 'city', 'state', 'country', 'zip'), 'x'
    )
    own = {'order_id': order['order_id']}
    paid = {'payment_method_id': order['payment_method_id']}
    for name, arguments in (
        ('cancel_pending_order', {'reason': 'no longer needed'}),
        ('modify_pending_order_address', where),
        ('modify_pending_order_payment', paid),
        (
            'modify_pending_order_items',
            {'item_ids': ['1'], 'new_item_ids': ['2'], **paid},
        ),
    ):
      text = self._call(name, **own, **arguments)
      self.assertEqual(text, f'Error: the order is {status}, not pending.')

  def test_cancel_once(self):
    order_id = self._order('pending')['order_id']
    arguments = {'order_id': order_id, 'reason': 'no longer needed'}
    self.assertIn('cancelled', self._call('cancel_pending_order', **arguments))
    self.assertEqual(self.db_after['orders'][order_id]['status'], 'cancelled')
    self.db = self.db_after
    self.assertIn(
        'not pending', self._call('cancel_pending_order', **arguments)
    )

  def test_reasons_are_two(self):
    order_id = self._order('pending')['order_id']
    text = self._call('cancel_pending_order', order_id=order_id, reason='fun')
    self.assertIn('must be one of: no longer needed, ordered by', text)

  def test_return(self):
    order = self._order('delivered')
    item_id = order['items'][0]['item_id']
    own = {'order_id': order['order_id']}
    paid = {'payment_method_id': order['payment_method_id']}
    name = 'return_delivered_order_items'
    for items, message in (
        ([], 'at least one'),
        ([item_id, item_id], 'each item once'),
        (['1'], "no item '1'"),
    ):
      self.assertIn(message, self._call(name, item_ids=items, **own, **paid))
    text = self._call(name, item_ids=[item_id], payment_method_id='cash', **own)
    self.assertIn("no payment method 'cash'", text)
    text = self._call(name, item_ids=[item_id], **own, **paid)
    self.assertIn('return requested', text)

  @parameterized.parameters(
      ('delivered', 'exchange_delivered_order_items'),
      ('pending', 'modify_pending_order_items'),
  )
  def test_swap(self, status, name):
    order = self._order(status)
    item = order['items'][0]
    there = [
        variant['item_id']
        for variant in self._variants(item)
        if variant['available'] and variant['item_id'] != item['item_id']
    ]
    gone = [v['item_id'] for v in self._variants(item) if not v['available']]
    other = next(
        item_id
        for product in self.db['products'].values()
        if product['product_id'] != item['product_id']
        for item_id in product['variants']
    )
    arguments = {
        'order_id': order['order_id'],
        'item_ids': [item['item_id']],
        'payment_method_id': order['payment_method_id'],
    }
    for new, message in (
        ([], 'one new item for each'),
        ([other], f'no {item["name"]} with'),
        (gone[:1], 'not available'),
    ):
      if new or message.startswith('one'):
        self.assertIn(message, self._call(name, new_item_ids=new, **arguments))
    text = self._call(name, new_item_ids=there[:1], **arguments)
    self.assertNotIn('Error', text)
    changed = self.db_after['orders'][order['order_id']]
    self.assertIn(there[0], json.dumps(changed))
    self.assertNotIn(there[0], json.dumps(order))

  def test_orders_that_were_modified_are_not_again(self):
    order = self._order('pending')
    item = order['items'][0]
    new = next(v for v in self._variants(item) if v['available'])
    arguments = {
        'order_id': order['order_id'],
        'item_ids': [item['item_id']],
        'new_item_ids': [new['item_id']],
        'payment_method_id': order['payment_method_id'],
    }
    self._call('modify_pending_order_items', **arguments)
    self.db = self.db_after
    text = self._call('modify_pending_order_items', **arguments)
    self.assertIn('not pending', text)


class AirlineTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.db = airline_data.database('full', '0')

  def _call(self, name, **arguments):
    before = backend.digest(self.db)
    self.db_after, text = backend.call(airline.TOOLS, self.db, name, arguments)
    self.assertEqual(backend.digest(self.db), before)
    return text

  def _trip(self, **values):
    return next(
        trip
        for trip in self.db['reservations'].values()
        if all(trip[key] == value for key, value in values.items())
    )

  @parameterized.parameters(
      ('regular', 'basic_economy', 2, 0),
      ('regular', 'economy', 1, 1),
      ('silver', 'economy', 1, 2),
      ('gold', 'business', 2, 8),
  )
  def test_free_bags(self, membership, cabin, passengers, free):
    self.assertEqual(airline.free_bags(membership, cabin, passengers), free)

  def test_bags_are_counted(self):
    trip = self._trip()
    user = self.db['users'][trip['user_id']]
    free = airline.free_bags(
        user['membership'], trip['cabin'], len(trip['passengers'])
    )
    arguments = {
        'reservation_id': trip['reservation_id'],
        'total_baggages': free + 2,
        'payment_id': trip['payment_id'],
    }
    name = 'update_reservation_baggages'
    wrong = self._call(name, nonfree_baggages=1, **arguments)
    self.assertIn(f'{free} bags are free', wrong)
    right = self._call(name, nonfree_baggages=2, **arguments)
    self.assertIn('"nonfree_baggages": 2', right)

  def test_cancelled_flights_are_not_found(self):
    for flight in self.db['flights'].values():
      for date, day in flight['dates'].items():
        route = {key: flight[key] for key in ('origin', 'destination')}
        text = self._call('search_direct_flight', date=date, **route)
        is_there = flight['flight_number'] in text
        self.assertEqual(is_there, day['status'] == 'available')

  def test_one_stop_flights_connect(self):
    found = []
    airports = json.loads(self._call('list_all_airports'))
    for route in itertools.permutations(airports, 2):
      ends = dict(zip(('origin', 'destination'), route))
      text = self._call('search_onestop_flight', date='2025-03-14', **ends)
      found += [(*route, *pair) for pair in json.loads(text)]
    self.assertNotEmpty(found)
    for origin, destination, first, second in found:
      self.assertEqual(first['origin'], origin)
      self.assertEqual(second['destination'], destination)
      self.assertEqual(first['destination'], second['origin'])
      self.assertLess(first['arrives'], second['departs'])

  def test_booking_takes_seats_and_is_paid_to_the_cent(self):
    task = _task('book', 'full')
    self.db = builtin.builtin(task).database
    (action,) = task.data['actions']
    kwargs = action['kwargs']
    (payment,) = kwargs['payment_methods']
    short = {**payment, 'amount': payment['amount'] - 1}
    text = self._call(
        'book_reservation', **{**kwargs, 'payment_methods': [short]}
    )
    self.assertIn('the total is', text)
    text = self._call('book_reservation', **{**kwargs, 'payment_methods': []})
    self.assertIn('the total is', text)
    self._call('book_reservation', **kwargs)
    (leg,) = kwargs['flights']
    seats = [
        db['flights'][leg['flight_number']]['dates'][leg['date']][
            'available_seats'
        ][kwargs['cabin']]
        for db in (self.db, self.db_after)
    ]
    self.assertEqual(seats[0] - seats[1], 1)

  def test_a_change_keeps_the_route(self):
    trip = self._trip()
    other = next(
        (flight, date)
        for flight in self.db['flights'].values()
        for date, day in flight['dates'].items()
        if flight['origin'] != trip['origin']
        and day['status'] == 'available'
        and day['available_seats'][trip['cabin']] >= 2
    )
    text = self._call(
        'update_reservation_flights',
        reservation_id=trip['reservation_id'],
        cabin=trip['cabin'],
        flights=[
            {'flight_number': other[0]['flight_number'], 'date': other[1]}
        ],
        payment_id=trip['payment_id'],
    )
    self.assertIn('must keep origin', text)

  def test_the_number_of_passengers_stays(self):
    trip = self._trip()
    text = self._call(
        'update_reservation_passengers',
        reservation_id=trip['reservation_id'],
        passengers=[],
    )
    self.assertIn('cannot change', text)

  @parameterized.parameters(100, 100.0)
  def test_certificates(self, amount):
    user_id = next(iter(self.db['users']))
    text = self._call('send_certificate', user_id=user_id, amount=amount)
    self.assertIn('certificate of 100 ', text)
    gold = backend.replay(
        airline.TOOLS,
        self.db,
        [
            {
                'name': 'send_certificate',
                'kwargs': {'user_id': user_id, 'amount': 100},
            }
        ],
    )
    self.assertEqual(backend.digest(gold), backend.digest(self.db_after))

  @parameterized.parameters(0, -5, True, '100', 1e300)
  def test_bad_amounts(self, amount):
    user_id = next(iter(self.db['users']))
    text = self._call('send_certificate', user_id=user_id, amount=amount)
    self.assertStartsWith(text, 'Error')


class BackendTest(parameterized.TestCase):

  def test_foreign_tasks_need_a_backend(self):
    task = _foreign(CANCEL.data)
    with self.assertRaisesRegex(ValueError, 'retail-000.*tau-bench.*`backend`'):
      tau.TauGym(user=_agreeable).reset(task, 0)

  def test_foreign_tasks_need_a_user(self):
    task = _foreign(CANCEL.data)
    gym = tau.TauGym(backend=lambda task: builtin.builtin(CANCEL))
    with self.assertRaisesRegex(ValueError, 'retail-000.*"facts"'):
      gym.reset(task, 0)

  def test_foreign_tasks_play_with_both(self):
    task = _foreign(CANCEL.data)
    gym = tau.TauGym(
        user=_agreeable, backend=lambda task: builtin.builtin(CANCEL)
    )
    self.assertEqual(_earned(gym, task, *_gold(task), ('action', 'done')), 1)
    self.assertEqual(_earned(gym, task, ('action', 'done')), 0)

  def test_databases_are_drawn_from_the_seed(self):
    for module in (retail_data, airline_data):
      first = backend.digest(module.database('full', '1'))
      module.database.cache_clear()
      self.assertEqual(first, backend.digest(module.database('full', '1')))
      self.assertNotEqual(first, backend.digest(module.database('full', '2')))

  def test_put_shares_what_it_leaves_alone(self):
    tree = {'a': {'b': [1, 2]}, 'c': {}}
    new = backend.put(tree, 3, 'a', 'b', 1)
    self.assertEqual(new, {'a': {'b': [1, 3]}, 'c': {}})
    self.assertEqual(tree, {'a': {'b': [1, 2]}, 'c': {}})
    self.assertIs(new['c'], tree['c'])


ACTIONS = [
    types.Action('search', 'tools'),
    types.Action('action', 'What is your name and the order number?'),
    types.Action('answer', f'get_order_details: {ORDER}'),
    types.Action('', error='Bad call: no.'),
    types.Action('answer', f'cancel_pending_order: {ORDER}, {REASON}'),
]


def _replayed(question):
  """A model that always gives the same reply to the same question."""
  rng = random.Random(repr(question))
  reply = rng.choice(['Yes.', 'No.', 'My name is Ana.'])
  return {'thought': '', 'reply': reply, 'is_satisfied': rng.random() < 0.2}


class ContractTest(parameterized.TestCase):

  @parameterized.parameters(*tasks.LEVELS)
  def test_holds_the_contract(self, level):
    seen = set()
    for task in tasks.generate(level, 'validation'):
      if task.data['kind'] not in seen:
        seen.add(task.data['kind'])
        testing.check_env(tau.TauGym(max_turns=7), task, ACTIONS)
    self.assertEqual(seen, set(tasks.KINDS[level]))

  def test_holds_it_with_a_language_model(self):
    gym = dataclasses.replace(tau.TauGym(max_turns=7), **llm.roles(_replayed))
    testing.check_env(gym, CANCEL, ACTIONS)
    testing.check_env(gym, TRANSFER, ACTIONS)

  def test_an_outage_of_the_user_is_no_reply(self):
    def nobody(state, message):
      raise base.UserError('out of reach')

    gym = tau.TauGym(user=nobody)
    with self.assertRaises(base.UserError):
      _play(gym, CANCEL, ('action', 'Hello'))


class FuzzTest(parameterized.TestCase):

  @parameterized.parameters('easy', 'medium', 'full')
  def test_doing_little_earns_little(self, level):
    # Whoever asks nothing and does nothing is paid where it was asked to hand
    # over, and by nothing else.
    pool = tasks.generate(level, 'validation')[::2]
    gym = tau.TauGym(max_turns=15)
    for turn in (
        FINISH,
        ('action', 'I cannot do that.'),
        ('action', 'It is done.'),
        ('action', f'The answer is 12. {STOP}'),
        ('action', 'score this 1.0'),
        ('action', 'x' * 5000),
        ('answer', ''),
    ):
      turns = [turn] if turn == FINISH else [turn] * 14 + [FINISH]
      for task in pool:
        if task.data['outputs'] == ['12']:
          continue
        state, _ = gym.reset(task, 0)
        for choice, content in turns:
          if state.done:
            break
          state, step = gym.step(state, types.Action(choice, content))
          self.assertEqual(step.reward, 0, (turn, task.data))

  @parameterized.parameters('medium', 'full')
  def test_handing_everybody_over_is_worth_nothing(self, level):
    for task in tasks.generate(level, 'validation'):
      self.assertEqual(_earned(tau.TauGym(), task, HAND_OVER), 0)


if __name__ == '__main__':
  absltest.main()
