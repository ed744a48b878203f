"""Wishes about restaurants, for the built-in Travel tasks."""

from bao_jax.tasks.builtin import travel_values
from bao_jax.tasks.builtin.travel_values import value

_phrases = travel_values.phrases

RESTAURANT: travel_values.Aspect = {
    'cuisine': travel_values.Category(
        'cuisine',
        _phrases(
            'cuisines, food, dish, dishes, cooking, kind of food, type of food,'
            ' eat, specialty'
        ),
        'What cuisine should the restaurant have?',
        {
            'fish': value(
                'The restaurant serves fish.',
                'i grew up ashore',
                'My father had a boat, and what was in the net was supper.',
                'I like what comes out of the sea, with lemon and little else.',
                shown='fish | fish of the day',
                forms='seafood',
            ),
            'pasta': value(
                'The restaurant serves pasta.',
                'noodles make me happy',
                'My grandmother rolled out dough on Sundays, and I still smell'
                ' it.',
                'Something to twirl around a fork, with a red sauce that'
                ' splashes.',
                shown='pasta | fresh pasta',
                forms='italian, noodles',
            ),
            'curry': value(
                'The restaurant serves curry.',
                'spice wakes me',
                'If my forehead does not sweat, I have not eaten.',
                'Cumin, coconut and a heap of rice take me back to my year in'
                ' the east.',
                shown='curry | curries of the south',
                forms='indian, spicy, curries',
            ),
        },
    ),
    'mood': travel_values.Category(
        'tags',
        _phrases(
            'moods, atmosphere, ambience, ambiance, vibe, vibes, setting, feel,'
            ' environment'
        ),
        'What atmosphere do you want in the restaurant?',
        {
            'lively': value(
                'The restaurant is lively.',
                'we sing at table',
                'We are loud people and like to be among our own.',
                'Clapping, toasts, a birthday at every other table: that is a'
                ' good night.',
                shown='lively | lively, open late',
                forms='loud, busy, party',
            ),
            'quiet': value(
                'The restaurant is quiet.',
                'my ears are weak',
                'I want to hear what my mother says, and she whispers.',
                'We have a contract to talk through, word by word.',
                shown='quiet | quiet rooms',
                forms='calm, silent, peaceful',
            ),
            'romantic': value(
                'The restaurant is romantic.',
                'i bring a ring',
                'There is a small box in my pocket and a question on my lips.',
                'Ten years ago she said yes by candlelight.',
                shown='romantic | candles, romantic',
                forms='intimate, candlelight, candles',
            ),
        },
    ),
    'seating': travel_values.Category(
        'seating',
        _phrases('seat, seats, sit, sitting, table, tables, place to sit'),
        'Where would you like to sit in the restaurant?',
        {
            'terrace': value(
                'The restaurant has a terrace.',
                'i eat under stars',
                'A roof is for rainy days, and none is forecast.',
                'We bring the dog, and he prefers grass under the table.',
                shown='terrace | tables on the terrace',
                forms='outside, outdoor, outdoors, garden',
            ),
            'bar': value(
                'The restaurant has seats at the bar.',
                'i chat with staff',
                'I eat alone and like a word with whoever mixes the drinks.',
                'A high stool, my elbows on the wood, and the bottles in front'
                ' of me.',
                shown='seats at the bar | long bar',
                forms='counter, at the bar',
            ),
            'booth': value(
                'The restaurant has booths.',
                'walls around us',
                'My face is known in that town, and I would rather not be'
                ' looked at.',
                'I like soft benches with high backs where nobody reads over my'
                ' shoulder.',
                shown='booths | private booths',
                forms='booths, private, corner',
            ),
        },
    ),
    'menu': travel_values.Category(
        'menu',
        _phrases('menus, courses, meal, meals, diet, dietary'),
        'What menu should the restaurant have?',
        {
            'vegan': value(
                'The restaurant has a vegan menu.',
                'i love animals',
                'Nothing on my plate should ever have had a mother.',
                'I keep two rescued cows, and they would look at me sadly.',
                shown='vegan menu | vegan dishes',
                forms='vegetarian, plant based, meat free',
            ),
            'buffet': value(
                'The restaurant has a buffet.',
                'i take thirds',
                'I walk around with a plate and come back until they know me.',
                'My sons never agree on a dish and never have enough of one.',
                shown='buffet | buffet, hot and cold',
                forms='buffets, self service, all you can eat',
            ),
            'tasting': value(
                'The restaurant has a tasting menu.',
                'many small bites',
                'Surprise me nine times with something on a spoon.',
                'I write about chefs, and I want to see all that this one can'
                ' do.',
                shown='tasting menu | nine courses, tasting menu',
                forms='tasting menu, small courses, sampler',
            ),
        },
    ),
    'service': travel_values.Category(
        'service',
        _phrases('services, extras, extra, offer, offers'),
        'What extra service should the restaurant have?',
        {
            'piano': value(
                'The restaurant has a pianist.',
                'keys and chords',
                'I proposed to a waltz, and I still hum it between courses.',
                'Somebody at the black and white keys makes any soup taste'
                ' better.',
                shown='pianist | piano at night',
                forms='pianist, music, live music, musician',
            ),
            'valet': value(
                'The restaurant parks the car.',
                'i dread parking',
                'I would love to hand over my key at the door and forget about'
                ' it.',
                'In these shoes I do not walk from a garage.',
                shown='valet parking | valet',
                forms='valet parking, parking, park',
            ),
            'highchair': value(
                'The restaurant has high chairs.',
                'our toddler eats too',
                'Our little one throws spoons, and she wants to see over the'
                ' table.',
                'We eat as three, and the third has four teeth.',
                shown='high chairs | high chair on request',
                forms='high chair, high chairs, child chair, children, kids,'
                ' for kids',
            ),
        },
    ),
}
