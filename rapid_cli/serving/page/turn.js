// A question and its answer, shown while it comes about, and what it rests on.

import { hasRoom, show } from "./beside.js";
import { announce, counted, make, name } from "./dom.js";
import { best, told } from "./places.js";
import { sentence } from "./server.js";
import { line } from "./statistics.js";

const SHOWN = 5;
const ENOUGH = 3000; // milliseconds of reading that say how fast it is
const UNSUPPORTED = "no passage supports this";
const READING = { target: "reading the text", drafter: "reading the passages" };

let made = 0;

/** A turn of the conversation; `element` is what shows it. */
export class Turn {
  constructor(question) {
    this.question = question;
    this.answer = null;
    const id = `turn-${++made}`;
    this.notes = make("div", { className: "notes" });
    this.progress = make("div", { className: "progress" }, "waiting for the server");
    this.thoughts = make("pre");
    this.thinking = make("details", { className: "thinking", hidden: true });
    this.thinking.append(make("summary", {}, "what the model thinks"), this.thoughts);
    this.said = make("div", { className: "answer" });
    this.rest = make("div", { className: "rest" });
    this.numbers = make("p", { className: "statistics" });
    this.element = make(
      "li",
      { "aria-labelledby": id, className: "is-running" },
      make("h2", { id }, question),
      ...[this.notes, this.thinking, this.said, this.progress, this.rest, this.numbers],
    );
  }

  /** Take what the server tells. */
  take({ name: kind, data }) {
    switch (kind) {
      case "":
        return this.wait(data);
      case "progress":
        return this.read(data);
      case "retrieved":
        return data.note && this.note(data.note);
      case "note":
        return this.note(data.text);
      case "draft":
        return this.draft(data.text);
      case "thought":
        return this.think(data.text);
      case "piece":
        return this.write(data.text);
      case "statistics":
        return this.measure(data);
      case "answer":
        return this.finish(data);
      case "error":
        return this.fail(sentence(data.error ?? data));
    }
  }

  /** Take the word of the server that it is not silent for ever: how many questions wait. */
  wait(said) {
    if (this.hasBegun) return;
    const number = Number.parseInt(said, 10);
    this.progress.textContent = number ? `waiting, as ${count(number, "question")} wait` : "working …";
  }

  read({ role, done, total }) {
    if (this.role !== role) {
      this.role = role;
      this.since = { time: performance.now(), done };
      announce(`${READING[role]}.`);
      this.bar = make("progress", { "aria-label": READING[role] });
      this.words = make("span");
      this.progress.replaceChildren(this.bar, this.words);
    }
    this.hasBegun = true;
    this.bar.max = total;
    this.bar.value = done;
    const left = remaining(this.since, performance.now(), done, total);
    this.words.textContent = `${READING[role]}: ${counted(done)} of ${counted(total)} tokens${left}`;
  }

  note(text) {
    this.hasBegun = true;
    this.notes.append(make("p", {}, text));
  }

  draft(text) {
    this.said.replaceChildren(make("p", { className: "draft" }, text));
    if (!this.hasDraft) {
      this.hasDraft = true;
      this.said.before(make("p", { className: "quiet drafted" }, "a draft, not checked yet:"));
    }
  }

  think(text) {
    this.begin("thinking");
    this.thinking.hidden = false;
    this.thoughts.append(text);
  }

  write(text) {
    if (!this.text) {
      this.begin("writing");
      this.element.querySelector(".drafted")?.remove();
      this.text = make("p");
      this.said.replaceChildren(this.text);
    }
    this.text.append(text);
  }

  begin(what) {
    this.hasBegun = true;
    if (this.role === what) return;
    this.role = what;
    this.progress.textContent = `${what} …`;
    announce(`${what}.`);
  }

  measure({ tokens, tokens_per_second: speed }) {
    const rate = speed === null ? "" : ` · ${speed.toFixed(1)} tok/s`;
    this.numbers.textContent = `${counted(tokens)} tokens${rate}`;
  }

  /** Show the whole answer, with marks at its sentences, and what it rests on. */
  finish(answer) {
    this.answer = answer;
    this.end();
    this.said.replaceChildren(make("p", {}, ...this.marked(answer)));
    if (answer.finish_reason === "length") this.note("The answer was cut at its greatest length.");
    this.rest.replaceChildren(...this.legend(answer), ...this.sources(answer));
    this.numbers.textContent = line(answer);
    announce(`${answer.answer} ${count(answer.sources.length, "source")}.`);
    this.open(answer);
  }

