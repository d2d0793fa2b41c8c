// What stands beside an answer: the page that a source cites, with the words marked, or the passage.

import { announce, find, make, name } from "./dom.js";
import { documentOf } from "./documents.js";
import { told, within } from "./places.js";
import { address, ask } from "./server.js";

const AROUND = 1500;
const MOST_WIDTH = 2000;
const narrow = window.matchMedia("(max-width: 62rem)");

let opener = null; // what gets the focus back
let latest = 0; // the number of what was last asked for: what comes late is not shown
let picture = ""; // the address of the picture that is shown

/** Tell whether there is room beside the answer. */
export function hasRoom() {
  return !narrow.matches;
}

/** Show a source where it is cited; `by` is the button that asked for that. */
export async function show(source, place, by = null) {
  opener = by;
  find("beside").hidden = false;
  document.body.classList.add("is-beside");
  if (by && !hasRoom()) find("beside-title").focus();
  await open(source, place, { ...source, ...place });
  if (by) announce(`Beside the answer: ${find("beside-title").textContent}.`);
}

/** Show a place of a source: what is cited there is marked if it is where the citation says. */
async function open(source, place, where) {
  const number = ++latest;
  const words = told(where);
  find("beside-title").replaceChildren(name(source.document), words && `, ${words}`);
  leaf(source, place, where);
  fill(make("p", { className: "quiet" }, "…"));
  const shown = await (where.page === null ? passage(source, place) : page(source, where));
  if (number === latest) fill(...shown);
}

/** Let the pages before and after be shown, where there are any. */
function leaf(source, place, where) {
  const last = documentOf(source)?.pages ?? 0;
  for (const [id, number] of [["before", where.page - 1], ["after", where.page + 1]]) {
    const button = find(id);
    button.hidden = where.page === null || last < 2;
    button.disabled = number < 1 || number > last;
    button.onclick = () => {
      const is = number === place?.page;
      const other = { ...source, page: number, last_page: number, page_label: null, section: null };
      open(source, place, is ? { ...source, ...place } : { ...other, quote: "" });
    };
  }
}

/** Show nothing beside the answer. */
export function close() {
  if (find("beside").hidden) return false;
  latest++;
  find("beside").hidden = true;
  document.body.classList.remove("is-beside");
  fill();
  opener?.focus();
  opener = null;
  return true;
}

function fill(...children) {
  const image = children.find((each) => each.localName === "figure")?.querySelector("img");
  if (picture) URL.revokeObjectURL(picture);
  picture = image ? image.src : "";
  find("beside-content").replaceChildren(...children);
  find("beside").scrollTop = 0;
  find("beside-content").querySelector("mark")?.scrollIntoView({ block: "center" });
}

async function page(source, place) {
  const width = Math.round(find("beside-content").clientWidth * window.devicePixelRatio);
  const parameters = {
    document: documentOf(source)?.document_id ?? source.document_id,
    page: place.page,
    find: place.quote ?? source.text,
    width: Math.min(Math.max(width, 400), MOST_WIDTH),
  };
  try {
    const response = await ask(address("/v1/page", parameters));
    const isMarked = /^(true|yes|1)$/.test(response.headers.get("X-Rapid-Marked"));
    return [await drawn(await response.blob(), source, place, isMarked)];
  } catch (error) {
    return [...(await passage(source, place)), quiet(error.message)];
  }
}

async function drawn(blob, source, place, isMarked) {
  const words = isMarked ? ", with the cited words marked" : "";
  const image = make("img", {
    src: URL.createObjectURL(blob),
    alt: `Page ${place.page} of ${source.document}${words}`,
  });
  await image.decode().catch(() => {});
  const hint = place.quote && !isMarked ? quiet(`The words are not marked: “${place.quote}”`) : null;
  return make("figure", {}, ...[hint, image].filter(Boolean));
}

async function passage(source, place) {
  const parameters = {
    document: documentOf(source)?.document_id ?? source.document_id,
    find: source.text,
    around: AROUND,
  };
  let around = { before: "", text: "", after: "" };
  try {
    around = await (await ask(address("/v1/passage", parameters))).json();
  } catch (error) {
    announce(error.message);
  }
  const text = around.text || source.text;
  const [start, end] = (place && within(text, place.quote)) ?? [0, place ? 0 : text.length];
  const marked = start < end ? make("mark", {}, text.slice(start, end)) : "";
  const [before, after] = around.text ? [around.before, around.after] : ["", ""];
  return [
    make(
      "p",
      { className: "passage" },
      quiet(before, "span"),
      text.slice(0, start),
      marked,
      text.slice(end),
      quiet(after, "span"),
    ),
  ];
}

function quiet(text, kind = "p") {
  return make(kind, { className: "quiet" }, text);
}

find("close").addEventListener("click", close);
