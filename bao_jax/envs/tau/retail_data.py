"""A shop's database, drawn from a seed: users, products and orders.

  users     id -> name, email, address, payment_methods, orders
  products  id -> name, variants: item id -> options, available, price
  orders    id -> user_id, status, items, address, payment_method_id, ...

All that is written is made of the words below, so that every word of a held-out
task occurs in training.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import random
from typing import Any

from bao_jax.envs.tau import backend

STATUSES = ('pending', 'processed', 'delivered')

FIRST_NAMES = ('Ana', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gina', 'Hugo')
LAST_NAMES = ('Reed', 'Stone', 'Marsh', 'Field', 'Brook', 'Wood')
STREETS = ('Oak Street', 'Hill Road', 'Lake Avenue', 'Mill Lane', 'Park Way')
CITIES = (
    ('Denver', 'CO'),
    ('Austin', 'TX'),
    ('Boston', 'MA'),
    ('Seattle', 'WA'),
    ('Miami', 'FL'),
)

# Product -> option -> values.
PRODUCTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    'mug': {'color': ('red', 'blue', 'green'), 'size': ('small', 'large')},
    'lamp': {'color': ('black', 'white', 'gold'), 'power': ('weak', 'bright')},
    'shirt': {'color': ('red', 'black', 'white'), 'size': ('small', 'large')},
    'chair': {'color': ('black', 'green', 'white'), 'back': ('low', 'high')},
    'bag': {'color': ('blue', 'black', 'red'), 'size': ('small', 'large')},
    'clock': {'color': ('gold', 'white', 'blue'), 'face': ('round', 'square')},
    'kettle': {'color': ('green', 'red', 'white'), 'size': ('small', 'large')},
    'desk': {'color': ('black', 'white', 'green'), 'size': ('small', 'large')},
}


@dataclasses.dataclass(frozen=True)
class Size:
  """How large a database is, and how long its ids are."""

  users: int
  products: int
  options: int  # Of a product, the first of those it has.
  orders: int  # Of a user.
  items: int  # Of an order, at most.
  digits: int  # Of ids.
  hidden: tuple[str, ...] = ()  # What an order and its items do not show.
  methods: tuple[str, ...] = ('credit_card', 'gift_card', 'paypal')


SIZES = {
    'easy': Size(
        users=3,
        products=3,
        options=1,
        orders=1,
        items=1,
        digits=2,
        hidden=('user_id', 'address', 'product_id', 'options'),
        methods=('card', 'paypal'),
    ),
    'medium': Size(
        users=4,
        products=4,
        options=1,
        orders=2,
        items=2,
        digits=3,
        hidden=('address',),
    ),
    'full': Size(users=12, products=8, options=2, orders=3, items=3, digits=7),
}


@functools.lru_cache(maxsize=1024)
def database(size: str, seed: str) -> backend.Database:
  """Draws a database.

  Args:
    size: a key of `SIZES`.
    seed: of the draw.
  """
  chosen = SIZES[size]
  rng = random.Random(f'retail/{size}/{seed}')
  ids = _Ids(rng, chosen.digits)
  names = rng.sample(list(PRODUCTS), chosen.products)
  products = dict(_product(name, chosen, ids, rng) for name in names)
  users, orders = {}, {}
  people = [(f, l) for f in FIRST_NAMES for l in LAST_NAMES]
  for first, last in rng.sample(people, chosen.users):
    user = _user(first, last, chosen.methods, ids, rng)
    own = [
        _order(user, products, chosen, ids, rng) for _ in range(chosen.orders)
    ]
    user['orders'] = [order['order_id'] for order in own]
    users[user['user_id']] = user
    orders |= {order['order_id']: order for order in own}
  return {'users': users, 'products': products, 'orders': orders}


class _Ids:
  """Draws numbers of a fixed length, none twice."""

  def __init__(self, rng: random.Random, digits: int):
    self._rng = rng
    self._first, self._last = 10 ** (digits - 1) + 1, 10**digits - 1
    self._drawn: set[int] = set()

  def __call__(self) -> str:
    while (number := self._rng.randint(self._first, self._last)) in self._drawn:
      pass
    self._drawn.add(number)
    return str(number)


def _product(
    name: str, size: Size, ids: _Ids, rng: random.Random
) -> tuple[str, Any]:
  combinations: list[dict[str, str]] = [{}]
  for option, values in list(PRODUCTS[name].items())[: size.options]:
    combinations = [c | {option: v} for c in combinations for v in values]
  variants = {}
  for options in combinations:
    item_id = ids()
    variants[item_id] = {
        'item_id': item_id,
        'options': options,
        'available': rng.random() < 0.7,
        'price': rng.randint(11, 99),
    }
  product_id = ids()
  return product_id, {
      'product_id': product_id,
      'name': name,
      'variants': variants,
  }


def _user(
    first: str,
    last: str,
    methods: Sequence[str],
    ids: _Ids,
    rng: random.Random,
) -> dict:
  number = ids()
  user_id = f'{first}_{last}_{number}'.lower()
  methods = list(methods)
  rng.shuffle(methods)
  methods = [f'{source}_{ids()}' for source in methods[:2]]
  return {
      'user_id': user_id,
      'name': {'first_name': first, 'last_name': last},
      'email': f'{first}.{last}{number}@example.com'.lower(),
      'address': address(rng),
      'payment_methods': methods,
  }


def address(rng: random.Random) -> dict[str, str]:
  """Draws an address."""
  city, state = rng.choice(CITIES)
  return {
      'address1': f'{rng.randint(11, 99)} {rng.choice(STREETS)}',
      'address2': '',
      'city': city,
      'state': state,
      'country': 'USA',
      'zip': str(rng.randint(10001, 99999)),
  }


def _order(
    user: Mapping[str, Any],
    products: Mapping[str, Any],
    size: Size,
    ids: _Ids,
    rng: random.Random,
) -> dict:
  num_items = rng.randint(1, size.items)
  items = []
  for product in rng.sample(list(products.values()), num_items):
    variant = rng.choice(list(product['variants'].values()))
    item = {
        'name': product['name'],
        'product_id': product['product_id'],
        'item_id': variant['item_id'],
        'options': variant['options'],
        'price': variant['price'],
    }
    items.append(_without(item, size.hidden))
  order = {
      'order_id': f'#W{ids()}',
      'user_id': user['user_id'],
      'status': rng.choice(STATUSES),
      'items': items,
      'address': user['address'],
      'payment_method_id': rng.choice(user['payment_methods']),
  }
  return _without(order, size.hidden)


def _without(row: Mapping[str, Any], hidden: tuple[str, ...]) -> dict:
  return {key: value for key, value in row.items() if key not in hidden}
