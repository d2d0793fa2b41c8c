// Where the passages of an answer stand, in words, and which of their words are cited.

/** Return where a passage stands: "page 7", or a heading in quotes. */
export function told(place) {
  const parts = [];
  if (place.page !== null) {
    const many = place.last_page > place.page;
    parts.push(many ? `pages ${place.page}–${place.last_page}` : `page ${place.page}`);
    if (place.page_label) parts[0] += ` (printed ${place.page_label})`;
  }
  if (place.section) parts.push(`“${place.section}”`);
  return parts.join(", ");
}

/** Return what of a source is cited, by number: the place of the sentence it supports best. */
export function best(answer) {
  const found = new Map();
  const citations = [...answer.citations].sort((one, other) => other.support - one.support);
  for (const { sources, places } of citations) {
    sources.forEach((number, at) => {
      if (!found.has(number)) found.set(number, places[at]);
    });
  }
  return found;
}

/** Return where in a text the words of a quote stand, whatever the space between them; or null. */
export function within(text, quote) {
  const wanted = quote.replace(/^…|…$/g, "").replace(/\s+/g, "");
  const letters = [];
  for (let at = 0; at < text.length; at++) if (!/\s/.test(text[at])) letters.push(at);
  const at = letters.map((each) => text[each]).join("").indexOf(wanted);
  if (at < 0 || !wanted) return null;
  return [letters[at], letters[at + wanted.length - 1] + 1];
}
