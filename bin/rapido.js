#!/usr/bin/env node
// What npm installs as `rapido`: loads the built command line, nothing else.
try {
  const { main } = await import('../dist/cli.js');
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes('dist/cli.js')) throw error;
  console.error('rapido: error: this checkout is not built\n  hint: npm run build');
  // git bisect must not take this for a bad commit.
  process.exitCode = process.argv.includes('--bisect') ? 128 : 2;
}
