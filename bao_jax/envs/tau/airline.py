"""The tools of the airline, with the names and arguments of tau-bench.

Each is a pure function (db, arguments) -> (db, result). What it refuses is what
the airline's system cannot do; what an agent should not do is in the policy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bao_jax.envs.tau import airline_data
from bao_jax.envs.tau import backend
from bao_jax.envs.tau import shared_tools

Database = backend.Database
BAG_PRICE = 50

_FREE_BAGS = {'basic_economy': 0, 'economy': 1, 'business': 2}
_BONUS_BAGS = {'regular': 0, 'silver': 1, 'gold': 2}


def free_bags(membership: str, cabin: str, passengers: int) -> int:
  """Returns how many bags of a reservation cost nothing."""
  return passengers * (_FREE_BAGS[cabin] + _BONUS_BAGS[membership])


def get_user_details(db: Database, user_id: str):
  return db, _user(db, user_id)


def get_reservation_details(db: Database, reservation_id: str):
  return db, _reservation(db, reservation_id)


def list_all_airports(db: Database):
  return db, sorted({flight['origin'] for flight in db['flights'].values()})


def search_direct_flight(
    db: Database, origin: str, destination: str, date: str
):
  route = origin.upper(), destination.upper()
  return db, [
      _on(flight, date)
      for flight in db['flights'].values()
      if (flight['origin'], flight['destination']) == route
      and _is_open(flight, date)
  ]


def search_onestop_flight(
    db: Database, origin: str, destination: str, date: str
):
  flights = [f for f in db['flights'].values() if _is_open(f, date)]
  return db, [
      [_on(first, date), _on(second, date)]
      for first in flights
      for second in flights
      if first['origin'] == origin.upper()
      and second['destination'] == destination.upper()
      and first['destination'] == second['origin']
      and first['arrives'] < second['departs']
  ]


def cancel_reservation(db: Database, reservation_id: str):
  _reservation(db, reservation_id, is_booked=True)
  return _changed(db, reservation_id, {'status': 'cancelled'})


def book_reservation(
    db: Database,
    user_id: str,
    origin: str,
    destination: str,
    flight_type: str,
    cabin: str,
    flights: Sequence[Mapping[str, str]],
    passengers: Sequence[Mapping[str, str]],
    payment_methods: Sequence[Mapping[str, Any]],
    total_baggages: int,
    nonfree_baggages: int,
    insurance: str,
):
  """Books; the payments must add up to fares, bags and insurance."""
  user = _user(db, user_id)
  if not passengers:
    raise backend.ToolError('give at least one passenger')
  _check_bags(user, cabin, len(passengers), total_baggages, nonfree_baggages)
  legs = _legs(db, flights, cabin, len(passengers))
  per_person = sum(leg['price'] for leg in legs) + 30 * (insurance == 'yes')
  total = per_person * len(passengers) + BAG_PRICE * nonfree_baggages
  for payment in payment_methods:
    _check_payment(user, payment['payment_id'])
  paid = sum(payment['amount'] for payment in payment_methods)
  if paid != total:
    raise backend.ToolError(f'the payments are {paid}, the total is {total}')
  reservation_id = f'R{1000 + len(db["reservations"])}'
  reservation = {
      'reservation_id': reservation_id,
      'user_id': user_id,
      'origin': origin.upper(),
      'destination': destination.upper(),
      'flight_type': flight_type,
      'cabin': cabin,
      'flights': legs,
      'passengers': passengers,
      'payment_id': payment_methods[0]['payment_id'],
      'total_baggages': total_baggages,
      'nonfree_baggages': nonfree_baggages,
      'insurance': insurance,
      'status': 'booked',
  }
  own = [*user['reservations'], reservation_id]
  db = backend.put(db, own, 'users', user_id, 'reservations')
  db = backend.put(db, reservation, 'reservations', reservation_id)
  return _taken(db, legs, cabin, len(passengers)), reservation


def update_reservation_flights(
    db: Database,
    reservation_id: str,
    cabin: str,
    flights: Sequence[Mapping[str, str]],
    payment: str,
):
  old = _reservation(db, reservation_id, is_booked=True)
  _check_payment(_user(db, old['user_id']), payment)
  legs = _legs(db, flights, cabin, len(old['passengers']))
  ends = [db['flights'][leg['flight_number']] for leg in (legs[0], legs[-1])]
  route = ends[0]['origin'], ends[1]['destination']
  if route != (old['origin'], old['destination']):
    raise backend.ToolError('the flights must keep origin and destination')
  changes = {'cabin': cabin, 'flights': legs, 'payment_id': payment}
  db, new = _changed(db, reservation_id, changes)
  return _taken(db, legs, cabin, len(old['passengers'])), new


def update_reservation_baggages(
    db: Database, reservation_id: str, total: int, nonfree: int, payment: str
):
  old = _reservation(db, reservation_id, is_booked=True)
  user = _user(db, old['user_id'])
  _check_payment(user, payment)
  _check_bags(user, old['cabin'], len(old['passengers']), total, nonfree)
  changes = {
      'total_baggages': total,
      'nonfree_baggages': nonfree,
      'bags_payment_id': payment,
  }
  return _changed(db, reservation_id, changes)


def update_reservation_passengers(
    db: Database,
    reservation_id: str,
    passengers: Sequence[Mapping[str, str]],
):
  old = _reservation(db, reservation_id, is_booked=True)
  if len(passengers) != len(old['passengers']):
    raise backend.ToolError('the number of passengers cannot change')
  return _changed(db, reservation_id, {'passengers': passengers})


def send_certificate(db: Database, user_id: str, amount: float):
  user = _user(db, user_id)
  if amount <= 0:
    raise backend.ToolError('the amount must be positive')
  # As a float, so that 100 and 100.0 leave the same database behind.
  amounts = [*user['certificates'], float(amount)]
  db = backend.put(db, amounts, 'users', user_id, 'certificates')
  return db, f'a certificate of {amount:g} was sent to {user_id}'


def _user(db: Database, user_id: str) -> Mapping[str, Any]:
  return backend.find(db['users'], user_id, 'user')


def _reservation(
    db: Database, reservation_id: str, *, is_booked: bool = False
) -> Mapping[str, Any]:
  found = backend.find(db['reservations'], reservation_id, 'reservation')
  if is_booked and found['status'] != 'booked':
    raise backend.ToolError(f'the reservation is {found["status"]}')
  return found


def _changed(db: Database, reservation_id: str, changes: Mapping[str, Any]):
  reservation = {**db['reservations'][reservation_id], **changes}
  db = backend.put(db, reservation, 'reservations', reservation_id)
  return db, {'reservation_id': reservation_id, **changes}


def _is_open(flight: Mapping[str, Any], date: str) -> bool:
  return flight['dates'].get(date, {}).get('status') == 'available'


def _on(flight: Mapping[str, Any], date: str) -> Mapping[str, Any]:
  """Returns a flight as it is on one date."""
  row = {key: value for key, value in flight.items() if key != 'dates'}
  day = flight['dates'][date]
  shown = {key: day[key] for key in ('prices', 'available_seats')}
  return {**row, 'date': date, **shown}


def _check_payment(user: Mapping[str, Any], payment: str) -> None:
  if payment not in user['payment_methods']:
    raise backend.ToolError(f'the user has no payment method {payment[:40]!r}')


def _check_bags(
    user: Mapping[str, Any],
    cabin: str,
    num_passengers: int,
    total: int,
    nonfree: int,
) -> None:
  if not 0 <= total <= 20:
    raise backend.ToolError('the number of bags must be 0 to 20')
  free = free_bags(user['membership'], cabin, num_passengers)
  if nonfree != max(0, total - free):
    raise backend.ToolError(f'{free} bags are free, so nonfree is wrong')


def _legs(
    db: Database,
    flights: Sequence[Mapping[str, str]],
    cabin: str,
    num_seats: int,
) -> list[Mapping[str, Any]]:
  """Returns the flights with their prices; all must be open."""
  if not flights:
    raise backend.ToolError('give at least one flight')
  legs = []
  for leg in flights:
    flight = backend.find(db['flights'], leg['flight_number'], 'flight')
    if not _is_open(flight, leg['date']):
      raise backend.ToolError(f'{leg["flight_number"]} does not fly that day')
    day = flight['dates'][leg['date']]
    if day['available_seats'][cabin] < num_seats:
      raise backend.ToolError(f'{leg["flight_number"]} is full in {cabin}')
    legs.append({**leg, 'price': day['prices'][cabin]})
  return legs


def _taken(
    db: Database, legs: Sequence[Mapping[str, Any]], cabin: str, num_seats: int
) -> Database:
  for leg in legs:
    path = ('flights', leg['flight_number'], 'dates', leg['date'])
    seats = db[path[0]][path[1]][path[2]][path[3]]['available_seats'][cabin]
    db = backend.put(db, seats - num_seats, *path, 'available_seats', cabin)
  return db


_TEXT = backend.STRING
_RESERVATION = {'reservation_id': _TEXT}
_CABIN = {'cabin': {'type': 'string', 'enum': list(airline_data.CABINS)}}
_FLIGHTS = {'flights': backend.objects({'flight_number': _TEXT, 'date': _TEXT})}
_PASSENGERS = {
    'passengers': backend.objects(
        {'first_name': _TEXT, 'last_name': _TEXT, 'dob': _TEXT}
    )
}
_BAGS = {
    'total_baggages': backend.INTEGER,
    'nonfree_baggages': backend.INTEGER,
}
_SEARCH = {'origin': _TEXT, 'destination': _TEXT, 'date': _TEXT}
_NUMBER = {'type': 'number'}

TOOLS: Mapping[str, backend.Tool] = {
    'get_user_details': backend.Tool(
        get_user_details,
        'shows a user: birthday, membership, payment methods, reservations',
        {'user_id': _TEXT},
    ),
    'get_reservation_details': backend.Tool(
        get_reservation_details, 'shows a reservation', _RESERVATION
    ),
    'list_all_airports': backend.Tool(
        list_all_airports, 'lists the codes of the airports', {}
    ),
    'search_direct_flight': backend.Tool(
        search_direct_flight, 'finds flights without a stop', _SEARCH
    ),
    'search_onestop_flight': backend.Tool(
        search_onestop_flight, 'finds pairs of flights with a stop', _SEARCH
    ),
    'book_reservation': backend.Tool(
        book_reservation,
        'books flights; the payments must add up to the total',
        {
            'user_id': _TEXT,
            'origin': _TEXT,
            'destination': _TEXT,
            'flight_type': {
                'type': 'string',
                'enum': ['one_way', 'round_trip'],
            },
            **_CABIN,
            **_FLIGHTS,
            **_PASSENGERS,
            'payment_methods': backend.objects(
                {'payment_id': _TEXT, 'amount': _NUMBER}
            ),
            **_BAGS,
            'insurance': {'type': 'string', 'enum': ['yes', 'no']},
        },
    ),
    'cancel_reservation': backend.Tool(
        cancel_reservation, 'cancels a reservation', _RESERVATION
    ),
    'update_reservation_flights': backend.Tool(
        update_reservation_flights,
        'replaces all flights of a reservation, or its cabin',
        {**_RESERVATION, **_CABIN, **_FLIGHTS, 'payment_id': _TEXT},
    ),
    'update_reservation_baggages': backend.Tool(
        update_reservation_baggages,
        'sets the number of bags of a reservation',
        {**_RESERVATION, **_BAGS, 'payment_id': _TEXT},
    ),
    'update_reservation_passengers': backend.Tool(
        update_reservation_passengers,
        'replaces the passengers of a reservation; their number stays',
        {**_RESERVATION, **_PASSENGERS},
    ),
    'send_certificate': backend.Tool(
        send_certificate,
        'sends a user a certificate worth an amount',
        {'user_id': _TEXT, 'amount': _NUMBER},
    ),
    **shared_tools.TOOLS,
}
