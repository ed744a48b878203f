"""The tools of the shop, with the names and arguments of tau-bench.

Each is a pure function (db, arguments) -> (db, result). What it refuses is what
the shop's system cannot do; what an agent should not do is in the policy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bao_jax.envs.tau import backend
from bao_jax.envs.tau import shared_tools

Database = backend.Database
REASONS = ('no longer needed', 'ordered by mistake')
_ADDRESS = ('address1', 'address2', 'city', 'state', 'country', 'zip')


def find_user_id_by_name_zip(db: Database, first: str, last: str, zip_: str):
  for user in db['users'].values():
    name = user['name']['first_name'], user['name']['last_name']
    zips = (zip_, user['address']['zip'])
    if zips[0] == zips[1] and _same(name, (first, last)):
      return db, user['user_id']
  raise backend.ToolError('no such user')


def find_user_id_by_email(db: Database, email: str):
  for user in db['users'].values():
    if user['email'].lower() == email.lower():
      return db, user['user_id']
  raise backend.ToolError('no such user')


def get_user_details(db: Database, user_id: str):
  return db, backend.find(db['users'], user_id, 'user')


def get_order_details(db: Database, order_id: str):
  return db, _order(db, order_id)


def get_product_details(db: Database, product_id: str):
  return db, backend.find(db['products'], product_id, 'product')


def list_all_product_types(db: Database):
  return db, {p['name']: p['product_id'] for p in db['products'].values()}


def cancel_pending_order(db: Database, order_id: str, reason: str):
  _order(db, order_id, 'pending')
  changes = {'status': 'cancelled', 'cancel_reason': reason}
  return _changed(db, order_id, changes)


def return_delivered_order_items(
    db: Database, order_id: str, item_ids: Sequence[str], payment: str
):
  order = _order(db, order_id, 'delivered')
  _check_items(order, item_ids)
  _check_payment(db, order, payment)
  changes = {
      'status': 'return requested',
      'return_items': sorted(item_ids),
      'return_payment_method_id': payment,
  }
  return _changed(db, order_id, changes)


def exchange_delivered_order_items(
    db: Database,
    order_id: str,
    item_ids: Sequence[str],
    new_item_ids: Sequence[str],
    payment: str,
):
  order = _order(db, order_id, 'delivered')
  _replaced(db, order, item_ids, new_item_ids)
  _check_payment(db, order, payment)
  changes = {
      'status': 'exchange requested',
      'exchange_items': sorted(item_ids),
      'exchange_new_items': sorted(new_item_ids),
      'exchange_payment_method_id': payment,
  }
  return _changed(db, order_id, changes)


def modify_pending_order_items(
    db: Database,
    order_id: str,
    item_ids: Sequence[str],
    new_item_ids: Sequence[str],
    payment: str,
):
  order = _order(db, order_id, 'pending')
  items = _replaced(db, order, item_ids, new_item_ids)
  _check_payment(db, order, payment)
  changes = {
      'status': 'pending (items modified)',
      'items': items,
      'difference_payment_method_id': payment,
  }
  return _changed(db, order_id, changes)


def modify_pending_order_address(db: Database, order_id: str, *parts: str):
  _order(db, order_id, 'pending')
  return _changed(db, order_id, {'address': dict(zip(_ADDRESS, parts))})


def modify_pending_order_payment(db: Database, order_id: str, payment: str):
  order = _order(db, order_id, 'pending')
  _check_payment(db, order, payment)
  if payment == order['payment_method_id']:
    raise backend.ToolError('the order is paid with this method already')
  return _changed(db, order_id, {'payment_method_id': payment})


def modify_user_address(db: Database, user_id: str, *parts: str):
  backend.find(db['users'], user_id, 'user')
  address = dict(zip(_ADDRESS, parts))
  db = backend.put(db, address, 'users', user_id, 'address')
  return db, db['users'][user_id]


def _same(left: Sequence[str], right: Sequence[str]) -> bool:
  return [x.lower() for x in left] == [x.lower() for x in right]


def _order(db: Database, order_id: str, status: str = '') -> Mapping[str, Any]:
  """Returns an order; a `ToolError` if it has not the status needed."""
  order = backend.find(db['orders'], order_id, 'order')
  if status and order['status'] != status:
    raise backend.ToolError(f'the order is {order["status"]}, not {status}')
  return order


def _changed(db: Database, order_id: str, changes: Mapping[str, Any]):
  order = {**db['orders'][order_id], **changes}
  db = backend.put(db, order, 'orders', order_id)
  return db, {'order_id': order_id, 'status': db['orders'][order_id]['status']}


def _check_items(order: Mapping[str, Any], item_ids: Sequence[str]) -> None:
  owned = [item['item_id'] for item in order['items']]
  if not item_ids or len(set(item_ids)) != len(item_ids):
    raise backend.ToolError('give each item once, and at least one')
  for item_id in item_ids:
    if item_id not in owned:
      raise backend.ToolError(f'the order has no item {item_id[:40]!r}')


def _check_payment(
    db: Database, order: Mapping[str, Any], payment: str
) -> None:
  (user,) = [
      user
      for user in db['users'].values()
      if order['order_id'] in user['orders']
  ]
  if payment not in user['payment_methods']:
    raise backend.ToolError(f'the user has no payment method {payment[:40]!r}')


def _replaced(
    db: Database,
    order: Mapping[str, Any],
    item_ids: Sequence[str],
    new_item_ids: Sequence[str],
) -> list[Mapping[str, Any]]:
  """Returns the order's items, some replaced by others of the same product."""
  _check_items(order, item_ids)
  if len(item_ids) != len(new_item_ids):
    raise backend.ToolError('give one new item for each old one')
  new = dict(zip(item_ids, new_item_ids))
  return [
      _variant(db, item, new[item['item_id']])
      if item['item_id'] in new
      else item
      for item in order['items']
  ]


