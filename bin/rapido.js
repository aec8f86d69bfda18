#!/usr/bin/env node
import('../dist/cli.js').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.message).includes('cli.js'))
    throw error;
  console.error('rapido: error: this checkout is not built\n  hint: run `npm run build` in it');
  process.exitCode = 2;
});
