"""What users want of the shop.

Each maker is a function (db, level, rng) -> scenario, or None where the
database has no order that suits it.
"""

from collections.abc import Callable, Mapping
import random
from typing import Any

from bao_jax.envs.tau import backend
from bao_jax.envs.tau import retail
from bao_jax.envs.tau import retail_data
from bao_jax.tasks.builtin import tau_parts as parts

Database = backend.Database
Row = Mapping[str, Any]
MakeFn = Callable[[Database, str, random.Random], parts.Scenario | None]

_CANCEL = ('cancel',)
_RETURN = ('return', 'send back', 'take back', 'sent back', 'refund')
_SWAP = ('exchang', 'swap', 'replac', 'chang', 'modif', 'switch')
_MOVE = ('chang', 'updat', 'modif', 'set ', 'send', 'ship', 'deliver')
_PAY = ('chang', 'updat', 'modif', 'switch', 'pay', 'charg')
_REASONS = {
    'no longer needed': ('by mistake', 'mistaken', 'accident'),
    'ordered by mistake': (
        'no longer need',
        'not need',
        "don't need",
        "isn't need",
    ),
}


def _cancel(status: str | None) -> MakeFn:
  """Returns the maker of a wish to cancel; None: one that is refused."""

  def make(db, level, rng):
    found = _pick(db, rng, [status] if status else ['processed', 'delivered'])
    if found is None:
      return None
    user, order, item = found
    reason = rng.choice(retail.REASONS)
    request = parts.request(
        f'cancel my order of the {item["name"]}',
        {**_about(order, item, level, rng), 'reason': reason},
        _CANCEL,
        [[order['order_id'], item['name']]],
        rivals=['return', 'exchang', 'modif', *_REASONS[reason]],
        **_ending(status, level),
    )
    call = parts.action(
        'cancel_pending_order', order_id=order['order_id'], reason=reason
    )
    words = (item['name'], reason, *_identity_parts(user))
    return _scenario(user, level, rng, [request], [call], words, status)

  return make


def _return(status: str | None) -> MakeFn:

  def make(db, level, rng):
    statuses = [status] if status else ['processed', 'pending']
    found = _pick(db, rng, statuses)
    if found is None:
      return None
    user, order, item = found
    request = parts.request(
        f'return the {item["name"]}',
        _about(order, item, level, rng),
        _RETURN,
        [[item['name']]],
        rivals=['cancel', 'exchang', *_others(order, item)],
        **_ending(status, level),
    )
    call = parts.action(
        'return_delivered_order_items',
        order_id=order['order_id'],
        item_ids=[item['item_id']],
        payment_method_id=order['payment_method_id'],
    )
    words = (item['name'], *_identity_parts(user))
    return _scenario(user, level, rng, [request], [call], words, status)

  return make


def _swap(status: str) -> MakeFn:
  """Returns the maker of a wish for another variant of a product."""
  name = {
      'delivered': 'exchange_delivered_order_items',
      'pending': 'modify_pending_order_items',
  }.get(status)

  def make(db, level, rng):
    found = _pick(db, rng, [status])
    if found is None:
      return None
    user, order, item = found
    colors = _colors(db, item)
    rng.shuffle(colors)
    wanted = _wanted(colors, rng) if name else colors[:1]
    if not wanted:
      return None
    requests = [
        parts.request(
            f'have a {color} {item["name"]} in place of the one I ordered',
            {**_about(order, item, level, rng), 'new': f'a {color} one'},
            _SWAP,
            [[color]],
            rivals=['cancel', 'refund', *_rival_colors(item, color)],
            fallback=i > 0,
            **_ending(name, level),
        )
        for i, (color, _) in enumerate(wanted)
    ]
    call = parts.action(
        name or '',
        order_id=order['order_id'],
        item_ids=[item['item_id']],
        new_item_ids=[wanted[-1][1]['item_id']],
        payment_method_id=order['payment_method_id'],
    )
    words = (item['name'], *(c for c, _ in wanted), *_identity_parts(user))
    return _scenario(user, level, rng, requests, [call], words, name)

  return make


