"""What users want of the airline.

Each maker is a function (db, level, rng) -> scenario, or None where the
database has no reservation that suits it.
"""

from collections.abc import Callable, Mapping
import random
from typing import Any

from bao_jax.envs.tau import airline
from bao_jax.envs.tau import airline_data
from bao_jax.envs.tau import backend
from bao_jax.envs.tau import retail_data
from bao_jax.tasks.builtin import tau_parts as parts

Database = backend.Database
Row = Mapping[str, Any]
MakeFn = Callable[[Database, str, random.Random], parts.Scenario | None]

CERTIFICATE = 100  # Per passenger.


def may_cancel(reservation: Row) -> bool:
  """Returns whether the policy lets a reservation be cancelled."""
  is_insured = reservation['insurance'] == 'yes'
  return is_insured or reservation['cabin'] == 'business'


def may_change(reservation: Row) -> bool:
  """Returns whether the policy lets the flights of a reservation change."""
  return reservation['cabin'] != 'basic_economy'


def was_cancelled(db: Database, reservation: Row) -> bool:
  """Returns whether the airline cancelled a flight of a reservation."""
  return any(
      db['flights'][leg['flight_number']]['dates'][leg['date']]['status']
      == 'cancelled'
      for leg in reservation['flights']
  )


def _cancel(is_allowed: bool) -> MakeFn:

  def make(db, level, rng):
    found = _pick(db, rng, lambda r: may_cancel(r) == is_allowed)
    if found is None:
      return None
    user, trip = found
    request = parts.request(
        'cancel my reservation',
        _about(trip),
        ['cancel'],
        [],
        rivals=['chang', 'bag', 'book '],
        **_ending(is_allowed, level),
    )
    call = parts.action(
        'cancel_reservation', reservation_id=trip['reservation_id']
    )
    words = (trip['cabin'], trip['insurance'], *_trip_parts(user, trip))
    return _scenario(user, [request], [call] if is_allowed else [], words)

  return make


def _bags(db, level, rng):
  found = _pick(db, rng, lambda r: True)
  user, trip = found
  total = trip['total_baggages'] + rng.randint(1, 3)
  free = airline.free_bags(
      user['membership'], trip['cabin'], len(trip['passengers'])
  )
  request = parts.request(
      'take more bags on my trip',
      {**_about(trip), 'bags': f'{total} in all'},
      ['bag', 'luggage'],
      [[str(total)]],
      rivals=['cancel'],
  )
  call = parts.action(
      'update_reservation_baggages',
      reservation_id=trip['reservation_id'],
      total_baggages=total,
      nonfree_baggages=max(0, total - free),
      payment_id=trip['payment_id'],
  )
  words = (trip['cabin'], str(total), *_trip_parts(user, trip))
  return _scenario(user, [request], [call], words)


def _date(is_allowed: bool) -> MakeFn:

  def make(db, level, rng):
    found = _pick(db, rng, lambda r: may_change(r) == is_allowed)
    if found is None:
      return None
    user, trip = found
    number = trip['flights'][0]['flight_number']
    seats = len(trip['passengers'])
    dates = [
        date
        for date, day in db['flights'][number]['dates'].items()
        if date != trip['flights'][0]['date']
        and day['status'] == 'available'
        and day['available_seats'][trip['cabin']] >= seats
    ]
    if not dates:
      return None
    date = rng.choice(dates)
    request = parts.request(
        'fly on another day',
        {**_about(trip), 'date': date},
        ['chang', 'mov', 'fly', 'flight', 'rebook', 'switch'],
        [[date]],
        rivals=[
            'cancel',
            'bag',
            *(
                d
                for d in airline_data.DATES
                if d not in (date, trip['flights'][0]['date'])
            ),
        ],
        **_ending(is_allowed, level),
    )
    call = parts.action(
        'update_reservation_flights',
        reservation_id=trip['reservation_id'],
        cabin=trip['cabin'],
        flights=[{'flight_number': number, 'date': date}],
        payment_id=trip['payment_id'],
    )
    words = (trip['cabin'], date, *_trip_parts(user, trip))
    return _scenario(user, [request], [call] if is_allowed else [], words)

  return make


def _passenger(db, level, rng):
  found = _pick(db, rng, lambda r: len(r['passengers']) == 1)
  if found is None:
    return None
  user, trip = found
  last = trip['passengers'][0]['last_name']
  new = airline_data.person(rng.choice(retail_data.FIRST_NAMES), last, rng)
  name = f'{new["first_name"]} {new["last_name"]}'
  request = parts.request(
      'change the name of the passenger',
      {**_about(trip), 'passenger': f'{name}, born {new["dob"]}'},
      ['chang', 'updat', 'passenger', 'renam', 'replac'],
      [[name]],
      rivals=['cancel', 'bag'],
  )
  call = parts.action(
      'update_reservation_passengers',
      reservation_id=trip['reservation_id'],
      passengers=[new],
  )
  words = (new['first_name'], *_trip_parts(user, trip))
  return _scenario(user, [request], [call], words)


