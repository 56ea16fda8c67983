import { createHash } from "node:crypto";
import type { Registry } from "../../core/engine/registry.ts";
import { type Handler, parameter } from "./call.ts";
import { problem, PROBLEMS } from "./problems.ts";
import { NO_NAMES, readQuery } from "./query.ts";
import { respond } from "./respond.ts";

type Page = { readonly code: string; readonly status: number; readonly title: string; readonly advice: string };

const STYLE = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}";
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; ` +
  "frame-ancestors 'none'";
const REJECTION_ADVICE =
  "The rules of this aggregate do not allow the command in its present state. Nothing was stored. Read the aggregate " +
  "to see what it allows now.";

/** `GET /problems/{code}`: what a problem of the service itself means. */
export function getProblemPage(): Handler {
  const pages = new Map(Object.entries(PROBLEMS).map(([code, each]) => [code, render({ code, ...each })]));
  return (call) => page(call, pages.get(parameter(call, "code")));
}

/** `GET /problems/{module}/{code}`: what a module's rejection means. */
export function getRejectionPage({ modules }: Registry): Handler {
  const pages = new Map(
    modules.flatMap(({ module: { name, rejections } }) =>
      Object.entries(rejections).map(([code, title]) =>
        [`${name}/${code}`, render({ code: `${name}/${code}`, status: 422, title, advice: REJECTION_ADVICE })] as const
      )
    ),
  );
  return (call) => page(call, pages.get(`${parameter(call, "module")}/${parameter(call, "code")}`));
}

function page({ request, correlationId }: Parameters<Handler>[0], html: string | undefined): ReturnType<Handler> {
  const query = readQuery(request.url, NO_NAMES);
  if (query.is === "problem") return query;
  if (html === undefined) return problem("not_found");
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": POLICY,
    "cache-control": "public, max-age=300",
  };
  return respond(html, { correlationId, headers });
}

function render({ code, status, title, advice }: Page): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(code)}</title>
<style>${STYLE}</style>
<h1>${escape(title)}</h1>
<p><code>${escape(code)}</code>, HTTP status ${status}</p>
<p>${escape(advice)}</p>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
