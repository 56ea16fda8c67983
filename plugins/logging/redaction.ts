import type { Sink, TextFormatter } from "@logtape/logtape";
import { EMAIL_ADDRESS_PATTERN, JWT_PATTERN, redactByField, redactByPattern } from "@logtape/redaction";

const REDACTED = "[redacted]";

/** Secrets; what tells of a person; and what is made of events and commands, whatever it tells. */
const FIELDS = [
  /pass(?:word|phrase|code)/i,
  /secret|token|credential|authorization|cookie|signature|api_?key|private_?key/i,
  /e_?mail|phone|address|birth|^owner$|^user|(?:^|_)name$/i,
  /^(?:event_)?data$|^(?:body|command|document|payload|state)$/i,
];

/** The same inside a text: most often the message of an error. */
const PATTERNS = [
  // First: what stands before a host looks like an address of mail to the next one.
  { pattern: /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"'\\]+@/gi, replacement: `$1${REDACTED}@` },
  EMAIL_ADDRESS_PATTERN,
  JWT_PATTERN,
  { pattern: /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, replacement: `$1 ${REDACTED}` },
  {
    pattern:
      /((?:pass(?:word|phrase|code)|secret|token|credential|api[_-]?key)[\\"']*\s*[=:]\s*[\\"']*)[^\s"',;&\\]+/gi,
    replacement: `$1${REDACTED}`,
  },
];

/** Writes no field of such a name, however deep. */
export function withoutFields(sink: Sink): Sink {
  return redactByField(sink, { fieldPatterns: FIELDS, action: () => REDACTED });
}

/** Forms lines without what looks like a secret or an address, wherever it stands. */
export function withoutPatterns(format: TextFormatter): TextFormatter {
  return redactByPattern(format, PATTERNS);
}
