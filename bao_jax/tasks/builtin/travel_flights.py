"""Wishes about flights and rental cars, for the built-in Travel tasks."""

from bao_jax.tasks.builtin import travel_values
from bao_jax.tasks.builtin.travel_values import value

_phrases = travel_values.phrases

FLIGHT: travel_values.Aspect = {
    'time': travel_values.Category(
        'time',
        _phrases(
            'departure, departure time, time of day, hour, hours, depart,'
            ' departs, departing, leave, leaves, leaving, take off, takes off,'
            ' taking off, schedule'
        ),
        'At what time of day should your flight leave?',
        {
            'morning': value(
                'The flight leaves in the morning.',
                'i rise early',
                'I am on my feet before the birds are, and by lunch I like to'
                ' have a journey behind me.',
                'Give me the first coffee at the gate while the town is still'
                ' asleep.',
                shown='07:10 - 09:25 | 08:05 - 10:20',
                forms='early, before noon, mornings, sunrise',
            ),
            'noon': value(
                'The flight leaves around noon.',
                'lunch in the air',
                'I sleep in and still want daylight at the other end, so my'
                ' lunch may well come on a tray.',
                'When the sun stands highest I want to be buckling up.',
                shown='12:05 - 14:20 | 12:40 - 14:55',
                forms='midday, afternoon, lunch time, lunchtime',
            ),
            'night': value(
                'The flight leaves at night.',
                'i sleep on board',
                'I work all day, and I would rather lose no hour of light to'
                ' the road.',
                'Blanket, dark cabin, and waking up somewhere else: that is how'
                ' I travel.',
                shown='22:15 - 00:30 | 23:05 - 01:20',
                forms='evening, late, overnight, red eye, nighttime',
            ),
        },
    ),
    'seat': travel_values.Category(
        'service',
        _phrases('seats, seating, sit, place to sit, sitting, cabin'),
        'Which seat would you like on your flight?',
        {
            'window': value(
                'The flight has a window seat free.',
                'i watch the clouds',
                'I can look at mountains and coasts from above for hours.',
                'Last time I leaned my head on the wall and counted the clouds'
                ' until I fell asleep.',
                shown='window seats left | window seat on request',
                forms='windows, window seat, window seats, view',
            ),
            'aisle': value(
                'The flight has an aisle seat free.',
                'i stretch my legs',
                'I get up every half hour, and I hate to climb over people.',
                'My knees need to be walked now and then, without asking a'
                ' neighbor first.',
                shown='aisle seats left | aisle seat on request',
                forms='aisles, aisle seat, aisle seats, corridor',
            ),
            'front': value(
                'The flight has a seat in the front rows free.',
                'i get off first',
                'The moment the doors open I want to be through them.',
                'Queues in the cabin make me nervous, so let the others wait'
                ' behind me.',
                shown='front rows left | front row on request',
                forms='front row, front rows, first rows, near the door',
            ),
        },
    ),
    'stops': travel_values.Category(
        'path',
        _phrases(
            'stop, stopover, stopovers, layover, layovers, connection,'
            ' connections, connecting, route, transfer, transfers, change'
        ),
        'How many stops may your flight make?',
        {
            'direct': value(
                'The flight is nonstop.',
                'once up, once down',
                'One start and one landing is all the excitement I need.',
                'I once lost a suitcase between two gates, and never again will'
                ' it have the chance.',
                shown='nonstop | nonstop, no change of planes',
                forms='nonstop, non stop, straight, without stops, zero stops',
            ),
            'single': value(
                'The flight stops once.',
                'one break is good',
                'Half way I want to feel ground under my feet, but I do not'
                ' want to make a habit of it.',
                'A walk and a sandwich between two halves of a trip suit me.',
                shown='1 stop | 1 stop, 2 hours on the ground',
                forms='one stop, once, one break',
            ),
            'double': value(
                'The flight stops twice.',
                'i collect airports',
                'I keep a stamp book of airports, and every trip should fill'
                ' more than one line of it.',
                'The longer the way winds, the more I see, and two new halls to'
                ' stroll through are a treat.',
                shown='2 stops | 2 stops, 5 hours on the ground',
                forms='two stops, twice, several stops, two breaks',
            ),
        },
    ),
    'company': travel_values.Category(
        'company',
        _phrases('airline, airlines, carrier, companies, loyalty program'),
        'Which airline would you like for your flight?',
        {
            'eagle': value(
                'The flight is with Eagle Air.',
                'points with a raptor',
                'My wallet holds a card with a big bird of prey on it, nearly'
                ' full of points.',
                'My sister is a pilot and wears a badge with sharp claws; I get'
                ' her family rate.',
                shown='Eagle Air',
                forms='eagle air',
            ),
            'heron': value(
                'The flight is with Heron Wings.',
                'points with a wader',
                'The long-legged bird on their tail reminds me of the marshes'
                ' at home.',
                'I have a lounge pass from the people with the gray fishing'
                ' bird.',
                shown='Heron Wings',
                forms='heron wings',
            ),
            'swift': value(
                'The flight is with Swift Sky.',
                'points with a dart',
                'I only trust the crew with the little sickle-winged bird, they'
                ' were always kind to me.',
                'There is a voucher in my drawer from those whose bird never'
                ' lands.',
                shown='Swift Sky',
                forms='swift sky',
            ),
        },
    ),
    'amenity': travel_values.Category(
        'amenities',
        _phrases(
            'amenities, extras, equipment, entertainment, comfort, on board,'
            ' onboard'
        ),
        'What amenities do you need on your flight?',
        {
            'wifi': value(
                'The flight has Wi-Fi.',
                'my inbox never rests',
                'My team expects answers within minutes, wherever I am.',
                'If I cannot send my draft while we are up there, I am in'
                ' trouble.',
                shown='Wi-Fi in the cabin | Wi-Fi',
                forms='wi fi, internet, online, connected',
            ),
            'films': value(
                'The flight has films on a screen.',
                'i need a story',
                'Give me a good plot and two hours pass like nothing.',
                'I have a list of what I missed in the cinema this year, and'
                ' finally time for it.',
                shown='screen with films | films on a screen',
                forms='film, movies, movie, screen, screens',
            ),
            'power': value(
                'The flight has power sockets.',
                'my battery dies fast',
                'My old laptop lives for an hour once it leaves the wall.',
                'I always arrive with a dead phone and no way to call a taxi;'
                ' not this time.',
                shown='socket at the seat | USB and a socket',
                forms='power sockets, socket, sockets, outlet, outlets, usb,'
                ' charging, charger',
            ),
        },
    ),
}

