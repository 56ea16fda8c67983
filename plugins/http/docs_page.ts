import { type Handler, parameter } from "./call.ts";
import { type Fixed, fixedHandler } from "./fixed.ts";
import { problem } from "./problems.ts";

type File = { readonly mediaType: string; readonly text: () => Promise<string> };

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Annals</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`;

const START = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
`;

/** What the page loads, all of it from here. */
export const DOCS_FILES: Readonly<Record<string, File>> = {
  "swagger-ui.css": { mediaType: "text/css", text: readStyle },
  "swagger-ui-bundle.js": { mediaType: "text/javascript", text: readBundle },
  "start.js": { mediaType: "text/javascript", text: () => Promise.resolve(START) },
};

/** `GET /docs`: the API as a page to read and to try. */
export function getDocsPage(): Handler {
  const headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY };
  return fixedHandler(() => ({ body: PAGE, headers: { ...headers, "cache-control": "no-cache" } }));
}

/** `GET /docs/{file}`: what the page is made of. */
export function getDocsFile(): Handler {
  const handlers = new Map(
    Object.entries(DOCS_FILES).map(([name, file]) => [name, fixedHandler(() => readFile(file))]),
  );
  return (call) => handlers.get(parameter(call, "file"))?.(call) ?? problem("not_found");
}

async function readFile({ mediaType, text }: File): Promise<Fixed> {
  const headers = { "content-type": `${mediaType}; charset=utf-8`, "cache-control": "public, max-age=3600" };
  return { body: await text(), headers };
}

/** Large, and read by few: loaded when first asked for. */
async function readBundle(): Promise<string> {
  return (await import("swagger-ui-dist/swagger-ui-bundle.js", { with: { type: "text" } })).default;
}

async function readStyle(): Promise<string> {
  return (await import("swagger-ui-dist/swagger-ui.css", { with: { type: "text" } })).default;
}
