// `import bundle from './main.tsx?browser'` gives the script and the style sheet of a page as text: main.tsx with
// everything that it imports, bundled for browsers. A plugin each for esbuild (dist/) and for vitest (the tests run
// the sources).

import { dirname, extname, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const QUERY = '?browser';

/** @returns the source of a module whose default export is { script, style } */
async function bundleForBrowser(path) {
  const { outputFiles } = await build({
    entryPoints: [path],
    outdir: dirname(path),
    write: false,
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    // Browsers since 2023, which can unpack gzip (DecompressionStream).
    target: ['es2022', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
  });
  const textOf = (extension) =>
    outputFiles.find((file) => extname(file.path) === extension)?.text.trim() ?? '';
  const bundle = { script: textOf('.js'), style: textOf('.css') };
  return `export default ${JSON.stringify(bundle)};`;
}

/** For esbuild. */
export const browserBundles = {
  name: 'browser-bundles',
  setup({ initialOptions: { absWorkingDir: root }, onResolve, onLoad }) {
    // The path gets into the bundle, so it must not contain that of the checkout.
    onResolve({ filter: /\?browser$/ }, ({ path, resolveDir }) => ({
      path: relative(root, resolve(resolveDir, path.slice(0, -QUERY.length))),
      namespace: 'browser-bundle',
    }));
    onLoad({ filter: /./, namespace: 'browser-bundle' }, async ({ path }) => ({
      contents: await bundleForBrowser(resolve(root, path)),
      loader: 'js',
    }));
  },
};

/** For vite. The name of a module that begins with NUL is left alone by other plugins. */
export const browserBundlesInTests = {
  name: 'browser-bundles',
  enforce: 'pre',
  resolveId(id, importer) {
    if (!id.endsWith(QUERY) || importer === undefined) return undefined;
    return `\0browser-bundle:${resolve(dirname(importer), id.slice(0, -QUERY.length))}.js`;
  },
  load(id) {
    const [, path] = /^\0browser-bundle:(.*)\.js$/.exec(id) ?? [];
    return path === undefined ? undefined : bundleForBrowser(path);
  },
};
