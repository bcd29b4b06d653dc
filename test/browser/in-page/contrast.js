/**
 * Runs in a page: the contrast (WCAG 2.1, 1 to 21) of what is shown to what is behind it.
 *
 * `contrasts('text')`: of every text; what cannot be used at present is left out, as in WCAG 1.4.3.
 * `contrasts('edge')`: of the edge of every field and button, as in WCAG 1.4.11.
 * Both return [{what, ratio}].
 */
globalThis.contrasts = (of) => {
  const selector = of === 'text' ? 'body *' : 'input:not([type=radio]), select, textarea, button';
  return [...document.querySelectorAll(selector)]
    .filter((element) => isShown(element) && (of === 'edge' || hasText(element)))
    .map((element) => {
      const style = getComputedStyle(element);
      const front = colourOf(of === 'text' ? style.color : style.borderTopColor);
      const back = groundOf(of === 'text' ? element : element.parentElement);
      const text = element.textContent.trim().slice(0, 30);
      return { what: `${element.tagName} ${element.id} ${text}`, ratio: ratioOf(front, back) };
    });

  function isShown(element) {
    return (
      element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
      element.closest('.visually-hidden, .skip-link, :disabled') === null
    );
  }

  function hasText(element) {
    if (element.matches('input, textarea, select')) return true;
    return [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '',
    );
  }

  /** [red, green, blue, alpha] of `rgb(...)` or `rgba(...)`, which is how styles are computed. */
  function colourOf(text) {
    const [red, green, blue, alpha = 1] = text.match(/[\d.]+/g).map(Number);
    return [red, green, blue, alpha];
  }

  function groundOf(element) {
    if (element === null) return [255, 255, 255, 1];
    const own = colourOf(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, groundOf(element.parentElement));
  }

  function over(front, back) {
    const alpha = front[3];
    return [0, 1, 2].map((part) => front[part] * alpha + back[part] * (1 - alpha)).concat(1);
  }

  function ratioOf(front, back) {
    const [low, high] = [luminance(over(front, back)), luminance(back)].toSorted((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }

  function luminance(colour) {
    const [red, green, blue] = colour.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
};
