import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { refuseUnknownKeys } from '../../src/conf/conf.ts';
import { formatConfExample } from '../../src/conf/example.ts';
import { CONF_KEYS } from '../../src/conf/schema.ts';
import { readConf } from './read-conf.ts';

const example = formatConfExample();
const uncommented = example.replace(/^#(?=[A-Z_]+=|\[vm|\t)/gm, '');

test('rapido.conf.example matches the table of keys; `npx vitest run -u test/conf` writes it', async () => {
  const file = fileURLToPath(new URL('../../rapido.conf.example', import.meta.url));
  await expect(example).toMatchFileSnapshot(file);
});

test('it sets nothing unless it is edited', () => {
  const conf = readConf(example);
  expect(conf.entries.filter(({ origin }) => origin.from !== 'default')).toEqual([]);
  expect(conf.vmNumbers).toEqual([]);
});

test('with every line uncommented, it loads and sets every key to its default', () => {
  const conf = readConf(uncommented);
  refuseUnknownKeys(conf);
  const defaults = readConf('');
  for (const name of Object.keys(CONF_KEYS)) {
    expect(uncommented).toMatch(new RegExp(`^${name}=`, 'm'));
    // Their defaults need a KERNEL_SRC, a SSH_IDENTITY.
    if (name === 'KSELFTEST_DIR' || name === 'SSH_AUTHORIZED_KEY') continue;
    expect(conf.entry(name)?.value, name).toEqual(defaults.entry(name)?.value);
  }
  expect(conf.vmNumbers).toEqual([1, 2, 3]);
});

test('accepts every example line in it', () => {
  const lines = [...example.matchAll(/^# Example: (.*)$/gm)].map(([, line]) => line);
  const conf = readConf(lines.join('\n'));
  refuseUnknownKeys(conf);
  expect(conf.entries.filter(({ origin }) => origin.from === 'file').length).toBe(lines.length);
});

test('no line is longer than 79 columns', () => {
  expect(example.split('\n').filter((line) => line.length > 79)).toEqual([]);
});
