#!/usr/bin/env node
// What npm installs as `rapido`: loads the built command line and sets the exit status. Node itself exits with 1
// where nothing catches an error, and `git bisect run` takes that for a bad commit: no path may leave it to Node.
// Written for any Node since version 10, as one that is too old has to understand it to say so.
'use strict';

// biome-ignore lint/style/useNodejsImportProtocol: old versions of Node do not know it
const { accessSync, existsSync } = require('fs');

/** As `engines` of package.json has it. */
const OLDEST_NODE = '20.12';
const CHECKOUT = __dirname.replace(/\/bin$/, '');
const DIST = `${CHECKOUT}/dist`;

const argv = process.argv.slice(2);
let isOver = false;

/** Reports an error; dist/cli.js has a better one. @returns the exit status */
let fail = (error) => {
  console.error(`rapido: error: ${explain(error)}`);
  // As src/results/bisect.ts has it.
  const end = argv.indexOf('--');
  const own = end === -1 ? argv : argv.slice(0, end);
  if (own.includes('--bisect')) return 128;
  return own.includes('run') || own.includes('exec') ? 125 : 70;
};

function explain(error) {
  if (isTooOld(process.versions.node)) {
    const { version, execPath } = process;
    return `rapido needs Node ${OLDEST_NODE} or newer; this is ${version} (${execPath})\n  hint: https://nodejs.org`;
  }
  const { code, path, message = String(error) } = Object(error);
  if (code === 'ERR_MODULE_NOT_FOUND') return explainMissing(`${DIST}/cli.js`);
  if (path !== undefined) return `${path}: ${describe(message)}`;
  return `${DIST} cannot be loaded: ${message}${hint()}`;
}

/** What was installed as a package has no scripts. */
function hint() {
  const setup = `${CHECKOUT}/scripts/setup`;
  return `\n  hint: ${existsSync(setup) ? setup : 'install it again'}`;
}

/** Node says of a file in a directory that may not be searched that it does not exist. */
function explainMissing(path) {
  try {
    accessSync(path);
  } catch (error) {
    if (error.code !== 'ENOENT') return `${path}: ${describe(error.message)}`;
  }
  return `${CHECKOUT} is not built${hint()}`;
}

/** "EACCES: permission denied, open '/path'" without the path. */
function describe(message) {
  return message.replace(/, \w+ '.*/s, '');
}

function isTooOld(version) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE.split('.').map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

function end(error) {
  isOver = true;
  let status = 128;
  try {
    status = fail(error);
  } catch (_) {
    // An error in here would end the process with Node's status.
  }
  process.exit(status);
}

process.on('uncaughtException', end);
process.on('beforeExit', () => {
  if (!isOver)
    end(new Error('rapido ended before its work was done: nothing was left to wait for'));
});

if (isTooOld(process.versions.node)) end();
import('../dist/cli.js')
  .then((cli) => {
    fail = (error) => cli.fail(error, argv);
    return cli.main(argv);
  })
  .then((status) => {
    isOver = true;
    process.exitCode = status;
  })
  .catch(end);
