import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quoteConfValue } from '../../src/conf/quote.ts';
import { formatCommandLine } from '../../src/sys/command-line.ts';
import { readConf } from './read-conf.ts';

/** The value that `KERNEL_RELEASE<text>` gives: a key whose text is taken as it is. */
function readValue(text: string, env?: Record<string, string>): string | undefined {
  return readConf(`KERNEL_RELEASE${text}\n`, env === undefined ? {} : { env }).get(
    'KERNEL_RELEASE',
  );
}

describe('reads a value', () => {
  test.each([
    ['="6.1"', '6.1'],
    ["='6.1'", '6.1'],
    ['=6.1', '6.1'],
    [' = 6.1', '6.1'],
    ['\t=\t6.1 \t', '6.1'],
    [' = several plain words', 'several plain words'],
    ['="6"\'.\'1', '6.1'],
    ['=6."1 beta"', '6.1 beta'],
    ['=with\\ blank', 'with blank'],
    ['="a \\"quoted\\" word"', 'a "quoted" word'],
    ['=\'a "quoted" word\'', 'a "quoted" word'],
    ['="back\\\\slash \\n"', 'back\\slash \\n'],
    ["='back\\slash'", 'back\\slash'],
    ['=1G', '1G'],
    ['=true', 'true'],
    ['="true"', 'true'],
    ['=null', 'null'],
    ['=007', '007'],
    ['=a=b', 'a=b'],
    ['="[not a section]"', '[not a section]'],
    ['="größer 日本"', 'größer 日本'],
  ])('KERNEL_RELEASE%s gives %j', (text, value) => {
    expect(readValue(text)).toBe(value);
  });

  test.each([
    ['="6.1" # note', '6.1'],
    ['=6.1 # note', '6.1'],
    [' = two words # note', 'two words'],
    ["='6.1'\t# it's a note", '6.1'],
    ['="6 # 1"', '6 # 1'],
    ['=6#1', '6#1'],
    [' = a #1', 'a'],
    [' = a \\#1', 'a #1'],
  ])('KERNEL_RELEASE%s gives %j: a comment begins after a blank', (text, value) => {
    expect(readValue(text)).toBe(value);
  });

  test('an empty value, also before a comment, means not set', () => {
    for (const text of ['=', '=""', "=''", ' = # 6.1']) expect(readValue(text)).toBeUndefined();
  });

  test('ignores blank lines and lines that begin with # or ;', () => {
    const conf = readConf('# a\n  ; b "\n\n\t\n#BR_DEV="x\nBR_DEV=br7\n');
    expect(conf.get('BR_DEV')).toBe('br7');
    expect(conf.warnings).toEqual([]);
  });

  test('accepts a byte order mark, CRLF and a missing newline at the end', () => {
    const conf = readConf('\uFEFFBR_DEV="br7"\r\nDYN_DEBUG_MODULES="a \\\r\n  b"\r\nTAP_USER=me');
    expect(conf.get('BR_DEV')).toBe('br7');
    expect(conf.get('DYN_DEBUG_MODULES')).toEqual(['a', 'b']);
    expect(conf.get('TAP_USER')).toBe('me');
    expect(conf.entry('TAP_USER')?.origin).toMatchObject({ line: 4 });
  });
});

describe('a long value', () => {
  test.each([
    ['="one \\\n\t\ttwo"', 'one \t\ttwo'],
    ['=one\\\ntwo', 'onetwo'],
    [' = one \\\n  two', 'one   two'],
    ['=\\\n  one', 'one'],
    ['="one" \\\n # note', 'one'],
    ['="one \\\nIT=two"', 'one IT=two'],
    // The original tool joins these too.
    ['="one\n two"', 'one\n two'],
  ])('continues on the next line: KERNEL_RELEASE%j gives %j', (text, value) => {
    expect(readValue(text)).toBe(value);
  });

  test('is one line for comments and two for line numbers', () => {
    const conf = readConf('DYN_DEBUG_MODULES="a \\\n# \\\n b" # note\nBR_DEV=br7\n');
    expect(conf.get('DYN_DEBUG_MODULES')).toEqual(['a', '#', 'b']);
    expect(conf.entry('BR_DEV')?.origin).toEqual({
      from: 'file',
      file: '/project/rapido.conf',
      line: 4,
    });
  });
});