RENTAL_CAR: travel_values.Aspect = {
    'class': travel_values.Category(
        'categories',
        _phrases(
            'type, types, kind, sort, category, size, model, body, kind of car'
        ),
        'Which size should your rental car have?',
        {
            'compact': value(
                'The car is a compact.',
                'i park in gaps',
                'Old towns have old lanes, and I like to slip into the last gap'
                ' by the curb.',
                'It is just me and a bag, and I was never good at reversing'
                ' long things.',
                shown='compact | compact, 3 doors',
                forms='small, small car, compact car, tiny',
            ),
            'van': value(
                'The car is a van.',
                'we bring surfboards',
                'There will be boards, tents and a dog that likes to lie flat.',
                'My cousins and all of their drums want to come along.',
                shown='van | van, sliding doors',
                forms='minivan, large, large car, big, spacious',
            ),
            'cabrio': value(
                'The car is a convertible.',
                'wind in my hair',
                'I bought a scarf and sunglasses just for the coast road.',
                'I want to smell the pines while I drive, with only the sky'
                ' above.',
                shown='convertible | convertible, soft top',
                forms='convertible, open top, roof, cabriolet',
            ),
        },
    ),
    'fuel': travel_values.Category(
        'fuel',
        _phrases('fuels, engine, motor, run on, runs on, gas, tank, drive'),
        'What fuel should your rental car run on?',
        {
            'petrol': value(
                'The car runs on petrol.',
                'i love a purr',
                'I learned to drive on a little roaring thing, and I miss the'
                ' sound of it.',
                'At home I fill up with unleaded, and I would only get it wrong'
                ' with anything else.',
                shown='petrol | petrol engine',
                forms='gasoline, unleaded',
            ),
            'diesel': value(
                'The car runs on diesel.',
                'far on one tank',
                'My uncle taught me to go a thousand kilometers without a'
                ' single pump.',
                'I like the low growl of a truck and the few visits to the'
                ' station.',
                shown='diesel | diesel engine',
                forms='diesel engine',
            ),
            'electric': value(
                'The car is electric.',
                'quiet and clean',
                'The house where I stay has panels on the roof and a plug by'
                ' the gate.',
                'I promised my daughter that this holiday would leave no smoke'
                ' behind.',
                shown='electric | battery, 400 km',
                forms='battery, electricity, plug in',
            ),
        },
    ),
    'insurance': travel_values.Category(
        'insurance',
        _phrases('insurances, cover, coverage, insured, protection, policy'),
        'Which insurance do you want for the rental car?',
        {
            'basic': value(
                'The car comes with basic insurance.',
                'i never scratch',
                'Thirty years without a scratch, so why pay for fear.',
                'My card at home already pays for most mishaps.',
                shown='basic cover | basic, by law',
                forms='minimal, minimum, simple',
            ),
            'theft': value(
                'The car is insured against theft.',
                'thieves find me',
                'I will leave it in a lonely street overnight, and I have seen'
                ' an empty spot in the morning before.',
                'Twice in my life somebody drove off in what I had rented.',
                shown='cover against theft | theft included',
                forms='stolen, stealing, against theft',
            ),
            'full': value(
                'The car comes with full insurance.',
                'i bump things',
                'Posts and walls seem to jump at me whenever I reverse.',
                'I want to hand back the keys without anybody walking around it'
                ' with a lamp.',
                shown='full cover, no excess | full cover',
                forms='complete, comprehensive, everything, all risks',
            ),
        },
    ),
    'brand': travel_values.Category(
        'brand',
        _phrases('brands, make, makes, maker, manufacturer'),
        'Which brand of rental car do you like?',
        {
            'falcon': value(
                'The car is a Falcon.',
                'one with a beak',
                'I am used to the one with the hooked beak on the hood.',
                'Grandfather had a beak and feathers on his steering wheel, and'
                ' I never forgot it.',
                shown='Falcon',
                forms='falcons',
            ),
            'panther': value(
                'The car is a Panther.',
                'one with a cat',
                'The leaping cat on the grille has never let me down.',
                'Mine at home has a black cat on its key, so I know where every'
                ' button is.',
                shown='Panther',
                forms='panthers',
            ),
            'bison': value(
                'The car is a Bison.',
                'one with horns',
                'I feel safe behind those two horns on the hood.',
                'My workshop repairs the ones with the shaggy beast, so I trust'
                ' them.',
                shown='Bison',
                forms='bisons',
            ),
        },
    ),
    'service': travel_values.Category(
        'service',
        _phrases('services, extras, extra, equipment, add ons, offer'),
        'What extra service do you need with the rental car?',
        {
            'delivery': value(
                'The car is brought to the door.',
                'i wait at home',
                'I would not know how to find their office, and I have no way'
                ' to get there.',
                'It would be lovely to look out of the window and see it'
                ' already standing there.',
                shown='brought to your door | delivery included',
                forms='delivered, brought, pick up service',
            ),
            'childseat': value(
                'The car has a child seat.',
                'my baby comes along',
                'My youngest is two and travels like a little queen.',
                'Her grandmother will want to see the baby, and so we take her'
                ' along.',
                shown='child seat | child seat included',
                forms='child seat, child seats, baby seat, booster seat',
            ),
            'chauffeur': value(
                'The car comes with a driver.',
                'i hate driving',
                'I have not held a wheel for ten years, and I mean to read on'
                ' the way.',
                'After the tastings in the vineyards I had better sit in the'
                ' back.',
                shown='with a driver | driver on call',
                forms='driver, drivers, driven',
            ),
        },
    ),
}
