"""Wishes about hotels and apartments, for the built-in Travel tasks."""

from bao_jax.tasks.builtin import travel_values
from bao_jax.tasks.builtin.travel_values import value

_phrases = travel_values.phrases

HOTEL: travel_values.Aspect = {
    'room': travel_values.Category(
        'room',
        _phrases('rooms, room type, type of room, kind of room, bed, beds'),
        'What room would you like in the hotel?',
        {
            'single': value(
                'The hotel has a single room.',
                'i come alone',
                'Nobody snores next to me on this trip, and I need no more than'
                ' a narrow bed.',
                'Just me and a book, the smallest chamber will do.',
                shown='single room | single room, 12 m2',
                forms='single room, one bed, for one',
            ),
            'double': value(
                'The hotel has a double room.',
                'my wife comes too',
                'The two of us have shared a blanket for twenty years.',
                'My husband would never forgive me if he had to sleep across'
                ' the hall.',
                shown='double room | double room, 18 m2',
                forms='double room, two beds, double bed, for two',
            ),
            'suite': value(
                'The hotel has a suite.',
                'i receive guests',
                'I will have people over for drinks, and they should not sit on'
                ' my bed.',
                'A door between where I sleep and where I meet clients would be'
                ' a relief.',
                shown='suite | suite with a parlor',
                forms='suites, two rooms, living room',
            ),
        },
    ),
    'place': travel_values.Category(
        'location',
        _phrases(
            'location, located, area, district, quarter, neighborhood, where,'
            ' part of town, surroundings, situated'
        ),
        'Where should the hotel be located?',
        {
            'center': value(
                'The hotel is in the center.',
                'i walk to museums',
                'I want to fall out of the door and into the museums.',
                'Buses confuse me, so let me reach the old square on foot.',
                shown='old town, center | by the main square',
                forms='central, downtown, city center, middle of town',
            ),
            'beach': value(
                'The hotel is at the beach.',
                'sand on my feet',
                'I packed three towels and hardly any shoes.',
                'My mornings begin with a swim in salt water, wherever I am.',
                shown='at the beach | on the shore',
                forms='sea, seaside, shore, coast',
            ),
            'station': value(
                'The hotel is at the station.',
                'trains at dawn',
                'I take an early train on the last day, and my suitcase has a'
                ' broken wheel.',
                'I like to hear the rails when I fall asleep, and to be gone'
                ' quickly.',
                shown='next to the station | station square',
                forms='train station, railway, trains',
            ),
        },
    ),
    'amenity': travel_values.Category(
        'amenities',
        _phrases('amenities, facilities, facility, equipment, leisure'),
        'Which amenities do you want in the hotel?',
        {
            'pool': value(
                'The hotel has a pool.',
                'i do laps',
                'Forty lengths before supper keep my back in order.',
                'My bathing cap is already in the suitcase, and I do not like'
                ' waves.',
                shown='indoor pool | pool',
                forms='swimming pool, swimming, swim',
            ),
            'gym': value(
                'The hotel has a gym.',
                'i lift weights',
                'My trainer wrote me a plan with bars and plates, and he'
                ' checks.',
                'A day without an hour on the treadmill makes me grumpy.',
                shown='gym, open all day | gym',
                forms='fitness, fitness room, workout, training',
            ),
            'sauna': value(
                'The hotel has a sauna.',
                'i need to sweat',
                'There is nothing like hot stones and a birch twig after a'
                ' cold day.',
                'I grew up with a little wooden hut full of steam behind the'
                ' house.',
                shown='sauna | two saunas',
                forms='saunas, steam bath, spa, wellness',
            ),
        },
    ),
    'service': travel_values.Category(
        'service',
        _phrases('services, included, extras, extra, offer'),
        'What service should the hotel offer?',
        {
            'breakfast': value(
                'The hotel serves breakfast.',
                'hungry at dawn',
                'Do not talk to me before I have had eggs and toast.',
                'I like to come down in slippers and find a table that is'
                ' already laid.',
                shown='breakfast included | breakfast buffet',
                forms='meal, meals, board',
            ),
            'shuttle': value(
                'The hotel has an airport shuttle.',
                'who fetches me',
                'It would calm me to see a sign with my name when I land.',
                'With four bags I shall not wrestle with trams to the airport.',
                shown='airport shuttle | shuttle, every hour',
                forms='airport shuttle, airport transfer, pick up, ride',
            ),
            'laundry': value(
                'The hotel does laundry.',
                'only two shirts',
                'I travel with two shirts and a spot on one of them.',
                'After the hikes my things will smell, and I have only one bag'
                ' of them.',
                shown='laundry | same-day laundry',
                forms='washing, ironing, dry cleaning, clothes washed',
            ),
        },
    ),
    'view': travel_values.Category(
        'view',
        _phrases('views, overlook, overlooks, look out, facing, face, outlook'),
        'What view should the hotel window have?',
        {
            'river': value(
                'The hotel looks out on the river.',
                'boats calm me',
                'I like to see barges go by while I write.',
                'Bridges and slow water put me to sleep better than any pill.',
                shown='view of the river | faces the river',
                forms='water, boats',
            ),
            'garden': value(
                'The hotel looks out on a garden.',
                'i paint flowers',
                'I bring my brushes, and I shall look for roses to paint.',
                'A blackbird in a hedge is the only alarm clock that I accept.',
                shown='view of the garden | faces a garden',
                forms='green, flowers, trees',
            ),
            'street': value(
                'The hotel looks out on the street.',
                'i watch people',
                'Give me a sill to lean on and a crowd with hats below.',
                'I am from a village, and all those lit shop signs are my'
                ' cinema.',
                shown='view of the street | faces the street',
                forms='road, people',
            ),
        },
    ),
}

