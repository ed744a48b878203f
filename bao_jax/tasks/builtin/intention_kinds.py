"""The kinds of details that a request of the Intention gym can leave open.

No option, and no form of one, belongs to two kinds. Names may be shared ('how
long' is about a text or a trip); the domain of a request then decides.
"""

from collections.abc import Mapping
import dataclasses

from bao_jax.users import words


@dataclasses.dataclass(frozen=True)
class Kind:
  """One kind of detail.

  Attributes:
    description: what it is called, a noun with its article.
    inquiry: a question about it.
    given: how a request states it, with a gap for the option.
    options: each option and the further forms that mean it.
    names: words and phrases by which a question names it.
  """

  description: str
  inquiry: str
  given: str
  options: Mapping[str, tuple[str, ...]]
  names: tuple[str, ...]


def _kind(
    description: str, inquiry: str, given: str, options: str, names: str
) -> Kind:
  """Reads options as 'option = form = form, option, …'."""
  forms = [
      [form.strip() for form in option.split('=')]
      for option in ' '.join(options.split()).split(',')
  ]
  return Kind(
      description,
      inquiry,
      given,
      {option: tuple(more) for option, *more in forms},
      words.phrases(names),
  )


KINDS = {
    'size': _kind(
        'the size',
        'What size should it be?',
        'It should be {}.',
        'small = little, large = big, tiny, huge',
        'size, sizes, how big, how large, how small, dimensions, how tall',
    ),
    'color': _kind(
        'the color',
        'What color would you like?',
        'It should be {}.',
        'red, blue, green, black',
        'color, colors, colour, colours, shade, hue',
    ),
    'price': _kind(
        'the price',
        'What may it cost?',
        'It should be {}.',
        'cheap = low cost, average = mid priced, costly = expensive, free',
        'price, cost, budget, how much, spend, pay, price range',
    ),
    'day': _kind(
        'the day',
        'For which day is it?',
        'I need it on {}.',
        'monday, friday, sunday, tuesday',
        'day, which day, what day, when, by when, date',
    ),
    'material': _kind(
        'the material',
        'What material do you prefer?',
        'It should be made of {}.',
        'wood = wooden, metal = steel, glass, leather',
        'material, materials, made of, made out of, made from',
    ),
    'fabric': _kind(
        'the fabric',
        'Which fabric do you prefer?',
        'The fabric should be {}.',
        'cotton, wool = woolen, silk, linen',
        'fabric, cloth, material, made of, made out of, made from',
    ),
    'room': _kind(
        'the room',
        'Which room is it for?',
        'It is for the {}.',
        'kitchen, bedroom, office, garden',
        'room, which room, where, place, what room',
    ),
    'budget': _kind(
        'the budget',
        'What is your budget?',
        'My budget is {}.',
        """fifty dollars = about fifty dollars, two hundred dollars = about two
        hundred dollars, a thousand dollars = about a thousand dollars""",
        """budget, price, cost, costs, spend, how much, price range, afford, how
        expensive, pay, price limit, how much money, financial limit, spending,
        money""",
    ),
    'deadline': _kind(
        'the deadline',
        'By when do you need it?',
        'I need it {}.',
        """by tomorrow = tomorrow, within a week = next week = in a week, within
        a month = next month = in a month""",
        """deadline, by when, when, how soon, due, due date, timeline, time
        frame, how urgent, urgent, how quickly, date""",
    ),
    'audience': _kind(
        'the audience',
        'Who is it meant for?',
        'It is meant for {}.',
        """children = kids, colleagues = coworkers, customers = clients,
        students = pupils""",
        """audience, who, whom, target audience, target group, readers,
        listeners, viewers, users, age group, intended for, meant for""",
    ),
    'length': _kind(
        'the length',
        'How long should the text be?',
        'It should have {}.',
        'one page = a page, five pages, twenty pages',
        """length, how long, how many pages, number of pages, word count, how
        many words, word limit, page count, how short""",
    ),
    'tone': _kind(
        'the tone',
        'What tone should it have?',
        'The tone should be {}.',
        'formal = serious, friendly = warm, funny = humorous',
        'tone, mood, voice, writing style, style, atmosphere',
    ),
    'language': _kind(
        'the language',
        'Which language should it be in?',
        'It should be in {}.',
        'english, spanish, german',
        'language, languages, which language, what language',
    ),
    'format': _kind(
        'the format',
        'Which format do you need?',
        'The format should be {}.',
        'slides = presentation, a spreadsheet = spreadsheet = table, an email',
        'format, file format, file type, formatted, layout, form',
    ),
    'level': _kind(
        'the level of experience',
        'How much experience is there?',
        'The level is {}.',
        """beginner = beginners = novice, intermediate = some experience, expert
        = advanced = experts""",
        """level, skill level, experience, how experienced, experienced, how
        much experience, how skilled, expertise, proficiency, background, level
        of experience, how advanced, difficulty, how difficult, how well""",
    ),
    'diet': _kind(
        'the diet',
        'Are there any dietary needs?',
        'The diet is {}.',
        'vegan, nut free = nuts, gluten free = gluten, vegetarian',
        """diet, diets, dietary, dietary needs, dietary restrictions, allergies,
        allergy, allergic, allergic to, food restrictions, dietary preferences,
        dietary requirements, intolerances""",
    ),
    'people': _kind(
        'the number of people',
        'How many people is it for?',
        'It is for {}.',
        """two people = two of us, six people = six of us, thirty people =
        thirty of us""",
        """how many people, people, number of people, group size, how many
        guests, guests, how many, attendees, how many attendees, travelers,
        participants, servings, how many servings, party size, headcount""",
    ),
    'place': _kind(
        'the place',
        'Where should it be?',
        'It should be {}.',
        """at home = my home = indoors, downtown = in the city, at the beach =
        beach = by the sea, in the mountains = mountains""",
        """place, where, location, venue, area, region, destination, where to,
        locations, setting""",
    ),
    'transport': _kind(
        'the means of transport',
        'How would you like to get there?',
        'I want to go {}.',
        'by train = train, by car = car, by plane = plane = fly',
        """transport, transportation, how to get there, get there, travel by,
        means of transport, mode of transport, vehicle, mode of travel""",
    ),
    'duration': _kind(
        'the duration',
        'How long should it take?',
        'It should take {}.',
        'a weekend = weekend, two weeks, a year = one year',
        """duration, how long, how many days, number of days, how many weeks,
        how much time, how many nights, how many months""",
    ),
    'device': _kind(
        'the device',
        'Which device is it for?',
        'The device is {}.',
        """a laptop = laptop = computer, a phone = phone = mobile, a tablet =
        tablet""",
        """device, devices, platform, platforms, which device, operating system,
        equipment, hardware""",
    ),
    'genre': _kind(
        'the genre',
        'Which genre do you like?',
        'The genre should be {}.',
        'mystery = crime, romance = love story, comedy, history = historical',
        """genre, genres, which genre, kind of story, type of story, theme,
        topic""",
    ),
    'source': _kind(
        'the sources',
        'Which sources do you trust?',
        'The sources should be {}.',
        """newspapers = news, journals = academic papers = papers, blogs = blog
        posts""",
        """source, sources, publication, publications, source type, which
        sources""",
    ),
    'period': _kind(
        'the period',
        'Which period should it cover?',
        'It should cover {}.',
        """the last month = last month, the last year = last year, the last
        century = last century""",
        """period, time period, time range, how recent, how far back, recent,
        recency, era, which years, what years, how old, how current""",
    ),
    'purpose': _kind(
        'the purpose',
        'What is the purpose?',
        'The purpose is {}.',
        'work = a job = business, fun = leisure = pleasure, a gift = gift',
        """purpose, why, goal, goals, objective, what for, reason, aim, use
        case, used for, occasion, motivation, intended use""",
    ),
    'schedule': _kind(
        'the schedule',
        'Which days suit you?',
        'I have time on {}.',
        """weekdays = during the week, weekends = at weekends, evenings = in the
        evening""",
        """schedule, which days, what days, time of day, what time, times,
        availability, free time, what times, available""",
    ),
}
