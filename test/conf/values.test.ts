import { describe, expect, expectTypeOf, test } from 'vitest';
import { findKeyProblems } from '../../src/conf/check-keys.ts';
import type { ConfKey, ConfKeyTable } from '../../src/conf/key.ts';
import type { PerTap } from '../../src/conf/network-values.ts';
import { CONF_KEYS, VM_KEYS } from '../../src/conf/schema.ts';
import { exampleValue, parseConfValue } from '../../src/conf/types.ts';
import { formatSize, parseSize, splitArguments } from '../../src/conf/values.ts';
import { readConf, refusal } from './read-conf.ts';

test('without settings, keys have their defaults', () => {
  const conf = readConf('');
  expect(
    Object.fromEntries(
      conf.entries.filter(({ text }) => text !== undefined).map(({ name, value }) => [name, value]),
    ),
  ).toMatchInlineSnapshot(`
    {
      "BR_ADDR": [
        "192.168.155.1/24",
      ],
      "BR_DEV": "rapido-br",
      "CEPH_MON_NAME": "a",
      "CEPH_RBD_IMAGE": "rapido_rbd",
      "CEPH_RBD_IMAGE_MB": 4096,
      "CEPH_RBD_POOL": "rbd",
      "CEPH_USER": "admin",
      "CIFS_SERVER": "rapido-server",
      "CIFS_SHARE": "scratch",
      "CIFS_USER": "rapido",
      "FSTESTS_FSTYP": "xfs",
      "FSTESTS_ZRAM_SIZE": 1073741824,
      "HOST_LEAVE_OUT": [
        "/boot",
        "/home",
        "/media",
        "/mnt",
        "/root",
      ],
      "IMAGE_DIR": "/home/me/.cache/rapido/images",
      "INITIATOR_DISCOVERY_ADDR": "rapido-server",
      "INITIATOR_IQNS": [
        "iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test",
        "iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test-2",
      ],
      "KERNEL_FORMAT": "auto",
      "LTP_DIR": "/opt/ltp",
      "NFS_SERVER": "rapido-server",
      "NFS_SHARE": "/export",
      "NVME_TARGET_NQN": "nqn.2003-01.org.linux-nvme:rapido",
      "NVME_TARGET_TCP": "rapido-server",
      "QEMU_EXTRA_ARGS": [
        "-nographic",
        "-device",
        "virtio-rng-pci",
      ],
      "RESULTS_KEEP": 50,
      "SSH_SERVER": "rapido-server",
      "SSH_USER": "root",
      "TARGET_IQN": "iqn.2003-01.org.linux-iscsi:rapido",
      "VM_ACCEL": "auto",
      "VM_CPUS": 2,
      "VM_MEMORY": 536870912,
      "VM_NET": "tap",
    }
  `);
  expect(conf.get('KERNEL_SRC')).toBeUndefined();
  expect(conf.get('DYN_DEBUG_MODULES')).toEqual([]);
  expect(conf.entry('BR_DEV')?.origin).toEqual({ from: 'default' });
});

test('the types of values follow from the table', () => {
  const conf = readConf('');
  expectTypeOf(conf.get('VM_CPUS')).toEqualTypeOf<number>();
  expectTypeOf(conf.get('VM_ACCEL')).toEqualTypeOf<'auto' | 'kvm' | 'tcg'>();
  expectTypeOf(conf.get('QEMU_EXTRA_ARGS')).toEqualTypeOf<readonly string[]>();
  expectTypeOf(conf.get('DYN_DEBUG_FILES')).toEqualTypeOf<readonly string[]>();
  expectTypeOf(conf.get('KERNEL_SRC')).toEqualTypeOf<string | undefined>();
  expectTypeOf(conf.get('KSELFTEST_DIR')).toEqualTypeOf<string | undefined>();
  expectTypeOf(conf.get('IMAGE_DIR')).toEqualTypeOf<string>();
  expectTypeOf(conf.get('BR_ADDR')).toEqualTypeOf<readonly string[] | undefined>();
  expectTypeOf(conf.vm(1).ADDRESS).toEqualTypeOf<readonly PerTap[] | undefined>();
  expectTypeOf(conf.vm(1).CPUS).toEqualTypeOf<number | undefined>();
});

