'use strict';

// Tables: a column's button sorts by it, and once more turns the order round.
for (const button of document.querySelectorAll('th button')) {
  button.addEventListener('click', () => sortBy(button.closest('th')));
}

function sortBy(header) {
  const table = header.closest('table');
  const turned = {ascending: 'descending', descending: 'ascending'};
  const order = turned[header.getAttribute('aria-sort')] ?? header.dataset.first;
  for (const other of table.querySelectorAll('thead th')) {
    other.setAttribute('aria-sort', other === header ? order : 'none');
  }
  const sign = order === 'ascending' ? 1 : -1;
  const value = row => row.cells[header.cellIndex].dataset.value;
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    if (!value(a) || !value(b)) return !value(a) - !value(b); // Empty ones last.
    return sign * (value(a) - value(b));
  });
  table.tBodies[0].append(...rows);
}

// Conversations: each waits in a template; the chosen ones are copied out.
const viewer = document.querySelector('#viewer');
if (viewer) {
  const field = viewer.elements;
  const all = [...document.querySelectorAll('template[data-run]')];
  let key = ''; // Of the conversation on show; kept when the filters change.

  const list = () => {
    const matches = all.filter(({dataset}) =>
      dataset.run === field.run.value &&
      (!field.gym.value || dataset.gym === field.gym.value) &&
      (!field.outcome.value || dataset.outcome === field.outcome.value));
    field.conversation.replaceChildren(
      ...matches.map(item => new Option(item.dataset.label, item.id)));
    const same = matches.findIndex(({dataset}) => dataset.key === key);
    field.conversation.selectedIndex = matches.length ? Math.max(same, 0) : -1;
    show();
  };

  const show = () => {
    const {selectedIndex, length, value} = field.conversation;
    const chosen = document.getElementById(value);
    key = chosen?.dataset.key ?? key;
    const others = chosen && field.beside.value ?
      all.filter(({dataset}) => dataset.run === field.beside.value &&
        dataset.task === chosen.dataset.task) : [];
    const beside = others.find(({dataset}) => dataset.key === key) ?? others[0];
    const shown = [chosen, beside].filter(Boolean);
    document.querySelector('#panels').replaceChildren(
      ...shown.map(item => item.content.cloneNode(true)));
    field.count.value = length ? `${selectedIndex + 1} of ${length}` :
      'No conversation matches.';
    field.previous.disabled = selectedIndex <= 0;
    field.next.disabled = selectedIndex >= length - 1;
  };

  const move = by => {
    field.conversation.selectedIndex += by;
    show();
  };

  for (const name of ['run', 'gym', 'outcome']) {
    field[name].addEventListener('change', list);
  }
  for (const name of ['beside', 'conversation']) {
    field[name].addEventListener('change', show);
  }
  field.previous.addEventListener('click', () => move(-1));
  field.next.addEventListener('click', () => move(1));
  viewer.addEventListener('submit', event => event.preventDefault());
  list();
}
