// Requests that the host makes; `plugin.toml` must ask for `http`.

import { send } from 'cepmon:plugin/http@0.1.0';

import { decode, encode } from './utf8.js';

/** The answer of a GET request: `status`, `headers`, `body` (bytes), `text()` and `json()`. Throws the contract's error when there is none. */
export function get(url, { headers = {}, timeoutMs = 0, maxRedirects = 0, maxBody = 16 << 20 } = {}) {
  const response = send({
    method: 'GET',
    url,
    headers: Object.entries(headers).map(([name, value]) => [name, encode(value)]),
    body: new Uint8Array(),
    family: 'any',
    timeoutNs: Math.round(timeoutMs * 1e6),
    maxRedirects,
    maxBody,
    decompress: true,
    tls: undefined,
  });
  const text = () => decode(response.body);
  return { ...response, text, json: () => JSON.parse(text()) };
}