def _book(db, level, rng):
  user = rng.choice(list(db['users'].values()))
  found = _seat(db, rng)
  if found is None:
    return None
  flight, date, cabin, price = found
  payment = rng.choice(user['payment_methods'])
  request = parts.request(
      'book a flight for myself',
      {**_wanted(flight, date, cabin), 'payment': payment, 'bags': 'no'},
      ['book', 'reserv'],
      [[date], [cabin, _spelled(cabin)]],
      rivals=['cancel', *(d for d in airline_data.DATES if d != date)],
  )
  call = parts.action(
      'book_reservation',
      user_id=user['user_id'],
      origin=flight['origin'],
      destination=flight['destination'],
      flight_type='one_way',
      cabin=cabin,
      flights=[{'flight_number': flight['flight_number'], 'date': date}],
      passengers=[{**user['name'], 'dob': user['dob']}],
      payment_methods=[{'payment_id': payment, 'amount': price}],
      total_baggages=0,
      nonfree_baggages=0,
      insurance='no',
  )
  words = (date, cabin, flight['origin'], flight['destination'])
  return _scenario(user, [request], [call], (*words, *_user_parts(user)))


def _fare(db, level, rng):
  user = rng.choice(list(db['users'].values()))
  found = _seat(db, rng)
  if found is None:
    return None
  flight, date, cabin, price = found
  request = parts.request(
      'know what a flight costs',
      _wanted(flight, date, cabin),
      ['cost', 'price', 'fare'],
      [],
      ends='value',
  )
  words = (date, cabin, flight['origin'], flight['destination'])
  return _scenario(
      user, [request], [], (*words, *_user_parts(user)), outputs=[str(price)]
  )


def _certificate(is_allowed: bool) -> MakeFn:

  def make(db, level, rng):
    found = _pick(db, rng, lambda r: was_cancelled(db, r) == is_allowed)
    if found is None:
      return None
    user, trip = found
    amount = CERTIFICATE * len(trip['passengers'])
    request = parts.request(
        'have something for a flight that you cancelled',
        _about(trip),
        ['certificate', 'voucher'],
        [[str(amount)]] if is_allowed else [],
        rivals=['bag'],
        **_ending(is_allowed, level),
    )
    call = parts.action(
        'send_certificate', user_id=user['user_id'], amount=amount
    )
    words = (str(amount), *_trip_parts(user, trip))
    return _scenario(user, [request], [call] if is_allowed else [], words)

  return make


def _transfer(db, level, rng):
  user, trip = _pick(db, rng, lambda r: True)
  request = parts.request(
      'complain about a lost suitcase',
      _about(trip),
      ['lost', 'complain'],
      [['person']],
      ends='transfer',
  )
  call = parts.action('transfer_to_human_agents', summary='a lost suitcase')
  return _scenario(user, [request], [call], _trip_parts(user, trip))


MAKERS: Mapping[str, MakeFn] = {
    'cancel_trip': _cancel(True),
    'refuse_cancel_trip': _cancel(False),
    'bags': _bags,
    'date': _date(True),
    'refuse_date': _date(False),
    'passenger': _passenger,
    'book': _book,
    'fare': _fare,
    'certificate': _certificate(True),
    'refuse_certificate': _certificate(False),
    'airline_transfer': _transfer,
}


def _pick(db, rng, suits) -> tuple[Row, Row] | None:
  """Draws a reservation that suits, and its user."""
  trips = [trip for trip in db['reservations'].values() if suits(trip)]
  if not trips:
    return None
  trip = rng.choice(trips)
  return db['users'][trip['user_id']], trip


def _seat(db, rng) -> tuple[Row, str, str, int] | None:
  """Draws a flight, date and cabin with a free seat, and its price."""
  free = [
      (flight, date, cabin, day['prices'][cabin])
      for flight in db['flights'].values()
      for date, day in flight['dates'].items()
      for cabin, seats in day['available_seats'].items()
      if seats and day['status'] == 'available'
  ]
  return rng.choice(free) if free else None


def _about(trip: Row) -> dict:
  return {'reservation_id': trip['reservation_id']}


def _wanted(flight: Row, date: str, cabin: str) -> dict:
  route = f'{flight["origin"]} to {flight["destination"]}'
  return {'route': route, 'date': date, 'cabin': _spelled(cabin)}


def _spelled(cabin: str) -> str:
  return cabin.replace('_', ' ')


def _ending(is_allowed: bool, level: str) -> dict:
  if is_allowed:
    return {'ends': 'done'}
  return {'ends': 'refusal', 'insists': int(level == 'full')}


def _scenario(user, requests, actions, words, outputs=()) -> parts.Scenario:
  name = f'{user["name"]["first_name"]} {user["name"]["last_name"]}'
  who = {'user_id': user['user_id'], 'name': name}
  return parts.Scenario(user['user_id'], who, requests, actions, words, outputs)


def _user_parts(user: Row) -> tuple[str, str]:
  return user['name']['first_name'], user['name']['last_name']


def _trip_parts(user: Row, trip: Row) -> tuple[str, ...]:
  return (trip['origin'], trip['destination'], *_user_parts(user))
