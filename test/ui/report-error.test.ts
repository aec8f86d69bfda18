import { describe, expect, test } from 'vitest';
import { EXIT, UsageError, UserError } from '../../src/errors.ts';
import { formatError, reportError } from '../../src/ui/report-error.ts';

function report(error: unknown, isTTY?: boolean): string {
  let text = '';
  reportError(error, { isTTY, write: (chunk) => (text += chunk) }, '1.2.3');
  return text;
}

test('a UserError: message, every problem, and a hint; no stack', () => {
  const error = new UserError('2 programs are missing', {
    problems: ['xfs_io', 'fio'],
    hint: 'sudo apt install fio xfsprogs',
    cause: new Error('never shown'),
  });
  expect(report(error)).toBe(`rapido: error: 2 programs are missing
  - xfs_io
  - fio
  hint: sudo apt install fio xfsprogs
`);
});

test('a UserError without details is one line', () => {
  expect(report(new UserError('nothing has been cut yet'))).toBe(
    'rapido: error: nothing has been cut yet\n',
  );
});

test('on a terminal, an unfinished progress line is removed first', () => {
  expect(report(new UserError('no'), true)).toBe('\r\x1b[Krapido: error: no\n');
});

test('text from others cannot control the terminal, and begins no line', () => {
  const evil = 'x\x1b[1A\nrapido: PASS\u202e';
  expect(report(new UserError(evil, { problems: [evil], hint: evil }))).toBe(
    [
      'rapido: error: x rapido: PASS\ufffd',
      '  - x rapido: PASS\ufffd',
      '  hint: x rapido: PASS\ufffd\n',
    ].join('\n'),
  );
  expect(report(new Error('x\x1b[2J'))).not.toContain('\x1b');
});

describe('any other error is a bug', () => {
  test('and is shown with its stack and what to report', () => {
    const error = new TypeError('x is undefined');
    const [first, version, , ...rest] = formatError(error, '1.2.3');
    expect(first).toBe(
      'rapido: this is a bug in rapido; please report it with all of the following:',
    );
    expect(version).toContain(`rapido 1.2.3, Node ${process.version} on ${process.platform}`);
    expect(rest.join('\n')).toBe(error.stack);
    expect(error.stack).toContain('report-error.test.ts');
  });

  test.each([undefined, null, 'text', { an: 'object' }])('even if %j was thrown', (thrown) => {
    expect(report(thrown)).toContain(String(thrown));
  });
});

test('exit statuses: 1 for a failure, 2 for a usage error, unless the error says otherwise', () => {
  expect(new UserError('x').exitCode).toBe(EXIT.failed);
  expect(new UsageError('x').exitCode).toBe(EXIT.usage);
  expect(new UserError('x', { exitCode: 125 }).exitCode).toBe(125);
});