def _address(status: str | None) -> MakeFn:

  def make(db, level, rng):
    found = _pick(db, rng, [status] if status else ['processed', 'delivered'])
    if found is None:
      return None
    user, order, item = found
    where = retail_data.address(rng)
    request = parts.request(
        f'change the address of my order of the {item["name"]}',
        {**_about(order, item, level, rng), 'address': _written(where)},
        _MOVE,
        [[where['address1']]],
        rivals=['cancel', 'return', 'profile'],
        **_ending(status, level),
    )
    call = parts.action(
        'modify_pending_order_address', order_id=order['order_id'], **where
    )
    words = (item['name'], where['city'], *_identity_parts(user))
    return _scenario(user, level, rng, [request], [call], words, status)

  return make


def _profile(db, level, rng):
  user = rng.choice(list(db['users'].values()))
  where = retail_data.address(rng)
  request = parts.request(
      'change the address in my profile',
      {'address': _written(where)},
      _MOVE,
      [[where['address1']]],
      rivals=['cancel', 'return', 'order #'],
  )
  call = parts.action('modify_user_address', user_id=user['user_id'], **where)
  street = where['address1'].partition(' ')[2]
  words = (where['city'], street, *_identity_parts(user))
  return _scenario(user, level, rng, [request], [call], words)


def _payment(db, level, rng):
  found = _pick(db, rng, ['pending'])
  if found is None:
    return None
  user, order, item = found
  old = order['payment_method_id']
  new = next(m for m in user['payment_methods'] if m != old)
  source = new.rpartition('_')[0].replace('_', ' ')
  request = parts.request(
      f'pay my order of the {item["name"]} in another way',
      {**_about(order, item, level, rng), 'payment': f'my {source}'},
      _PAY,
      [[new, source]],
      rivals=['cancel', 'return'],
  )
  call = parts.action(
      'modify_pending_order_payment',
      order_id=order['order_id'],
      payment_method_id=new,
  )
  words = (item['name'], source, *_identity_parts(user))
  return _scenario(user, level, rng, [request], [call], words)


def _price(db, level, rng):
  found = _pick(db, rng, retail_data.STATUSES)
  if found is None:
    return None
  user, order, item = found
  request = parts.request(
      f'know the price of the {item["name"]} in my order',
      _about(order, item, level, rng),
      ['price', 'cost'],
      [],
      ends='value',
  )
  words = (item['name'], *_identity_parts(user))
  return _scenario(
      user, level, rng, [request], [], words, outputs=[str(item['price'])]
  )


def _total(db, level, rng):
  found = _pick(db, rng, retail_data.STATUSES)
  if found is None:
    return None
  user, order, item = found
  request = parts.request(
      f'know what my order of the {item["name"]} cost in all',
      _about(order, item, level, rng),
      ['total', 'cost', 'all'],
      [],
      ends='value',
  )
  total = sum(row['price'] for row in order['items'])
  words = (item['name'], str(len(order['items'])), *_identity_parts(user))
  return _scenario(user, level, rng, [request], [], words, outputs=[str(total)])


def _count(db, level, rng):
  user = rng.choice(list(db['users'].values()))
  product = rng.choice(list(db['products'].values()))
  variants = product['variants'].values()
  count = sum(variant['available'] for variant in variants)
  request = parts.request(
      f'know how many kinds of {product["name"]} are available now',
      {'item': product['name']},
      ['kind', 'available'],
      [],
      ends='value',
  )
  words = (product['name'], *_identity_parts(user))
  return _scenario(user, level, rng, [request], [], words, outputs=[str(count)])


def _transfer(db, level, rng):
  found = _pick(db, rng, retail_data.STATUSES)
  if found is None:
    return None
  user, order, item = found
  request = parts.request(
      f'complain about a broken {item["name"]}',
      _about(order, item, level, rng),
      ['broken', 'complain'],
      [['person']],
      ends='transfer',
  )
  call = parts.action('transfer_to_human_agents', summary='a broken item')
  words = (item['name'], *_identity_parts(user))
  return _scenario(user, level, rng, [request], [call], words)


