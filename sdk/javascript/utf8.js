// Text to bytes and back: QuickJS has no TextEncoder and no TextDecoder. The loops run in QuickJS's own functions, not in JavaScript.

const ASCII = /^[\x00-\x7f]*$/;
const CHUNK = 8192;

/** The UTF-8 bytes of a text. */
export function encode(text) {
  // Half of a pair is no character.
  const words = ASCII.test(text) ? text : unescape(encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd')));
  const bytes = new Uint8Array(words.length);
  for (let at = 0; at < words.length; at++) bytes[at] = words.charCodeAt(at);
  return bytes;
}

/** The text of UTF-8 bytes. Where they are not UTF-8, everything beyond ASCII becomes U+FFFD. */
export function decode(bytes) {
  let words = '';
  for (let at = 0; at < bytes.length; at += CHUNK) words += String.fromCharCode.apply(null, bytes.slice(at, at + CHUNK));
  if (ASCII.test(words)) return words;
  try {
    return decodeURIComponent(escape(words));
  } catch {
    return words.replace(/[\x80-\xff]/g, '\ufffd');
  }
}
