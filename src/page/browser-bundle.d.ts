/** A module of `browser/` with everything that it imports, bundled for browsers: scripts/browser-bundle.mjs. */
declare module '*?browser' {
  const bundle: { script: string; style: string };
  export default bundle;
}
