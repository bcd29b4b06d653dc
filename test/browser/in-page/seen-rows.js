/**
 * Runs in the page /try: notes every row as it comes into the table, in the order of the records, so
 * that rows which leave it again count, too. `seenRows` is [{partition, offset, key, value}].
 */
globalThis.seenRows = [];

document.addEventListener('DOMContentLoaded', () => {
  const rows = document.getElementById('rows');
  if (rows === null) return;
  const noted = (row) => {
    const text = (name) => row.querySelector(`.${name}`).textContent;
    const offset = Number(text('offset'));
    return { partition: Number(text('partition')), offset, key: text('key'), value: text('value') };
  };
  const observer = new MutationObserver((mutations) => {
    // The newest is the first row, of all that came together.
    for (const { addedNodes } of mutations) {
      globalThis.seenRows.push(...[...addedNodes].toReversed().map(noted));
    }
  });
  observer.observe(rows, { childList: true });
});
