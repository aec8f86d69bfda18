#!/usr/bin/env node
// The program that npm installs as `rapido`: loads the built command line and sets the exit status. For an
// uncaught error, Node exits with 1, which `git bisect run` takes as a bad commit, so all errors are caught here.
// The syntax is that of Node 10, so that a Node that is too old can report it.
'use strict';

// biome-ignore lint/style/useNodejsImportProtocol: old versions of Node do not support it
const { accessSync, existsSync } = require('fs');

/** As in `engines` of package.json. */
const OLDEST_NODE = '20.12';
const CHECKOUT = __dirname.replace(/\/bin$/, '');
const DIST = `${CHECKOUT}/dist`;

const argv = process.argv.slice(2);
let isOver = false;

/** Reports an error; replaced by the function of dist/cli.js once it is loaded. @returns the exit status */
let fail = (error) => {
  console.error(`rapido: error: ${explain(error)}`);
  // The same statuses as in src/results/bisect.ts.
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

/** An installed package has no scripts. */
function hint() {
  const setup = `${CHECKOUT}/scripts/setup`;
  return `\n  hint: ${existsSync(setup) ? setup : 'install it again'}`;
}

/** If a directory may not be searched, Node reports that the file does not exist. */
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
    // An error in `fail` would end the process with Node's status.
  }
  process.exit(status);
}

process.on('uncaughtException', end);
process.on('beforeExit', () => {
  if (!isOver) end(new Error('internal error: the event loop ended before the command finished'));
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
