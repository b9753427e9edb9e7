// What the page asks of its server. Every failure becomes an Error with a sentence.

async function ask(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { credentials: "same-origin", ...options });
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  let values = {};
  try {
    values = await answer.json();
  } catch {
    // an answer without words
  }
  if (!answer.ok) throw new Error(sentence(values.error || `The server answered ${answer.status}.`));
  return values;
}

export function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

export const state = () => ask("state");
export const look = (key) => ask(`jobs/${key}`);
export const cancel = (key) => ask(`jobs/${key}`, { method: "DELETE" });
export const leave = () => ask("leave", { method: "POST" });

// A file travels as it is, without its name.
export const reconstruct = (words, file) => ask(`jobs?${new URLSearchParams(words)}`, { method: "POST", body: file });

export const change = (key, changes, worn) =>
  ask(`jobs/${key}/changes`, { method: "POST", body: JSON.stringify({ changes, worn }) });
