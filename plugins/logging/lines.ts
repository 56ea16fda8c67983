import { getAnsiColorFormatter, getJsonLinesFormatter, type TextFormatter } from "@logtape/logtape";

/** What JSON leaves as it is, and a terminal may obey or a reader take for the end of a line. */
const CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

const toJson = getJsonLinesFormatter({ properties: "flatten" });

/** A JSON object a line. */
export const jsonLines: TextFormatter = (record) => escapeControls(toJson(record));

/** For people: a line for each record too, whatever is in its fields. */
export const readableLines: TextFormatter = getAnsiColorFormatter({
  timestamp: "time",
  sanitize: { newlines: "escape" },
  format: ({ timestamp, level, message, record }) => `${timestamp} ${level} ${message}${fieldsOf(record.properties)}`,
});

function fieldsOf(properties: Readonly<Record<string, unknown>>): string {
  return Object.entries(properties).map(([name, value]) => `  ${quoted(name).slice(1, -1)}=${quoted(value)}`).join("");
}

function quoted(value: unknown): string {
  const plain = value instanceof Error ? value.stack ?? String(value) : value;
  return escapeControls(JSON.stringify(plain) ?? String(plain));
}

function escapeControls(text: string): string {
  return text.replace(CONTROLS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