def _variant(
    db: Database, item: Mapping[str, Any], item_id: str
) -> Mapping[str, Any]:
  variants = db['products'][item['product_id']]['variants']
  variant = backend.find(variants, item_id, f'{item["name"]} with item id')
  if not variant['available']:
    raise backend.ToolError(f'item {item_id} is not available')
  taken = ('item_id', 'options', 'price')
  return {**item, **{key: variant[key] for key in taken}}


_TEXT = backend.STRING
_WHERE = dict.fromkeys(_ADDRESS, _TEXT)
_ORDER = {'order_id': _TEXT}
_PAYMENT = {'payment_method_id': _TEXT}
_SWAP = {
    **_ORDER,
    'item_ids': backend.STRINGS,
    'new_item_ids': backend.STRINGS,
    **_PAYMENT,
}

TOOLS: Mapping[str, backend.Tool] = {
    'find_user_id_by_name_zip': backend.Tool(
        find_user_id_by_name_zip,
        'finds the user with this name and zip code',
        {'first_name': _TEXT, 'last_name': _TEXT, 'zip': _TEXT},
    ),
    'find_user_id_by_email': backend.Tool(
        find_user_id_by_email,
        'finds the user with this email address',
        {'email': _TEXT},
    ),
    'get_user_details': backend.Tool(
        get_user_details,
        'shows a user: address, payment methods, orders',
        {'user_id': _TEXT},
    ),
    'get_order_details': backend.Tool(
        get_order_details, 'shows an order; its id begins with #W', _ORDER
    ),
    'get_product_details': backend.Tool(
        get_product_details,
        'shows a product and its variants',
        {'product_id': _TEXT},
    ),
    'list_all_product_types': backend.Tool(
        list_all_product_types, 'lists the products and their ids', {}
    ),
    'cancel_pending_order': backend.Tool(
        cancel_pending_order,
        'cancels a pending order',
        {**_ORDER, 'reason': {'type': 'string', 'enum': list(REASONS)}},
    ),
    'return_delivered_order_items': backend.Tool(
        return_delivered_order_items,
        'takes items of a delivered order back and refunds them',
        {**_ORDER, 'item_ids': backend.STRINGS, **_PAYMENT},
    ),
    'exchange_delivered_order_items': backend.Tool(
        exchange_delivered_order_items,
        'exchanges items of a delivered order for others of the same products;'
        ' once per order',
        _SWAP,
    ),
    'modify_pending_order_items': backend.Tool(
        modify_pending_order_items,
        'replaces items of a pending order by others of the same products;'
        ' once per order',
        _SWAP,
    ),
    'modify_pending_order_address': backend.Tool(
        modify_pending_order_address,
        'changes where a pending order is sent',
        {**_ORDER, **_WHERE},
    ),
    'modify_pending_order_payment': backend.Tool(
        modify_pending_order_payment,
        'changes what a pending order is paid with',
        {**_ORDER, **_PAYMENT},
    ),
    'modify_user_address': backend.Tool(
        modify_user_address,
        'changes the address in the profile of a user',
        {'user_id': _TEXT, **_WHERE},
    ),
    **shared_tools.TOOLS,
}

# What the level easy has.
FEW_TOOLS = (
    'get_order_details',
    'cancel_pending_order',
    'return_delivered_order_items',
    shared_tools.TRANSFER,
)
