// Elements and the text in them. Text of documents and models is only ever text, and never markup.

/** Return an element with these properties and children; strings are text. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Return a name that changes the direction of no text around it. */
export function name(text) {
  return make("bdi", {}, text);
}

export function find(id) {
  return document.getElementById(id);
}

/** Tell those who listen, and do not see. */
export function announce(text) {
  find("status").textContent = text;
}

/** Return a number as people write it. */
export function counted(number) {
  return number.toLocaleString("en");
}
