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
    "rapido.conf:2: unknown key KERNEL_SCR (did you mean KERNEL_SRC?)
    rapido.conf:3: unknown key KERNEL_SOURCE (did you mean KERNEL_SRC?)
    rapido.conf:4: unknown key kernel_src (did you mean KERNEL_SRC? Keys are in upper case)
    rapido.conf:5: unknown key MEMORY outside a VM section; write it below a line [vm1]
    rapido.conf:6: unknown key COLOUR; \`rapido conf\` lists all keys, and a cut can define more
    rapido.conf:7: unknown key QEMU_ARGS; \`rapido conf\` lists all keys, and a cut can define more"
  `);
});

test('names that every object has are not keys', () => {
  expect(unknown('constructor=a\n__proto__=b\ntoString=c')).toMatchInlineSnapshot(`
    "rapido.conf:1: unknown key constructor; \`rapido conf\` lists all keys, and a cut can define more
    rapido.conf:2: unknown key __proto__; \`rapido conf\` lists all keys, and a cut can define more
    rapido.conf:3: unknown key toString; \`rapido conf\` lists all keys, and a cut can define more"
  `);
});

test('says what replaces keys of early versions of the original tool', () => {
  expect(
    unknown('MAC_ADDR1=a\nIP_ADDR2=b\nIP_ADDR1_DHCP=1\nHOSTNAME1=a\nTAP_DEV0=t'),
  ).toMatchInlineSnapshot(`
    "rapido.conf:1: unknown key MAC_ADDR1; VM keys are now in sections: write [vm1], and below that MAC="…"
    rapido.conf:2: unknown key IP_ADDR2; VM keys are now in sections: write [vm2], and below that ADDRESS="…"
    rapido.conf:3: unknown key IP_ADDR1_DHCP; VM keys are now in sections: write [vm1], and below that ADDRESS="dhcp"
    rapido.conf:4: unknown key HOSTNAME1; VM keys are now in sections: write [vm1], and below that HOSTNAME="…"
    rapido.conf:5: unknown key TAP_DEV0; VM keys are now in sections: write [vm1], and below that TAP="…""
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
      "rapido.conf:2: unknown key MY_TSETS (did you mean MY_TESTS?)",
    ]
  `);
  expect(withKeys(conf, extraKeys).entry('MY_TESTS')?.value).toBe('/project/tests');
  expect(withKeys(conf, extraKeys).get('CEPH_SRC')).toBe('/project/tests/ceph');
});

test('accepts a file of known keys', () => {
  expect(() => refuseUnknownKeys(readConf('KERNEL_SRC=/a\n[vm1]\nTAP=t'))).not.toThrow();
});
