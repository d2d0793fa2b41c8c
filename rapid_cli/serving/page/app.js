// The page: a question, its answer, and what the server wants to know first.

import { close } from "./beside.js";
import { chosen, isAny, load } from "./documents.js";
import { announce, find, make } from "./dom.js";
import { events, keepToken } from "./server.js";
import { Turn } from "./turn.js";

const NEAR = 160; // pixels from the end of the page, from which it is followed

let turns = [];
let running = null; // what stops the answer that comes about

async function submit() {
  const question = find("question").value.trim();
  if (running || !question || !isAny()) return;
  find("question").value = "";
  fit();
  await answer(question);
}

async function answer(question) {
  const turn = new Turn(question);
  find("talk").append(turn.element);
  document.body.classList.add("is-asked");
  find("anew").hidden = false;
  turn.element.scrollIntoView({ block: "start" });
  running = new AbortController();
  button();
  try {
    await follow(turn, running.signal);
  } catch (error) {
    if (running.signal.aborted) turn.stop();
    else if (error.status === 401) retry(turn);
    else turn.fail(error.message);
  }
  running = null;
  button();
}

async function follow(turn, signal) {
  const said = turns.map((each) => [each.question, each.answer.answer]);
  const asked = { question: turn.question, said };
  if (chosen()) asked.sources = chosen();
  for await (const event of events(asked, signal)) {
    const isNear = document.body.scrollHeight - window.scrollY - window.innerHeight < NEAR;
    turn.take(event);
    if (isNear && !turn.answer) window.scrollTo(0, document.body.scrollHeight);
  }
  if (turn.answer) turns.push(turn);
  else if (turn.element.classList.contains("is-running")) turn.fail("The server broke off.");
}

/** Let the question be asked again with a token. */
function retry(turn) {
  turn.element.remove();
  find("question").value = turn.question;
  unlock("The token is wrong.");
}

function unlock(note) {
  if (note) find("locked-note").textContent = note;
  if (!find("locked").open) find("locked").showModal();
  find("token").select();
}

async function begin() {
  try {
    await load();
    find("question").focus();
  } catch (error) {
    if (error.status === 401) unlock(sessionStorage.length ? "The token is wrong." : "");
    else find("talk").before(make("p", { className: "error", role: "alert" }, error.message));
  }
}

function button() {
  find("send").textContent = running ? "Stop" : "Ask";
  find("send").disabled = !running && !isAny();
}

/** Let the field be as high as its text. */
function fit() {
  const field = find("question");
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, window.innerHeight / 3)}px`;
}

find("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) running.abort();
  else submit();
});
find("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
find("question").addEventListener("input", fit);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || find("locked").open) return;
  if (running) running.abort();
  else if (find("sources").open) {
    find("sources").open = false;
    find("sources-count").focus();
  } else close();
});
document.addEventListener("click", (event) => {
  if (!find("sources").contains(event.target)) find("sources").open = false;
});
find("sources").addEventListener("chosen", button);
find("anew").addEventListener("click", () => {
  running?.abort();
  turns = [];
  close();
  find("talk").replaceChildren();
  find("anew").hidden = true;
  document.body.classList.remove("is-asked");
  announce("A new conversation.");
  find("question").focus();
});
find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(find("token").value);
  find("token").value = "";
  find("locked").close();
  begin();
});
find("locked").addEventListener("cancel", (event) => event.preventDefault());

begin();
