import { expect, test } from 'vitest';
import { type Finding, formatFindings } from '../../src/show/doctor.ts';

const plain = (text: string): string => text;
const paint = { bold: plain, green: plain, red: plain, yellow: plain };

test('findings are grouped by area, each with its fix', () => {
  const findings: Finding[] = [
    { area: 'booting', what: 'no KVM, VMs are emulated', state: 'advice', fix: 'turn it on' },
    { area: 'cutting', what: 'dracut: /usr/bin/dracut', state: 'ok' },
    {
      area: 'cutting',
      what: 'setpriv is missing',
      state: 'error',
      fix: 'apt install util-linux',
    },
    { area: 'booting', what: 'kernel: Linux 6.10.0', state: 'ok' },
  ];
  expect(formatFindings(findings, paint).join('\n')).toMatchInlineSnapshot(`
    "cutting
      ok      dracut: /usr/bin/dracut
      error   setpriv is missing
              apt install util-linux
    booting
      advice  no KVM, VMs are emulated
              turn it on
      ok      kernel: Linux 6.10.0
    networking"
  `);
});

test('ok is green, an error is red, advice is yellow', () => {
  const coloured = {
    bold: plain,
    green: (text: string) => `green(${text.trim()})`,
    red: (text: string) => `red(${text.trim()})`,
    yellow: (text: string) => `yellow(${text.trim()})`,
  };
  const states = ['ok', 'error', 'advice'] as const;
  const findings = states.map((state): Finding => ({ area: 'networking', what: 'x', state }));
  expect(formatFindings(findings, coloured).slice(-3)).toEqual([
    '  green(ok) x',
    '  red(error) x',
    '  yellow(advice) x',
  ]);
});
