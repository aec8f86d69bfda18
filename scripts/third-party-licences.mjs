// The licence texts of the npm packages whose code is in a bundle. Their licences require that a copy of the text
// goes with the code.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The directory of the package that a file belongs to; the innermost one, if packages are nested. */
const PACKAGE = /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;
const LICENCE_FILE = /^(licen[cs]e|copying|notice)\b/i;

/**
 * @param outputs as in esbuild's metafile
 * @param root the directory that paths in the metafile are relative to
 * @returns one text with the licences of all packages with code in the outputs, sorted by name
 * @throws Error that names a package without a licence text
 */
export function collectLicences(outputs, root) {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const packages = inputs
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => PACKAGE.exec(path) ?? []);
  const texts = [...new Set(packages)].map((path) => describePackage(join(root, path)));
  return `${[...new Set(texts)].sort().join(`\n${'-'.repeat(72)}\n\n`)}`;
}

function describePackage(directory) {
  const { name, version, license } = JSON.parse(
    readFileSync(join(directory, 'package.json'), 'utf8'),
  );
  const files = readdirSync(directory).filter((file) => LICENCE_FILE.test(file));
  if (files.length === 0) throw new Error(`${directory}: there is no licence text to bundle`);
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim());
  return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
}
