"""How the Tau teacher serves users of the airline: one script per wish."""

from bao_jax.envs.tau import airline
from bao_jax.tasks.builtin import tau_airline as rules
from bao_jax.teachers import tau_desk

Desk = tau_desk.Desk
Script = tau_desk.Script


def find_trip(desk: Desk, *more: str) -> Script:
  """Asks for user and reservation, and `more` with it; returns the latter."""
  yield from desk.ask('user_id', 'reservation_id', *more)
  trip = yield from desk.call(
      'get_reservation_details', reservation_id=desk.notes['reservation_id']
  )
  desk.notes['cabin'] = trip['cabin']
  return trip


def cancel(desk: Desk, wish: str) -> Script:
  """Cancels a reservation that is in business or insured."""
  del wish
  trip = yield from find_trip(desk)
  what = f'reservation {trip["reservation_id"]}'
  if not rules.may_cancel(trip):
    cabin = trip['cabin'].replace('_', ' ')
    return (
        yield from desk.refuse(
            f'{what} is in {cabin}, not insured and cannot be cancelled'
        )
    )
  yield from desk.propose(f'cancel {what}')
  yield from desk.call(
      'cancel_reservation', reservation_id=trip['reservation_id']
  )
  return (yield from desk.report(f'{what} is cancelled'))


def bags(desk: Desk, wish: str) -> Script:
  """Sets the number of bags."""
  del wish
  trip = yield from find_trip(desk, 'bags')
  user = yield from desk.call('get_user_details', user_id=desk.notes['user_id'])
  total = int(desk.notes['bags'].split()[0])
  free = airline.free_bags(
      user['membership'], trip['cabin'], len(trip['passengers'])
  )
  nonfree = max(0, total - free)
  yield from desk.propose(
      f'book {total} bags in all, for {airline.BAG_PRICE * nonfree} on'
      f' {trip["payment_id"]}'
  )
  yield from desk.call(
      'update_reservation_baggages',
      reservation_id=trip['reservation_id'],
      total_baggages=total,
      nonfree_baggages=nonfree,
      payment_id=trip['payment_id'],
  )
  return (yield from desk.report('the bags are added'))


def date(desk: Desk, wish: str) -> Script:
  """Moves a flight to another day, unless it is in basic economy."""
  del wish
  trip = yield from find_trip(desk, 'date')
  if not rules.may_change(trip):
    return (
        yield from desk.refuse('a flight in basic economy cannot be changed')
    )
  day = desk.notes['date']
  found = yield from desk.call(
      'search_direct_flight',
      origin=trip['origin'],
      destination=trip['destination'],
      date=day,
  )
  flight = found[0]['flight_number']
  yield from desk.propose(
      f'move your flight to {flight} on {day}, paid with {trip["payment_id"]}'
  )
  yield from desk.call(
      'update_reservation_flights',
      reservation_id=trip['reservation_id'],
      cabin=trip['cabin'],
      flights=[{'flight_number': flight, 'date': day}],
      payment_id=trip['payment_id'],
  )
  return (yield from desk.report('your flight is changed'))


def passenger(desk: Desk, wish: str) -> Script:
  """Replaces the passenger of a reservation."""
  del wish
  trip = yield from find_trip(desk, 'passenger')
  name, _, dob = desk.notes['passenger'].partition(', born ')
  first, _, last = name.partition(' ')
  what = f'of reservation {trip["reservation_id"]} to {name}'
  yield from desk.propose(f'change the passenger {what}, born {dob}')
  yield from desk.call(
      'update_reservation_passengers',
      reservation_id=trip['reservation_id'],
      passengers=[{'first_name': first, 'last_name': last, 'dob': dob}],
  )
  return (yield from desk.report('the passenger is changed'))


def book(desk: Desk, wish: str) -> Script:
  """Books a direct flight for the user alone."""
  del wish
  wanted = ('route', 'date', 'cabin', 'payment')
  yield from desk.ask('user_id', *wanted)
  user = yield from desk.call('get_user_details', user_id=desk.notes['user_id'])
  flight, cabin, cost = yield from _search(desk)
  day, payment = desk.notes['date'], desk.notes['payment']
  spelled = cabin.replace('_', ' ')
  yield from desk.propose(
      f'book {flight["flight_number"]} on {day} in {spelled} for {cost} on'
      f' {payment}'
  )
  yield from desk.call(
      'book_reservation',
      user_id=desk.notes['user_id'],
      origin=flight['origin'],
      destination=flight['destination'],
      flight_type='one_way',
      cabin=cabin,
      flights=[{'flight_number': flight['flight_number'], 'date': day}],
      passengers=[{**user['name'], 'dob': user['dob']}],
      payment_methods=[{'payment_id': payment, 'amount': cost}],
      total_baggages=0,
      nonfree_baggages=0,
      insurance='no',
  )
  return (yield from desk.report('your flight is booked'))


def fare(desk: Desk, wish: str) -> Script:
  """Tells what a flight costs."""
  del wish
  yield from desk.ask('user_id', 'route', 'date', 'cabin')
  _, _, cost = yield from _search(desk)
  text = f'the flight costs {cost}{"." * desk.is_full}'
  return (yield from desk.say('tell the price', text))


def certificate(desk: Desk, wish: str) -> Script:
  """Sends a certificate if the airline cancelled the flight."""
  del wish
  trip = yield from find_trip(desk)
  leg = trip['flights'][0]
  found = yield from desk.call(
      'search_direct_flight',
      origin=trip['origin'],
      destination=trip['destination'],
      date=leg['date'],
  )
  flights = [flight['flight_number'] for flight in found]
  if leg['flight_number'] in flights:
    return (
        yield from desk.refuse(
            'your flight was not cancelled, so a certificate is not possible'
        )
    )
  amount = rules.CERTIFICATE * len(trip['passengers'])
  yield from desk.propose(f'send you a certificate of {amount}')
  yield from desk.call(
      'send_certificate', user_id=desk.notes['user_id'], amount=amount
  )
  return (yield from desk.report('the certificate is sent'))


def hand_over(desk: Desk, wish: str) -> Script:
  """Finds out who it is, then hands the user over."""
  yield from desk.ask('user_id', 'reservation_id')
  return (
      yield from desk.call(
          'transfer_to_human_agents', summary=f'wants to {wish}'
      )
  )


SCRIPTS = (
    ('^cancel my reservation', cancel),
    ('^take more bags', bags),
    ('^fly on another day', date),
    ('^change the name of the passenger', passenger),
    ('^book a flight', book),
    ('^know what a flight costs', fare),
    ('^have something for a flight', certificate),
    ('^complain about a lost suitcase', hand_over),
)


def _search(desk: Desk) -> Script:
  """Returns the flight that the notes ask for, its cabin and its price."""
  origin, destination = desk.notes['route'].split(' to ')
  found = yield from desk.call(
      'search_direct_flight',
      origin=origin,
      destination=destination,
      date=desk.notes['date'],
  )
  cabin = desk.notes['cabin'].replace(' ', '_')
  return found[0], cabin, found[0]['prices'][cabin]
