import { expect, test } from 'vitest';
import { refuseUnknownKeys, withKeys } from '../../src/conf/conf.ts';
import { problemsOf, readConf } from './read-conf.ts';

const unknown = (text: string) => problemsOf(() => refuseUnknownKeys(readConf(text))).join('\n');

test('rejects an unknown key with its line and the nearest known key', () => {
  expect(
    unknown(
      'BR_DEV=a\nKERNEL_SCR=/a\nKERNEL_SOURCE=/a\nkernel_src=/a\nMEMORY=2G\nCOLOUR=red\nQEMU_ARGS=x',
    ),
  ).toMatchInlineSnapshot(`
    "rapido.conf:2: unknown conf key KERNEL_SCR. Did you mean KERNEL_SRC?
    rapido.conf:3: unknown conf key KERNEL_SOURCE. Did you mean KERNEL_SRC?
    rapido.conf:4: unknown conf key kernel_src. Did you mean KERNEL_SRC? Keys are in upper case
    rapido.conf:5: unknown conf key MEMORY. It is a key of a VM section: write it below a line [vm1]
    rapido.conf:6: unknown conf key COLOUR. \`rapido conf\` lists all keys; a key of your own must be defined by a cut
    rapido.conf:7: unknown conf key QEMU_ARGS. \`rapido conf\` lists all keys; a key of your own must be defined by a cut"
  `);
});

test('names that every object has are not keys', () => {
  expect(unknown('constructor=a\n__proto__=b\ntoString=c')).toMatchInlineSnapshot(`
    "rapido.conf:1: unknown conf key constructor. \`rapido conf\` lists all keys; a key of your own must be defined by a cut
    rapido.conf:2: unknown conf key __proto__. \`rapido conf\` lists all keys; a key of your own must be defined by a cut
    rapido.conf:3: unknown conf key toString. \`rapido conf\` lists all keys; a key of your own must be defined by a cut"
  `);
});

test('says what replaces keys of early versions of the original tool', () => {
  expect(
    unknown('MAC_ADDR1=a\nIP_ADDR2=b\nIP_ADDR1_DHCP=1\nHOSTNAME1=a\nTAP_DEV0=t'),
  ).toMatchInlineSnapshot(`
    "rapido.conf:1: unknown conf key MAC_ADDR1. Keys of a VM are now in its section: write [vm1], and below it MAC="…"
    rapido.conf:2: unknown conf key IP_ADDR2. Keys of a VM are now in its section: write [vm2], and below it ADDRESS="…"
    rapido.conf:3: unknown conf key IP_ADDR1_DHCP. Keys of a VM are now in its section: write [vm1], and below it ADDRESS="dhcp"
    rapido.conf:4: unknown conf key HOSTNAME1. Keys of a VM are now in its section: write [vm1], and below it HOSTNAME="…"
    rapido.conf:5: unknown conf key TAP_DEV0. Keys of a VM are now in its section: write [vm1], and below it TAP="…""
  `);
});

test('a key of a cut is unknown until the cut is loaded, and then has a type', () => {
  const conf = readConf('MY_TESTS = tests\nMY_TSETS = x\nCEPH_SRC = ${MY_TESTS}/ceph\n');
  const extraKeys = { MY_TESTS: { type: 'path', meaning: 'Where my tests are.' } } as const;
  expect(conf.unknown).toEqual([
    { name: 'MY_TESTS', line: 1 },
    { name: 'MY_TSETS', line: 2 },
  ]);
  expect(conf.entry('MY_TESTS')).toBeUndefined();
  expect(problemsOf(() => refuseUnknownKeys(conf, extraKeys))).toMatchInlineSnapshot(`
    [
      "rapido.conf:2: unknown conf key MY_TSETS. Did you mean MY_TESTS?",
    ]
  `);
  expect(withKeys(conf, extraKeys).entry('MY_TESTS')?.value).toBe('/project/tests');
  expect(withKeys(conf, extraKeys).get('CEPH_SRC')).toBe('/project/tests/ceph');
});

test('accepts a file of known keys', () => {
  expect(() => refuseUnknownKeys(readConf('KERNEL_SRC=/a\n[vm1]\nTAP=t'))).not.toThrow();
});