describe('${NAME} expands to', () => {
  test('a key set above', () => {
    const conf = readConf('TAP_USER=me\nBR_DEV="$TAP_USER-${TAP_USER}"\nBR_IF=${TAP_USER}0');
    expect(conf.get('BR_DEV')).toBe('me-me');
    expect(conf.get('BR_IF')).toBe('me0');
  });

  test('the default of a key', () => {
    expect(readConf('BR_IF=${BR_DEV}').get('BR_IF')).toBe('rapido-br');
  });

  test('the same key as set before, or by default', () => {
    const conf = readConf(
      'QEMU_EXTRA_ARGS="${QEMU_EXTRA_ARGS} -s"\nTAP_USER=a\nTAP_USER=${TAP_USER}b',
    );
    expect(conf.get('QEMU_EXTRA_ARGS')).toEqual(['-nographic', '-device', 'virtio-rng-pci', '-s']);
    expect(conf.get('TAP_USER')).toBe('ab');
    expect(conf.warnings).toEqual([]);
  });

  test('RAPIDO_DIR, HOME and any environment variable', () => {
    const conf = readConf('CEPH_SRC="${RAPIDO_DIR}/a"\nSAMBA_SRC=$HOME/b\nLKL_SRC="$BUILDS/c"', {
      env: { BUILDS: '/builds', RAPIDO_DIR: '/not/this' },
    });
    expect(conf.get('CEPH_SRC')).toBe('/rapido/a');
    expect(conf.get('SAMBA_SRC')).toBe('/home/me/b');
    expect(conf.get('LKL_SRC')).toBe('/builds/c');
  });

  test('the effective value: an override in the environment also changes values that refer to it', () => {
    const text = 'KERNEL_SRC=/a\nKERNEL_INSTALL_MOD_PATH="${KERNEL_SRC}/mods"';
    const conf = readConf(text, { env: { KERNEL_SRC: '/other' } });
    expect(conf.get('KERNEL_INSTALL_MOD_PATH')).toBe('/other/mods');
    expect(conf.get('KSELFTEST_DIR')).toBe('/other/tools/testing/selftests/kselftest_install');
  });

  test('an absolute path if the key is a path', () => {
    const conf = readConf('KERNEL_SRC=~/linux\nQEMU_EXTRA_ARGS="-drive file=${KERNEL_SRC}/a.img"');
    expect(conf.get('QEMU_EXTRA_ARGS')).toEqual(['-drive', 'file=/home/me/linux/a.img']);
  });

  test('nothing in single quotes, after a backslash, or if no name follows', () => {
    expect(readValue("='${HOME} $HOME'")).toBe('${HOME} $HOME');
    expect(readValue('="\\${HOME} \\$HOME"')).toBe('${HOME} $HOME');
    expect(readValue('=\\$HOME')).toBe('$HOME');
    expect(readValue(' = costs \\$5 now')).toBe('costs $5 now');
    expect(readValue('="a $ b$"')).toBe('a $ b$');
  });

  test('an empty string for an empty key, with a warning', () => {
    const conf = readConf('KERNEL_SRC=""\nKERNEL_INSTALL_MOD_PATH="${KERNEL_SRC}/mods"');
    expect(conf.get('KERNEL_INSTALL_MOD_PATH')).toBe('/mods');
    expect(conf.warnings).toMatchInlineSnapshot(`
      [
        "rapido.conf:2: KERNEL_INSTALL_MOD_PATH: \${KERNEL_SRC} is empty here",
      ]
    `);
  });

  test('one word outside quotes, even if the value contains blanks', () => {
    expect(readConf('CEPH_SRC=${HOME}/ceph', { env: { HOME: '/home/a b' } }).get('CEPH_SRC')).toBe(
      '/home/a b/ceph',
    );
  });
});

test('if a key is set twice, the last line applies, and a warning names both', () => {
  const conf = readConf('BR_DEV=a\nTAP_USER=me\nBR_DEV=b\n[vm1]\nTAP=a\nTAP=b\n');
  expect(conf.get('BR_DEV')).toBe('b');
  expect(conf.vm(1).TAP).toEqual(['b']);
  expect(conf.warnings).toMatchInlineSnapshot(`
    [
      "rapido.conf:3: BR_DEV is set twice: this line overrides line 1",
      "rapido.conf:6: TAP in [vm1] is set twice: this line overrides line 5",
    ]
  `);
});

describe('reads back what was written', () => {
  const printable = fc
    .string({ unit: 'grapheme', maxLength: 60 })
    .filter((text) => !/[\0-\x1f]/.test(text));

  test('any printable value in double quotes', () => {
    fc.assert(
      fc.property(printable, (value) => {
        expect(readValue(`=${quoteConfValue(value)} # note`) ?? '').toBe(value);
      }),
    );
  });

  test('any printable value made of special characters', () => {
    const tricky = fc.string({
      unit: fc.constantFrom(...'"\'\\$`{}()#; \t=[]~!*ab'.split('')),
      maxLength: 12,
    });
    fc.assert(
      fc.property(tricky, (value) => {
        expect(readValue(`=${quoteConfValue(value)}`) ?? '').toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  test('any list of arguments', () => {
    const argument = fc.string({
      unit: fc.constantFrom(...'"\'\\$`{}()#;&|<>*? =,-ab'.split('')),
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 5 }), (args) => {
        const conf = readConf(`QEMU_EXTRA_ARGS=${quoteConfValue(formatCommandLine(args))}`);
        expect(conf.get('QEMU_EXTRA_ARGS')).toEqual(args);
      }),
      { numRuns: 2000 },
    );
  });

  test('fails only with a UserError, whatever the text', () => {
    const pieces = fc.constantFrom(
      'KERNEL_SRC',
      'BR_DEV',
      '=',
      '"',
      "'",
      '\\',
      '\n',
      '\r\n',
      ' ',
      '\t',
      '$',
      '${',
      '}',
      '$(',
      ')',
      '`',
      '#',
      ';',
      '[vm1]',
      '[',
      ']',
      'export ',
      'if ',
      'K=(',
      '+=',
      'a',
      '~',
      '\uFEFF',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        try {
          readConf(parts.join(''));
        } catch (error) {
          expect(error).toHaveProperty('name', 'UserError');
        }
      }),
      { numRuns: 3000 },
    );
  });
});
