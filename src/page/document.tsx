import { createHash } from 'node:crypto';
import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';
import bundle from './browser/main.tsx?browser';
import type { PageData } from './data.ts';

export interface Page {
  title: string;
  body: ComponentChildren;
  /** For the script; undefined: the page has no script. */
  data?: PageData | undefined;
}

/**
 * Renders a page as one HTML file that needs nothing else. Its policy allows its own script, and no request. What a
 * guest wrote reaches the file only as text that the renderer escapes, or as JSON or base64 in inert elements.
 */
export function renderDocument({ title, body, data }: Page): string {
  const { script, style } = bundle;
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content={policy} />
        <title>{title}</title>
        <style dangerouslySetInnerHTML={{ __html: style }} />
      </head>
      <body>
        {body}
        {data === undefined ? null : (
          <>
            <DataBlock id="data" text={embedJson(data)} />
            <script dangerouslySetInnerHTML={{ __html: script }} />
          </>
        )}
      </body>
    </html>
  );
  return `<!doctype html>\n${renderToString(page)}\n`;
}

/** A block of data that no browser executes. @param text must not contain `<` */
export function DataBlock({ id, text }: { id: string; text: string }) {
  return <script id={id} type="application/json" dangerouslySetInnerHTML={{ __html: text }} />;
}

/** JSON without `<`, which could end the element that contains it. */
function embedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
