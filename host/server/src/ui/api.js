// Asks Prometheus's HTTP API and unwraps its envelope.

const PATIENCE_MS = 130000;

/** The data of an answer; an error has the server's words. `parameters` are pairs of name and value. */
export async function ask(path, parameters = [], signal = AbortSignal.timeout(PATIENCE_MS)) {
  return (await askWithNotes(path, parameters, signal)).data;
}

/** The same with `warnings` and `infos`. */
export async function askWithNotes(path, parameters = [], signal = AbortSignal.timeout(PATIENCE_MS)) {
  const body = new URLSearchParams(parameters);
  // A query may be longer than a URL.
  const request = parameters.length > 0 && path.startsWith("api/v1/query") ? { method: "POST", body, signal } : { signal };
  const url = request.body || parameters.length === 0 ? path : `${path}?${body}`;
  let response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The server does not answer.");
  }
  const answer = await response.json();
  if (answer.status !== "success") throw new Error(answer.error?.message ?? answer.error ?? `The server answered ${response.status}.`);
  return { data: answer.data, warnings: answer.warnings ?? [], infos: answer.infos ?? [] };
}
