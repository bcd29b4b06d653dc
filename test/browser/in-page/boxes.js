/** Runs in a page: where the elements are that a selector finds, [{name, left, top, right, bottom}]. */
globalThis.boxesOf = (selector) =>
  [...document.querySelectorAll(selector)].map((element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return { name: element.id || element.className, left, top, right, bottom };
  });
