// The documents of the server, and which of them are asked about.

import { counted, find, make, name } from "./dom.js";
import { ask } from "./server.js";

const SHOWN = 200;
const MANY = 8;
const NONE = "There are no documents yet. Index some with `rapid index`, and load this page again.";

let documents = [];
const left = new Set(); // the ids of those that are not asked about

/** Learn what documents there are, and show them. */
export async function load() {
  const { sources } = await (await ask("/v1/sources")).json();
  documents = [...new Map(sources.map((each) => [each.document_id, each])).values()];
  find("filter").hidden = documents.length <= MANY;
  if (!documents.length) find("welcome").textContent = NONE;
  show();
}

/** Return the ids of the documents that are asked about; null for all, which is the default. */
export function chosen() {
  if (documents.every((each) => !left.has(each.document_id))) return null;
  return documents.map((each) => each.document_id).filter((id) => !left.has(id));
}

/** Tell whether there is anything to ask about. */
export function isAny() {
  return documents.some((each) => !left.has(each.document_id));
}

/** Return the document of a source of an answer, if it is one of these. */
export function documentOf(source) {
  return documents.find((each) =>
    source.document_id ? each.document_id === source.document_id : each.path === source.path,
  );
}

function shown() {
  const letters = find("filter").value.toLowerCase();
  return documents.filter((each) => each.name.toLowerCase().includes(letters));
}

function show() {
  const found = shown();
  find("documents").replaceChildren(...found.slice(0, SHOWN).map(line));
  const more = found.length - SHOWN;
  const note = find("documents-note");
  note.hidden = found.length > 0 && more <= 0;
  note.textContent =
    more > 0
      ? `and ${counted(more)} more: filter them`
      : documents.length
        ? "No document has these letters in its name."
        : NONE;
  count();
}

function line(document) {
  const box = make("input", { type: "checkbox", checked: !left.has(document.document_id) });
  box.addEventListener("change", () => {
    choose([document], box.checked);
    count();
  });
  const pages = document.pages > 1 ? `${counted(document.pages)} pages` : "";
  return make("li", {}, make("label", {}, box, name(document.name), quiet(pages)));
}

function quiet(text) {
  return make("span", { className: "quiet" }, text);
}

function choose(some, wanted) {
  for (const { document_id: id } of some) wanted ? left.delete(id) : left.add(id);
}

function count() {
  const asked = documents.length - left.size;
  const all = documents.length === 1 ? "1 document" : `${counted(documents.length)} documents`;
  find("sources-count").textContent = left.size ? `${counted(asked)} of ${all}` : all;
  find("sources").dispatchEvent(new Event("chosen"));
}

for (const [id, wanted] of [["all", true], ["none", false]]) {
  find(id).addEventListener("click", () => {
    choose(shown(), wanted);
    show();
  });
}
find("filter").addEventListener("input", show);