  stop() {
    this.end();
    this.note("Stopped.");
    announce("Stopped.");
  }

  fail(message) {
    this.end();
    this.rest.append(make("p", { className: "error" }, message));
    announce(message);
  }

  end() {
    this.element.classList.remove("is-running");
    this.element.querySelector(".drafted")?.remove();
    if (!this.text) this.said.replaceChildren();
    this.progress.remove();
  }

  /** Show the first page that is cited, where there is room. */
  open(answer) {
    const cited = answer.citations.find((each) => each.sources.length);
    if (cited && hasRoom()) show(answer.sources[cited.sources[0] - 1], cited.places[0]);
  }

  marked(answer) {
    const letters = Array.from(answer.answer); // offsets count characters, whatever their codes
    const part = (start, end) => letters.slice(start, end).join("");
    const shown = [];
    let before = 0;
    for (const citation of answer.citations) {
      shown.push(part(before, citation.start));
      shown.push(this.sentence(answer, citation, part(citation.start, citation.end)));
      before = citation.end;
    }
    return [...shown, part(before)];
  }

  sentence(answer, citation, text) {
    if (!citation.sources.length) {
      const hint = make("span", { className: "hint", title: UNSUPPORTED }, "?");
      hint.append(make("span", { className: "unseen" }, ` (${UNSUPPORTED})`));
      return make("span", { className: "unsupported" }, text, hint);
    }
    const marks = citation.sources.map((number, at) => {
      const source = answer.sources[number - 1];
      const label = `Source ${number}: ${source.document}, ${told({ ...source, ...citation.places[at] })}`;
      const mark = make("button", { type: "button", className: "mark", title: label }, `[${number}]`);
      mark.setAttribute("aria-label", label);
      mark.addEventListener("click", () => show(source, citation.places[at], mark));
      return mark;
    });
    return make("span", { className: "supported" }, text, "\u2060", ...marks);
  }

  /** Say what the sign means at sentences that nothing supports, if there are any. */
  legend(answer) {
    if (answer.citations.every((each) => each.sources.length)) return [];
    const sign = make("span", { className: "hint", "aria-hidden": "true" }, "?");
    return [make("p", { className: "legend" }, sign, ` ${UNSUPPORTED}`)];
  }

  sources(answer) {
    const places = best(answer);
    const numbers = answer.sources.map((_, at) => at + 1);
    numbers.sort((one, other) => places.has(other) - places.has(one) || one - other);
    const lines = numbers.map((each) => this.source(answer.sources[each - 1], each, places.get(each)));
    if (!lines.length) return [];
    const many = Math.max(SHOWN, places.size);
    const shown = [make("h3", {}, "Sources"), make("ul", { className: "sources" }, ...lines.slice(0, many))];
    if (lines.length > many) {
      const more = make("details", {}, make("summary", {}, `${lines.length - many} more`));
      more.append(make("ul", { className: "sources" }, ...lines.slice(many)));
      shown.push(more);
    }
    return shown;
  }

  source(source, number, place) {
    const where = told({ ...source, ...place });
    const button = make("button", { type: "button", className: "source" });
    button.append(make("span", { className: "number" }, `[${number}]`), " ", name(source.document));
    if (where) button.append(make("span", { className: "quiet" }, `, ${where}`));
    button.addEventListener("click", () => show(source, place, button));
    const quote = place ? make("q", {}, place.quote) : null;
    return make("li", {}, button, ...[quote].filter(Boolean));
  }
}

function count(number, what) {
  return number === 1 ? `1 ${what}` : `${counted(number)} ${what}s`;
}

/** Return how long the rest of reading takes at the speed so far, once that can be told. */
function remaining(since, time, done, total) {
  const speed = (done - since.done) / (time - since.time);
  if (time - since.time < ENOUGH || speed <= 0 || done >= total) return "";
  const seconds = (total - done) / speed / 1000;
  if (seconds > 90) return `, about ${Math.round(seconds / 60)} minutes left`;
  return `, about ${Math.ceil(seconds / 5) * 5} seconds left`;
}
