import { expect, test } from 'vitest';
import { explainConf } from '../../src/conf/explain.ts';
import { formatRows } from '../../src/show/conf.ts';
import { readConf } from '../conf/read-conf.ts';

const paint = { bold: (text: string) => `<b>${text}</b>`, dim: (text: string) => `<i>${text}</i>` };

test('shows each key with its value and source, and highlights what is set', () => {
  const conf = readConf('KERNEL_SRC="/linux"\nCIFS_PW="secret"\n', { env: { VM_CPUS: '4' } });
  const rows = explainConf(conf).filter(({ key }) =>
    ['KERNEL_SRC', 'KERNEL_RELEASE', 'CIFS_PW', 'VM_CPUS'].includes(key),
  );
  expect(formatRows(rows, paint).join('\n')).toMatchInlineSnapshot(`
    "<b>KERNEL_SRC    </b> = /linux  <i>(rapido.conf:1)</i>
    KERNEL_RELEASE =   <i>(default)</i>
    <b>VM_CPUS       </b> = 4  <i>(environment)</i>
    <b>CIFS_PW       </b> = ********  <i>(rapido.conf:2)</i>"
  `);
});

test('shows advice about a key below it', () => {
  const row = { key: 'OLD', group: '', value: '1', origin: 'rapido.conf:3', meaning: '' };
  expect(formatRows([{ ...row, advice: 'Use NEW.' }], paint)).toEqual([
    '<b>OLD</b> = 1  <i>(rapido.conf:3)  Use NEW.</i>',
  ]);
});

test('prints nothing for no rows', () => {
  expect(formatRows([], paint)).toEqual([]);
});