def _two_wishes(db, level, rng):
  """One user's wish to cancel or to return, then one about the profile."""
  first = rng.choice([_cancel('pending'), _return('delivered')])
  made = first(db, level, rng)
  if made is None:
    return None
  where = retail_data.address(rng)
  then = parts.request(
      'change the address in my profile',
      {'address': _written(where)},
      _MOVE,
      [[where['address1']]],
      rivals=['cancel', 'return', 'order #'],
  )
  call = parts.action('modify_user_address', user_id=made.user_id, **where)
  return parts.Scenario(
      user_id=made.user_id,
      who=made.who,
      requests=[*made.requests, then],
      actions=[*made.actions, call],
      parts=(*made.parts, where['city']),
  )


MAKERS: Mapping[str, MakeFn] = {
    'cancel': _cancel('pending'),
    'refuse_cancel': _cancel(None),
    'return': _return('delivered'),
    'refuse_return': _return(None),
    'exchange': _swap('delivered'),
    'modify_items': _swap('pending'),
    'refuse_swap': _swap('processed'),
    'address': _address('pending'),
    'refuse_address': _address(None),
    'profile': _profile,
    'payment': _payment,
    'price': _price,
    'total': _total,
    'count': _count,
    'retail_transfer': _transfer,
    'two_wishes': _two_wishes,
}


def _pick(db, rng, statuses) -> tuple[Row, Row, Row] | None:
  """Draws an order of some status: its user, itself and one of its items.

  Of the user's orders it is the only one with this product, so that a user who
  does not know its number can still say which it is.
  """
  orders = [o for o in db['orders'].values() if o['status'] in statuses]
  rng.shuffle(orders)
  for order in orders:
    user = _owner(db, order)
    item = rng.choice(order['items'])
    others = [db['orders'][i] for i in user['orders'] if i != order['order_id']]
    if all(row['name'] != item['name'] for o in others for row in o['items']):
      return user, order, item
  return None


def _owner(db: Database, order: Row) -> Row:
  (user,) = [
      user
      for user in db['users'].values()
      if order['order_id'] in user['orders']
  ]
  return user


def _scenario(
    user, level, rng, requests, actions, words, is_allowed=True, outputs=()
) -> parts.Scenario:
  """Builds the scenario; what is not allowed has no actions."""
  name = f'{user["name"]["first_name"]} {user["name"]["last_name"]}'
  who = {'name': name, 'zip': user['address']['zip']}
  if level == 'full' and rng.random() < 0.3:
    who = {'name': name, 'email': user['email']}
  actions = actions if is_allowed else []
  return parts.Scenario(user['user_id'], who, requests, actions, words, outputs)


def _identity_parts(user: Row) -> tuple[str, str]:
  return user['name']['first_name'], user['name']['last_name']


def _about(order: Row, item: Row, level: str, rng: random.Random) -> dict:
  """Returns what a user says about an order, at times without its number."""
  if level == 'full' and rng.random() < 0.3:
    return {'item': item['name']}
  return {'order_id': order['order_id'], 'item': item['name']}


def _ending(is_allowed: Any, level: str) -> dict:
  if is_allowed:
    return {'ends': 'done'}
  return {'ends': 'refusal', 'insists': int(level == 'full')}


def _others(order: Row, item: Row) -> list[str]:
  """Returns the other products of an order."""
  return [r['name'] for r in order['items'] if r['name'] != item['name']]


def _colors(db: Database, item: Row) -> list[tuple[str, Row]]:
  """Returns other colors of an item, with the variant that is else alike."""
  variants = db['products'][item['product_id']]['variants'].values()
  same = lambda v: all(
      v['options'][k] == x for k, x in item['options'].items() if k != 'color'
  )
  return [
      (variant['options']['color'], variant)
      for variant in variants
      if variant['item_id'] != item['item_id'] and same(variant)
  ]


def _wanted(
    colors: list[tuple[str, Row]], rng: random.Random
) -> list[tuple[str, Row]]:
  """Returns one color that is available, at times after one that is not."""
  there = [pair for pair in colors if pair[1]['available']]
  gone = [pair for pair in colors if not pair[1]['available']]
  if not there:
    return []
  return [*gone[:1], there[0]] if gone else there[:1]


def _rival_colors(item: Row, color: str) -> list[str]:
  known = retail_data.PRODUCTS[item['name']]['color']
  return [c for c in known if c not in (color, item['options']['color'])]


def _written(where: Row) -> str:
  parts_ = ('address1', 'city', 'state', 'country', 'zip')
  return ', '.join(where[part] for part in parts_)
