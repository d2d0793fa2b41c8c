// What the page asks the server: with the token, if the server wants one, and nothing from elsewhere.

const TOKEN = "token";

/** An answer of the server that is an error, as a sentence. */
export class ServerError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/** Fetch something; a ServerError if that fails. */
export async function ask(address, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(address, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server cannot be reached.");
  }
  if (!response.ok) throw new ServerError(await complaint(response), response.status);
  return response;
}

/** Return an address with parameters. */
export function address(path, parameters) {
  return `${path}?${new URLSearchParams(parameters)}`;
}

/** Ask a question; yields the names of events and what they say, and comments under "". */
export async function* events(question, signal) {
  const response = await ask("/v1/ask", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...question, stream: true }),
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) yield event(block);
  }
}

function event(block) {
  let name = "";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
    else if (line.startsWith(": ")) return { name: "", data: line.slice(2) };
  }
  return { name, data: JSON.parse(data || "null") };
}

async function complaint(response) {
  try {
    return sentence((await response.json()).error);
  } catch {
    return `The server answers with ${response.status}.`;
  }
}

/** Return what an error says, as a sentence. */
export function sentence(error) {
  const said = [error.message, error.hint].filter(Boolean).join(": ");
  return said.charAt(0).toUpperCase() + said.slice(1) + (/[.!?]$/.test(said) ? "" : ".");
}
