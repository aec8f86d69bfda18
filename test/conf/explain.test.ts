import { expect, test } from 'vitest';
import { confToJson, explainConf } from '../../src/conf/explain.ts';
import { readConf } from './read-conf.ts';

const conf = readConf(
  'KERNEL_SRC=~/linux\nVM_MEMORY=1G\nCIFS_PW="hunter2"\nCIFS_MOUNT_OPTS="vers=3,password=${CIFS_PW}"\n' +
    'NFS_MOUNT_OPTS="pass=x,soft"\nDRACUT_EXTRA_ARGS="--x a=hunter2"\nVM_NET_CONF=net\n[vm1]\nADDRESS=dhcp\nCPUS=4\n',
  { env: { VM_CPUS: '8' } },
);

test('shows the value of each key and its source', () => {
  const rows = explainConf(conf);
  const brief = ({ key, value, origin }: (typeof rows)[number]) => `${key} = ${value} (${origin})`;
  expect(
    rows
      .filter(({ origin }) => origin !== 'default')
      .map(brief)
      .join('\n'),
  ).toMatchInlineSnapshot(`
    "KERNEL_SRC = /home/me/linux (rapido.conf:1)
    VM_CPUS = 8 (environment)
    VM_MEMORY = 1G (rapido.conf:2)
    DRACUT_EXTRA_ARGS = --x a=******** (rapido.conf:6)
    VM_NET_CONF = /project/net (rapido.conf:7)
    CIFS_MOUNT_OPTS = vers=3,password=******** (rapido.conf:4)
    CIFS_PW = ******** (rapido.conf:3)
    NFS_MOUNT_OPTS = pass=********,soft (rapido.conf:5)
    [vm1] ADDRESS = dhcp (rapido.conf:9)
    [vm1] CPUS = 4 (rapido.conf:10)"
  `);
  expect(rows.find(({ key }) => key === 'BR_DEV')).toMatchInlineSnapshot(`
    {
      "group": "Network on the host",
      "key": "BR_DEV",
      "meaning": "The bridge that \`rapido setup-network\` creates.",
      "origin": "default",
      "value": "rapido-br",
    }
  `);
  expect(rows.find(({ key }) => key === 'LTP_AUTORUN_CMD')?.advice).toMatchInlineSnapshot(
    `"Give the command to \`rapido cut\` with -x or -f instead."`,
  );
  expect(rows.find(({ key }) => key === 'KERNEL_RELEASE')?.value).toBe('');
});

test('shows no secret in the rows or in the JSON', () => {
  expect(JSON.stringify([explainConf(conf), confToJson(conf)])).not.toContain('hunter2');
});

test('as JSON, values have types and sources are objects', () => {
  const { file, keys, vms, warnings } = confToJson(conf);
  expect(file).toBe('/project/rapido.conf');
  expect(keys).toMatchObject({
    VM_MEMORY: {
      value: 1024 ** 3,
      origin: { from: 'file', file: '/project/rapido.conf', line: 2 },
    },
    VM_CPUS: { value: 8, origin: { from: 'environment' } },
    CIFS_PW: { value: '********' },
    KERNEL_RELEASE: { value: null, origin: { from: 'default' } },
    QEMU_EXTRA_ARGS: { value: ['-nographic', '-device', 'virtio-rng-pci'] },
  });
  expect(vms).toMatchObject({
    '1': { ADDRESS: { value: [{ value: 'dhcp' }] }, CPUS: { value: 4 } },
  });
  expect(warnings).toEqual([]);
  const twice = readConf('VM_CPUS=1\nVM_CPUS=2\n');
  expect(confToJson(twice).warnings).toMatchInlineSnapshot(`
    [
      "rapido.conf:2: VM_CPUS is set twice: this line overrides line 1",
    ]
  `);
});

test('without a file, none is named', () => {
  expect(confToJson({ ...conf, source: undefined }).file).toBeNull();
});
