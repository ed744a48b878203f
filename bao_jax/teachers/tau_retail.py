"""How the Tau teacher serves users of the shop: one script per wish."""

from collections.abc import Mapping
import re
from typing import Any

from bao_jax.teachers import tau_desk

Desk = tau_desk.Desk
Script = tau_desk.Script
Row = Mapping[str, Any]


def find_user(desk: Desk, *more: str) -> Script:
  """Asks who the user is, and `more` with it; notes the user id."""
  if 'user' in desk.notes or desk.is_easy:
    yield from desk.ask(*more)
    return
  yield from desk.ask('name', 'zip', *more)
  if 'zip' in desk.notes:
    first, _, last = desk.notes['name'].partition(' ')
    user_id = yield from desk.call(
        'find_user_id_by_name_zip',
        first_name=first,
        last_name=last,
        zip=desk.notes['zip'],
    )
  else:
    yield from desk.ask('email')
    user_id = yield from desk.call(
        'find_user_id_by_email', email=desk.notes['email']
    )
  desk.notes['user'] = user_id


def find_order(desk: Desk, wish: str, *more: str) -> Script:
  """Finds the user and the order with a product that the wish names.

  Returns:
    The order and the item.
  """
  yield from find_user(desk, 'order_id', *more)
  if 'order_id' in desk.notes:
    order_ids = [desk.notes['order_id']]
  else:
    user = yield from desk.call('get_user_details', user_id=desk.notes['user'])
    order_ids = user['orders']
  for order_id in order_ids:
    order = yield from desk.call('get_order_details', order_id=order_id)
    for item in order['items']:
      if re.search(rf'\b{item["name"]}\b', wish):
        desk.notes['order'] = order['status']
        if not desk.is_easy:
          desk.notes['order'] = f'{order_id} {order["status"]}'
        return order, item
  raise LookupError(f'no order for the wish to {wish}')


def cancel(desk: Desk, wish: str) -> Script:
  """Cancels an order if it is pending."""
  order, item = yield from find_order(desk, wish, 'reason')
  what = f'order {order["order_id"]} of the {item["name"]}'
  if desk.is_easy:
    what = f'the {item["name"]}'
  reason = desk.notes['reason']
  if order['status'] != 'pending':
    return (
        yield from desk.refuse(
            f'{what} is {order["status"]} and cannot be cancelled',
            short=f'i cannot, it is {order["status"]}',
        )
    )
  yield from desk.propose(f'cancel {what}, {reason}')
  yield from desk.call(
      'cancel_pending_order', order_id=order['order_id'], reason=reason
  )
  return (yield from desk.report(f'{what} is cancelled'))


def take_back(desk: Desk, wish: str) -> Script:
  """Returns an item if its order is delivered."""
  order, item = yield from find_order(desk, wish)
  what = f'the {item["name"]} of order {order["order_id"]}'
  if desk.is_easy:
    what = f'the {item["name"]}'
  if order['status'] != 'delivered':
    return (
        yield from desk.refuse(
            f'the order is {order["status"]}, so {what} cannot be returned',
            short=f'i cannot, it is {order["status"]}',
        )
    )
  payment = order['payment_method_id']
  refund = '' if desk.is_easy else f', refund to {payment}'
  yield from desk.propose(f'return {what}{refund}')
  yield from desk.call(
      'return_delivered_order_items',
      order_id=order['order_id'],
      item_ids=[item['item_id']],
      payment_method_id=payment,
  )
  return (yield from desk.report(f'the {item["name"]} is returned'))


_SWAPS = {
    'delivered': 'exchange_delivered_order_items',
    'pending': 'modify_pending_order_items',
}


def swap(desk: Desk, wish: str) -> Script:
  """Exchanges an item for one of another color, if there is one."""
  order, item = yield from find_order(desk, wish)
  color = _color(wish)
  if order['status'] not in _SWAPS:
    return (
        yield from desk.refuse(
            f'the order is {order["status"]}, so the {item["name"]} cannot be'
            ' exchanged'
        )
    )
  product = yield from desk.call(
      'get_product_details', product_id=item['product_id']
  )
  new = _variant(product, item, color)
  if new is None:
    reply = yield from desk.refuse(f'a {color} one is not available')
    color = _color(tau_desk.wish_of(reply))
    new = _variant(product, item, color)
  yield from desk.propose(
      f'exchange the {item["name"]} for the {color} one at {new["price"]}'
  )
  yield from desk.call(
      _SWAPS[order['status']],
      order_id=order['order_id'],
      item_ids=[item['item_id']],
      new_item_ids=[new['item_id']],
      payment_method_id=order['payment_method_id'],
  )
  return (
      yield from desk.report(
          f'the {item["name"]} is exchanged for a {color} one'
      )
  )


