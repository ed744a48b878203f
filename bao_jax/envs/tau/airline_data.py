"""An airline's database, drawn from a seed: users, flights and reservations.

users         id -> name, dob, membership, payment_methods, reservations
flights       number -> origin, destination, departs, arrives, dates:
              date -> status, prices and seats per cabin
reservations  id -> user_id, route, cabin, flights, passengers, bags, ...
"""

from collections.abc import Mapping
import dataclasses
import functools
import random
from typing import Any

from bao_jax.envs.tau import backend
from bao_jax.envs.tau import retail_data

TODAY = '2025-03-10'
DATES = ('2025-03-14', '2025-03-15', '2025-03-16')
CABINS = ('basic_economy', 'economy', 'business')
MEMBERSHIPS = ('regular', 'silver', 'gold')
AIRPORTS = ('BOS', 'DEN', 'JFK', 'LAX', 'MIA', 'SEA')

_BASE = {'basic_economy': 60, 'economy': 110, 'business': 310}


@dataclasses.dataclass(frozen=True)
class Size:
  """How large a database is."""

  users: int
  airports: int
  reservations: int  # Of a user.
  passengers: int  # Of a reservation, at most.


SIZES = {
    'easy': Size(users=2, airports=3, reservations=1, passengers=1),
    'medium': Size(users=3, airports=3, reservations=1, passengers=1),
    'full': Size(users=10, airports=6, reservations=3, passengers=2),
}


@functools.lru_cache(maxsize=1024)
def database(size: str, seed: str) -> backend.Database:
  """Draws a database.

  Args:
    size: a key of `SIZES`.
    seed: of the draw.
  """
  chosen = SIZES[size]
  rng = random.Random(f'airline/{size}/{seed}')
  numbers = rng.sample(range(101, 1000), 900 - 1)
  airports = rng.sample(AIRPORTS, chosen.airports)
  routes = [(o, d) for o in airports for d in airports if o != d]
  flights = {}
  for origin, destination in routes:
    flight = _flight(f'HAT{numbers.pop()}', origin, destination, rng)
    flights[flight['flight_number']] = flight
  users, reservations = {}, {}
  people = [
      (f, l) for f in retail_data.FIRST_NAMES for l in retail_data.LAST_NAMES
  ]
  for first, last in rng.sample(people, chosen.users):
    user = _user(first, last, numbers.pop(), rng)
    for _ in range(chosen.reservations):
      flight = rng.choice(list(flights.values()))
      reservation = _reservation(user, flight, numbers.pop(), chosen, rng)
      reservations[reservation['reservation_id']] = reservation
      user['reservations'].append(reservation['reservation_id'])
    users[user['user_id']] = user
  return {'users': users, 'flights': flights, 'reservations': reservations}


def _flight(
    number: str, origin: str, destination: str, rng: random.Random
) -> dict:
  hour = rng.randint(10, 17)
  dates = {}
  for date in DATES:
    prices = {c: base + rng.randint(1, 49) for c, base in _BASE.items()}
    seats = {cabin: rng.choice((0, 2, 5, 9)) for cabin in CABINS}
    dates[date] = {
        'status': rng.choice(('available', 'available', 'cancelled')),
        'prices': prices,
        'available_seats': seats,
    }
  return {
      'flight_number': number,
      'origin': origin,
      'destination': destination,
      'departs': f'{hour}:00',
      'arrives': f'{hour + rng.randint(2, 5)}:30',
      'dates': dates,
  }


def person(first: str, last: str, rng: random.Random) -> dict[str, str]:
  """Draws a date of birth and returns a passenger."""
  dob = f'{rng.randint(1950, 2000)}-0{rng.randint(1, 9)}-{rng.randint(10, 28)}'
  return {'first_name': first, 'last_name': last, 'dob': dob}


def _user(first: str, last: str, number: int, rng: random.Random) -> dict:
  own = person(first, last, rng)
  return {
      'user_id': f'{first}_{last}_{number}'.lower(),
      'name': {'first_name': first, 'last_name': last},
      'dob': own['dob'],
      'membership': rng.choice(MEMBERSHIPS),
      'payment_methods': [
          f'credit_card_{rng.randint(101, 999)}',
          f'gift_card_{rng.randint(101, 999)}',
      ],
      'certificates': [],
      'reservations': [],
  }


def _reservation(
    user: Mapping[str, Any],
    flight: Mapping[str, Any],
    number: int,
    size: Size,
    rng: random.Random,
) -> dict:
  cabin = rng.choice(CABINS)
  date = rng.choice(DATES)
  own = {**user['name'], 'dob': user['dob']}
  others = [
      person(rng.choice(retail_data.FIRST_NAMES), own['last_name'], rng)
      for _ in range(rng.randint(1, size.passengers) - 1)
  ]
  bags = rng.randint(0, 1)
  return {
      'reservation_id': f'R{number}',
      'user_id': user['user_id'],
      'origin': flight['origin'],
      'destination': flight['destination'],
      'flight_type': 'one_way',
      'cabin': cabin,
      'flights': [
          {
              'flight_number': flight['flight_number'],
              'date': date,
              'price': flight['dates'][date]['prices'][cabin],
          }
      ],
      'passengers': [own, *others],
      'payment_id': rng.choice(user['payment_methods']),
      'total_baggages': bags,
      'nonfree_baggages': 0,
      'insurance': rng.choice(('yes', 'no')),
      'status': 'booked',
  }
