// @ts-nocheck: it runs in a browser, whose types no program here has.
/* global document, getComputedStyle, matchMedia, Node */
// What a page must be for people who read it with other means than most: checks of WCAG 2.2 level AA that a program can
// make, run inside of the page. An expression: one line a problem.
(() => {
  const problems = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (element) => element.getClientRects().length > 0;
  const say = (criterion, what) => problems.push(`${criterion}: ${what}`);
  const root = document.documentElement;

  // Language, title, structure.
  if (!/^[a-z]{2}/.test(root.lang)) say('3.1.1', 'no language');
  if (document.title.trim() === '') say('2.4.2', 'no title');
  if (all('main').length !== 1) say('1.3.1', 'not exactly one main part');
  if (all('h1').length !== 1) say('2.4.6', 'not exactly one first heading');
  let level = 0;
  for (const heading of all('h1, h2, h3, h4, h5, h6')) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) say('1.3.1', `heading ${heading.innerText} skips a level`);
    level = next;
  }

  // Everything that is used, shown or filled in has a name.
  const nameOf = (element) => (element.getAttribute('aria-label') ?? element.innerText).trim();
  for (const element of all('a, button, summary'))
    if (isShown(element) && nameOf(element) === '') say('4.1.2', `no name: ${element.outerHTML}`);
  for (const image of all('img'))
    if (!image.hasAttribute('alt')) say('1.1.1', `no text for ${image.outerHTML}`);
  for (const field of all('input:not([type=hidden]), select, textarea'))
    if ((field.labels?.length ?? 0) === 0 && !field.hasAttribute('aria-label'))
      say('3.3.2', `no label: ${field.outerHTML}`);
  for (const table of all('table')) {
    const region = table.closest('[aria-label]');
    if (!table.querySelector('caption') && !region) say('1.3.1', 'a table without a name');
    if (table.querySelectorAll('th[scope]').length === 0) say('1.3.1', 'a table without heads');
  }
  const ids = all('[id]').map(({ id }) => id);
  for (const id of new Set(ids))
    if (ids.filter((one) => one === id).length > 1) say('4.1.2', `id ${id} twice`);
  // What scrolls can be scrolled by keyboard.
  for (const element of all('body *'))
    if (
      element.scrollWidth > element.clientWidth + 1 &&
      ['auto', 'scroll'].includes(getComputedStyle(element).overflowX) &&
      element.tabIndex < 0
    )
      say('2.1.1', `cannot be scrolled by keyboard: ${element.className}`);

  // Text against what is behind it.
  const numbersOf = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const [red = 0, green = 0, blue = 0] = numbersOf(color).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  // Behind everything lies the browser's own page: dark where the page allows it and the reader wants it.
  const dark =
    matchMedia('(prefers-color-scheme: dark)').matches &&
    getComputedStyle(root).colorScheme.includes('dark');
  const backgroundOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const { backgroundColor } = getComputedStyle(one);
      const [, , , alpha = 1] = numbersOf(backgroundColor);
      if (alpha === 1) return backgroundColor;
    }
    return dark ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)';
  };
  for (const element of all('body *')) {
    const hasText = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && (node.textContent ?? '').trim() !== '',
    );
    if (!hasText || !isShown(element)) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const [one, other] = [luminance(color), luminance(backgroundOf(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const pixels = parseFloat(fontSize);
    const large = pixels >= 24 || (pixels >= 18.66 && Number(fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5))
      say('1.4.3', `${ratio.toFixed(2)} to 1: ${element.innerText.slice(0, 40)}`);
  }

  // No scrolling to the side.
  if (root.scrollWidth > root.clientWidth)
    say('1.4.10', `${root.scrollWidth} wide in ${root.clientWidth}`);
  return problems;
})();