def address(desk: Desk, wish: str) -> Script:
  """Changes the address of a pending order."""
  order, item = yield from find_order(desk, wish, 'address')
  what = f'order {order["order_id"]} of the {item["name"]}'
  if order['status'] != 'pending':
    return (
        yield from desk.refuse(
            f'{what} is {order["status"]}, so its address cannot be changed'
        )
    )
  where = desk.notes['address']
  yield from desk.propose(f'change the address of {what} to {where}')
  yield from desk.call(
      'modify_pending_order_address',
      order_id=order['order_id'],
      **_address(where),
  )
  return (yield from desk.report('the address is changed'))


def profile(desk: Desk, wish: str) -> Script:
  """Changes the address in the user's profile."""
  del wish
  yield from find_user(desk, 'address')
  where = desk.notes['address']
  yield from desk.propose(f'change the address in your profile to {where}')
  yield from desk.call(
      'modify_user_address', user_id=desk.notes['user'], **_address(where)
  )
  return (yield from desk.report('the address is changed'))


def payment(desk: Desk, wish: str) -> Script:
  """Changes what a pending order is paid with."""
  order, item = yield from find_order(desk, wish, 'payment')
  user = yield from desk.call('get_user_details', user_id=desk.notes['user'])
  source = desk.notes['payment'].removeprefix('my ').replace(' ', '_')
  (new,) = [m for m in user['payment_methods'] if m.startswith(source)]
  what = f'order {order["order_id"]} of the {item["name"]}'
  yield from desk.propose(f'change the payment of {what} to {new}')
  yield from desk.call(
      'modify_pending_order_payment',
      order_id=order['order_id'],
      payment_method_id=new,
  )
  return (yield from desk.report('the payment is changed'))


def price(desk: Desk, wish: str) -> Script:
  """Tells the price of an item."""
  _, item = yield from find_order(desk, wish)
  text = f'the price of the {item["name"]} is {item["price"]}'
  return (yield from desk.say('tell the price', text + '.' * desk.is_full))


def total(desk: Desk, wish: str) -> Script:
  """Tells what an order cost."""
  order, _ = yield from find_order(desk, wish)
  prices = [item['price'] for item in order['items']]
  value = prices[0]
  if len(prices) > 1:
    value = yield from desk.call(
        'calculate', expression=' + '.join(map(str, prices))
    )
  text = f'your order cost {value} in all'
  return (yield from desk.say('tell the total', text + '.' * desk.is_full))


def count(desk: Desk, wish: str) -> Script:
  """Tells how many variants of a product are available."""
  yield from find_user(desk)
  types_ = yield from desk.call('list_all_product_types')
  (name,) = [name for name in types_ if re.search(rf'\b{name}\b', wish)]
  product = yield from desk.call('get_product_details', product_id=types_[name])
  there = sum(v['available'] for v in product['variants'].values())
  text = f'there are {there} kinds of {name}'
  return (yield from desk.say('tell the number', text + '.' * desk.is_full))


def hand_over(desk: Desk, wish: str) -> Script:
  """Finds out who it is, then hands the user over."""
  yield from find_user(desk)
  return (
      yield from desk.call(
          'transfer_to_human_agents', summary=f'wants to {wish}'
      )
  )


SCRIPTS = (
    ('^cancel my order', cancel),
    ('^return', take_back),
    ('^have a .* in place of', swap),
    ('^change the address of my order', address),
    ('^change the address in my profile', profile),
    ('^pay my order', payment),
    ('^know the price', price),
    ('^know what my order', total),
    ('^know how many kinds', count),
    ('^complain about a broken', hand_over),
)


def _color(wish: str) -> str:
  found = re.match(r'have a (\w+)', wish)
  return found[1] if found else ''


def _variant(product: Row, item: Row, color: str) -> Row | None:
  """Returns the available variant that differs from an item in color alone."""
  options = {**item['options'], 'color': color}
  for variant in product['variants'].values():
    if variant['options'] == options and variant['available']:
      return variant
  return None


def _address(text: str) -> dict[str, str]:
  address1, city, state, country, zip_ = text.split(', ')
  return {
      'address1': address1,
      'address2': '',
      'city': city,
      'state': state,
      'country': country,
      'zip': zip_,
  }
