import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CHECKOUT } from './support/workspace.ts';

/** A package in package-lock.json. */
interface LockedPackage {
  resolved?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const read = (name: string) => JSON.parse(readFileSync(join(CHECKOUT, name), 'utf8'));

/** By path: `node_modules/A/node_modules/B`; '' is the checkout. */
const packages: Readonly<Record<string, LockedPackage>> = read('package-lock.json').packages;

/** Whether Node finds the dependency of a package: below it, or below one of the packages around it. */
function isLocked(dependency: string, path: string): boolean {
  const place = path === '' ? '' : `${path}/`;
  if (`${place}node_modules/${dependency}` in packages) return true;
  return (
    path !== '' &&
    isLocked(dependency, path.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, ''))
  );
}

// If npm makes the file from the installed packages, those of other platforms are not in it, and `npm ci` of npm 11
// fails on every platform. `npm install --package-lock-only` adds them.
test('package-lock.json has every dependency, including those of other platforms', () => {
  const missing = Object.entries(packages).flatMap(([path, locked]) =>
    Object.keys({
      ...locked.dependencies,
      ...locked.devDependencies,
      ...locked.optionalDependencies,
    }).flatMap((name) => (isLocked(name, path) ? [] : [`${path}: ${name}`])),
  );
  expect(missing).toEqual([]);
});

test('package-lock.json belongs to package.json, and names no registry', () => {
  const { dependencies, devDependencies } = read('package.json');
  expect(packages['']).toMatchObject({ dependencies, devDependencies });
  expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});