APARTMENT: travel_values.Aspect = {
    'form': travel_values.Category(
        'room',
        _phrases('forms, type, kind, sort, layout, rooms, room, shape, style'),
        'What kind of rooms should the apartment have?',
        {
            'studio': value(
                'The apartment is a studio.',
                'one room is enough',
                'I like to see the stove from my pillow.',
                'Four walls with all that I own in sight, and nothing behind a'
                ' door.',
                shown='studio | studio, 25 m2',
                forms='studios, one room',
            ),
            'loft': value(
                'The apartment is a loft.',
                'i dance indoors',
                'I will rehearse a dance, and iron pillars never bothered me.',
                'Old factories with their huge windows make me feel free.',
                shown='loft | loft in an old factory',
                forms='lofts, open plan',
            ),
            'duplex': value(
                'The apartment has two stories.',
                'i like stairs',
                'The children should be able to go up to bed while we stay'
                ' down with the wine.',
                'At home I climb to my bed too, and I would miss it.',
                shown='duplex | two stories, inner stairs',
                forms='two stories, two floors, maisonette, stairs',
            ),
        },
    ),
    'size': travel_values.Category(
        'capacity',
        _phrases(
            'capacity, sizes, how many people, people, guests, how many guests,'
            ' persons, sleeps, sleep, big, large'
        ),
        'How many people should the apartment sleep?',
        {
            'two': value(
                'The apartment sleeps two.',
                'just us lovers',
                'My fiancee and I want to be by ourselves.',
                'It is our honeymoon, and nobody else is invited.',
                shown='2 people | up to 2 people',
                forms='2, couple, for two',
            ),
            'four': value(
                'The apartment sleeps four.',
                'we play doubles',
                'Our tennis doubles are always the same people, and we stick'
                ' together.',
                'Both of our twins come along with my wife and me.',
                shown='4 people | up to 4 people',
                forms='4, family, for four',
            ),
            'six': value(
                'The apartment sleeps six.',
                'half a dozen friends',
                'We are a volleyball team, and nobody stays at home.',
                'My parents, her parents and the two of us, if that goes well.',
                shown='6 people | up to 6 people',
                forms='6, group, for six',
            ),
        },
    ),
    'amenity': travel_values.Category(
        'amenities',
        _phrases('amenities, facilities, facility, equipment, equipped'),
        'Which amenities should the apartment have?',
        {
            'balcony': value(
                'The apartment has a balcony.',
                'coffee in the sun',
                'I take my coffee in the open air, and the herbs that I buy'
                ' need light.',
                'My pipe and I are not welcome indoors.',
                shown='balcony | balcony to the south',
                forms='balconies, terrace, outside',
            ),
            'washer': value(
                'The apartment has a washing machine.',
                'muddy clothes daily',
                'With two boys who play football, mud is part of every day.',
                'I bring clothes for three days and mean to stay longer.',
                shown='washing machine | washer and dryer',
                forms='washing machine, laundry, wash, dryer',
            ),
            'desk': value(
                'The apartment has a desk.',
                'i write a book',
                'My publisher wants two chapters before I am back.',
                'In the mornings I have calls, and the kitchen table is too'
                ' low for my back.',
                shown='desk | desk with a lamp',
                forms='desks, work, working, workspace, office',
            ),
        },
    ),
    'service': travel_values.Category(
        'service',
        _phrases('services, included, extras, extra, offer'),
        'What service should come with the apartment?',
        {
            'cleaning': value(
                'The apartment is cleaned.',
                'i never sweep',
                'On a holiday I do not touch a broom.',
                'Crumbs follow me everywhere, and somebody had better follow'
                ' them.',
                shown='cleaning included | cleaned daily',
                forms='cleaned, cleaner, housekeeping',
            ),
            'linen': value(
                'The apartment provides linen.',
                'my bag is small',
                'I carry hand luggage only, and sheets do not fit in there.',
                'I expect to find the bed made and the towels on a hook.',
                shown='linen and towels | linen provided',
                forms='sheets, towels, bedding',
            ),
            'parking': value(
                'The apartment has a parking space.',
                'my van waits outside',
                'I shall drive there, and I refuse to circle the block at'
                ' midnight.',
                'My old roadster should not spend its nights in the street.',
                shown='parking space | parking in the yard',
                forms='parking space, garage, park',
            ),
        },
    ),
    'floor': travel_values.Category(
        'floor',
        _phrases('floors, story, level, elevator, lift, height, high'),
        'On which floor should the apartment be?',
        {
            'ground': value(
                'The apartment is on the ground floor.',
                'no steps for me',
                'My knee was operated on in spring, and every step counts.',
                'We come with a pram and a heavy dog, and lifts frighten both.',
                shown='ground floor | ground floor, own entrance',
                forms='ground floor, first floor, downstairs',
            ),
            'middle': value(
                'The apartment is on a middle floor.',
                'neither low nor high',
                'Thieves worry me below, and the roof is too hot for me in'
                ' summer.',
                'I am dizzy when I look far down, but I do not want feet at my'
                ' window either.',
                shown='third floor of six | second floor of four',
                forms='middle floor, second floor, third floor',
            ),
            'top': value(
                'The apartment is on the top floor.',
                'nobody walks above',
                'I cannot bear footsteps on my ceiling.',
                'Let me be closest to the stars and the pigeons.',
                shown='top floor | under the roof',
                forms='top floor, highest floor, penthouse, upstairs',
            ),
        },
    ),
}