describe('parses values', () => {
  test('sizes into bytes', () => {
    expect(readConf('VM_MEMORY=2G\nFSTESTS_ZRAM_SIZE=0').get('VM_MEMORY')).toBe(2 * 1024 ** 3);
    expect(['0', '4096', '64k', '512M', '2g', '1T', '1 G'].map(parseSize)).toEqual([
      0, 4096, 65536, 536870912, 2147483648, 1099511627776, 1073741824,
    ]);
    expect(['', 'M', '-1', '1.5G', '2GB', '0x10', '99999999T'].map(parseSize)).toEqual(
      Array(7).fill(undefined),
    );
    expect([0, 1000, 65536, 536870912, 3 * 1024 ** 3].map(formatSize)).toEqual([
      '0',
      '1000',
      '64K',
      '512M',
      '3G',
    ]);
  });

  test('lists of words, split at any white space', () => {
    expect(readConf('DYN_DEBUG_MODULES=" a\t b  \\\n\t c "').get('DYN_DEBUG_MODULES')).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  test.each([
    ['"-drive file=a,if=virtio -s"', ['-drive', 'file=a,if=virtio', '-s']],
    ['\'-append "a b" -s\'', ['-append', 'a b', '-s']],
    ['"-append \\"a b\\" -s"', ['-append', 'a b', '-s']],
    ['"-append \'a b\'"', ['-append', 'a b']],
    [' -append "a # b" -s # note', ['-append', 'a # b', '-s']],
    [' -append a\\ b', ['-append', 'a b']],
    [
      "'-x *.img a;b c&d #e $HOME ${X} (f) <g>'",
      ['-x', '*.img', 'a;b', 'c&d', '#e', '$HOME', '${X}', '(f)', '<g>'],
    ],
    ['"-nographic\n -s"', ['-nographic', '-s']],
    ['-s', ['-s']],
  ])('arguments, split as a shell does and not expanded: %s', (written, args) => {
    expect(readConf(`QEMU_EXTRA_ARGS=${written}`).get('QEMU_EXTRA_ARGS')).toEqual(args);
  });

  test('rejects an argument list with an unclosed quote', () => {
    expect(splitArguments('a "b')).toBeUndefined();
    expect(splitArguments("it's")).toBeUndefined();
    expect(splitArguments("a ' \" ' b")).toEqual(['a', ' " ', 'b']);
  });

  test('paths: ~/ is the home directory, relative paths are relative to the conf file', () => {
    const conf = readConf(
      'KERNEL_SRC="~/linux"\nCUT_DIR=cuts/mine\nCEPH_SRC=~\nSAMBA_SRC=/a/../b/',
    );
    expect(conf.get('KERNEL_SRC')).toBe('/home/me/linux');
    expect(conf.get('CUT_DIR')).toBe('/project/cuts/mine');
    expect(conf.get('CEPH_SRC')).toBe('/home/me');
    expect(conf.get('SAMBA_SRC')).toBe('/b');
  });

  test('public keys: the text of one, or a file of public keys that contains no private key', () => {
    const read = (text: string) =>
      readConf(`SSH_AUTHORIZED_KEY="${text}"`).get('SSH_AUTHORIZED_KEY');
    for (const key of ['ssh-ed25519 AAAAC3 me@laptop', 'restrict ecdsa-sha2-nistp256 AAAAE2']) {
      expect(read(key)).toBe(key);
    }
    expect(read('~/.ssh/id.pub')).toBe('/home/me/.ssh/id.pub');
    expect(read('authorized_keys')).toBe('/project/authorized_keys');
    expect(refusal('SSH_AUTHORIZED_KEY="~/.ssh/id_ed25519"')).toContain(
      '"/home/me/.ssh/id_ed25519": expected an ssh public key',
    );
    expect(readConf('SSH_IDENTITY=/keys/id').get('SSH_AUTHORIZED_KEY')).toBe('/keys/id.pub');
    expect(readConf('').get('SSH_AUTHORIZED_KEY')).toBeUndefined();
  });

  test('an empty list is a list, an empty BR_ADDR is no address, any other empty value means the default', () => {
    const conf = readConf('QEMU_EXTRA_ARGS=""\nBR_ADDR=""\nBR_DEV=""\nKERNEL_SRC=""');
    expect(conf.get('QEMU_EXTRA_ARGS')).toEqual([]);
    expect(conf.get('BR_ADDR')).toBeUndefined();
    expect(conf.get('BR_DEV')).toBe('rapido-br');
    expect(conf.get('KERNEL_SRC')).toBeUndefined();
    expect(conf.entry('BR_ADDR')?.origin).toEqual({
      from: 'file',
      file: '/project/rapido.conf',
      line: 2,
    });
    expect(conf.entry('BR_DEV')?.origin).toEqual({ from: 'default' });
  });
});

describe('the environment', () => {
  test('overrides the file; its paths are relative to the current directory', () => {
    const conf = readConf('KERNEL_SRC=/a\nVM_CPUS=4\nTAP_USER=me', {
      env: { KERNEL_SRC: 'linux', VM_CPUS: '8', TAP_USER: '' },
    });
    expect(conf.get('KERNEL_SRC')).toBe('/project/deep/linux');
    expect(conf.get('VM_CPUS')).toBe(8);
    expect(conf.entry('VM_CPUS')?.origin).toEqual({ from: 'environment' });
    expect(conf.get('TAP_USER')).toBe('me');
  });

  test('is used as it is, without expansion and unquoting', () => {
    const env = { BLKTESTS_AUTORUN_CMD: 'echo "$HOME" `date`' };
    expect(readConf('', { env }).get('BLKTESTS_AUTORUN_CMD')).toBe('echo "$HOME" `date`');
  });

  test('is validated, too', () => {
    expect(refusal('', { env: { VM_CPUS: 'many' } })).toMatchInlineSnapshot(
      `"environment: VM_CPUS: "many" is not a positive integer"`,
    );
  });
});

test('uses the defaults of the XDG specification; ignores relative XDG directories', () => {
  expect(readConf('', { env: { XDG_CACHE_HOME: '/c' } }).get('IMAGE_DIR')).toBe('/c/rapido/images');
  expect(readConf('', { env: { XDG_CACHE_HOME: 'c' } }).get('IMAGE_DIR')).toBe(
    '/home/me/.cache/rapido/images',
  );
});

test('a wrong type: file, line, key, value, expected type and an example', () => {
  const lines = [
    'VM_CPUS = many',
    'VM_CPUS = 0',
    'VM_MEMORY = 1024',
    'VM_MEMORY = lots',
    'VM_ACCEL = fast',
    'BR_DEV = a-very-long-bridge-name',
    'BR_IF = eth0/1',
    'BR_ADDR = 192.168.155.1',
    'QEMU_EXTRA_ARGS = "-append \'a b"',
    'CEPH_RBD_IMAGE_MB = 4G',
    'SAMBA_SRC = ~you/samba',
  ];
  expect(lines.map((line) => refusal(line)).join('\n')).toMatchInlineSnapshot(`
    "rapido.conf:1: VM_CPUS: "many" is not a positive integer
    rapido.conf:1: VM_CPUS: "0" is not a positive integer
    rapido.conf:1: VM_MEMORY: "1024" is 1024 bytes, less than 16M (did you mean 1024M?)
    rapido.conf:1: VM_MEMORY: "lots": expected a size in bytes or with a unit (64k, 512M, 2G, 1T), 16M or more, for example VM_MEMORY="2G"
    rapido.conf:1: VM_ACCEL: "fast": expected auto, kvm or tcg, for example VM_ACCEL="auto"
    rapido.conf:1: BR_DEV: "a-very-long-bridge-name": expected a network interface name of at most 15 letters, digits, ".", "_" or "-", for example BR_DEV="rapido-br"
    rapido.conf:1: BR_IF: "eth0/1": expected a network interface name of at most 15 letters, digits, ".", "_" or "-", for example BR_IF="eth1"
    rapido.conf:1: BR_ADDR: "192.168.155.1": expected IP addresses with prefix lengths, for example BR_ADDR="192.168.155.1/24, fd00:155::1/64"
    rapido.conf:1: QEMU_EXTRA_ARGS: "-append 'a b": expected arguments separated by blanks, with every quote closed, for example QEMU_EXTRA_ARGS="-nographic -gdb tcp:127.0.0.1:1234"
    rapido.conf:1: CEPH_RBD_IMAGE_MB: "4G" is not a positive integer (MiB)
    rapido.conf:1: SAMBA_SRC: "~you/samba": only ~/ is expanded, not another user's home directory; write an absolute path"
  `);
});

describe('keys that cuts add', () => {
  const extraKeys = {
    MY_TESTS: { type: 'path', meaning: 'Where my tests are.' },
    MY_LEVEL: { type: 'enum', values: ['quick', 'full'], meaning: 'How much.', default: 'quick' },
    MY_SWITCH: { type: 'boolean', meaning: 'On or off.' },
    MY_TOKEN: { type: 'string', secret: true, meaning: 'Not for others.' },
  } as const satisfies ConfKeyTable;

  test('are read and parsed like all others', () => {
    const conf = readConf('MY_TESTS=${KERNEL_SRC}/tests\nMY_SWITCH=Yes', {
      extraKeys,
      env: { KERNEL_SRC: '/linux' },
    });
    expect(conf.entry('MY_TESTS')?.value).toBe('/linux/tests');
    expect(conf.entry('MY_LEVEL')?.value).toBe('quick');
    expect(conf.entry('MY_SWITCH')?.value).toBe(true);
    expect(conf.unknown).toEqual([]);
  });

  test('are validated; a secret is not shown', () => {
    expect(refusal('MY_LEVEL=slow\nMY_SWITCH=perhaps', { extraKeys })).toMatchInlineSnapshot(`
      "rapido.conf:1: MY_LEVEL: "slow": expected quick or full, for example MY_LEVEL="quick"
      rapido.conf:2: MY_SWITCH: "perhaps": expected yes or no, for example MY_SWITCH="yes""
    `);
    const secretNumber: ConfKeyTable = {
      MY_PIN: { type: 'integer', secret: true, meaning: 'A PIN.' },
    };
    expect(refusal('MY_PIN=hunter2', { extraKeys: secretNumber })).toMatchInlineSnapshot(
      `"rapido.conf:1: MY_PIN: (not shown) is not an integer, 0 or more"`,
    );
  });

  test('must have new names and defaults of their own type', () => {
    const wrong: ConfKeyTable = {
      KERNEL_SRC: { type: 'path', meaning: 'x' },
      myTests: { type: 'path', meaning: 'x' },
      MY_COUNT: { type: 'integer', meaning: 'x', default: 'some', example: '3' },
      MY_LEVEL: { type: 'enum', values: ['a', 'b'], meaning: 'x', example: 'c' },
      MY_ENUM: { type: 'enum', meaning: 'x' } as unknown as ConfKey,
      MY_PATH: { type: 'path', meaning: 'x', default: '${KERNEL_SRC}/x' },
    };
    expect(findKeyProblems(wrong)).toMatchInlineSnapshot(`
      [
        "KERNEL_SRC: rapido already has a key with this name",
        "myTests: a key consists of capital letters, digits and _",
        "MY_COUNT: its default "some" is not valid, expected an integer, 0 or more",
        "MY_LEVEL: its example "c" is not valid, expected a or b",
        "MY_ENUM: an enum needs values",
      ]
    `);
  });
});

test('every default and example in the table of keys has the type of its key', () => {
  const renamed = Object.entries({ ...CONF_KEYS, ...VM_KEYS }).map(([name, key]) => [
    `MY_${name}`,
    key,
  ]);
  expect(findKeyProblems(Object.fromEntries(renamed))).toEqual([]);
});

test('accepts every example in a type error', () => {
  for (const key of Object.values({ ...CONF_KEYS, ...VM_KEYS }) as ConfKey[]) {
    const example = exampleValue(key);
    if (example === undefined || key.type === 'path' || key.type === 'publicKeys') continue;
    expect(parseConfValue(key, example), example).toBeDefined();
  }
});
