import { describe, expect, test } from 'vitest';
import { createUi } from '../../src/ui/terminal.ts';

/** A Ui, and all that it writes; what is written to stdout is marked with `>`. */
function makeUi(stream: { isTTY?: boolean; columns?: number }, env: Record<string, string> = {}) {
  let text = '';
  const stdout = { ...stream, write: (chunk: string) => (text += `>${chunk}`) };
  const stderr = { ...stream, write: (chunk: string) => (text += chunk) };
  return { ui: createUi(stdout, stderr, env), written: () => text };
}

const CLEAR = '\r\x1b[K';

describe('into a pipe or a file', () => {
  test('prints results on stdout, all else on stderr, in plain lines', () => {
    const { ui, written } = makeUi({});
    ui.progress('making userspace');
    ui.progress('making userspace');
    ui.progress('making modules');
    ui.warn('old');
    ui.note('done');
    ui.endProgress();
    ui.result(ui.paint.bold('image'));
    expect(written()).toBe('making userspace\nmaking modules\nwarning: old\ndone\n>image\n');
  });

  test('prints results unchanged, for programs that read them', () => {
    const { ui, written } = makeUi({});
    ui.result('a\x1b[2Jb\u200dc');
    expect(written()).toBe('>a\x1b[2Jb\u200dc\n');
  });
});

describe('on a terminal', () => {
  const terminal = { isTTY: true, columns: 20 };

  test('progress is one live line, which is removed before other output', () => {
    const { ui, written } = makeUi(terminal, { NO_COLOR: '1' });
    ui.progress('one');
    ui.progress('two');
    ui.note('said');
    ui.progress('three');
    ui.result('made');
    ui.endProgress();
    expect(written()).toBe(`one …${CLEAR}two …${CLEAR}said\nthree …${CLEAR}>made\n`);
  });

  test('the live line never wraps', () => {
    const { ui, written } = makeUi(terminal, { NO_COLOR: '1' });
    ui.progress('a step with a very long name');
    expect(written()).toBe('a step with a very ');
  });

  test('with colours', () => {
    const { ui, written } = makeUi(terminal, { TERM: 'xterm' });
    ui.warn('old');
    ui.result(ui.paint.red('bad'));
    expect(written()).toBe('\x1b[33mwarning:\x1b[39m old\n>\x1b[31mbad\x1b[39m\n');
  });

  test('shows everything as text, also in the live line', () => {
    const evil = 'a\x1b[2Jb\u202ec\x9b1A\x07\rd';
    const { ui, written } = makeUi({ isTTY: true, columns: 80 }, { NO_COLOR: '1' });
    ui.progress(`${evil}\n`);
    ui.progress('ab\ufffdc d'); // The same.
    ui.note(`${evil}\nPASS`);
    ui.warn(evil);
    ui.passOn(`${evil}\n${evil}\n`);
    ui.result(`{\n${evil}\n}`);
    const shown = 'ab\ufffdc d';
    expect(written()).toBe(
      `${shown} …${CLEAR}${shown} PASS\nwarning: ${shown}\n${shown}\n${shown}\n>{\n${shown}\n}\n`,
    );
  });

  test('uses no colours if NO_COLOR is set and not empty', () => {
    const painted = (env: Record<string, string>) => makeUi(terminal, env).ui.paint.red('x');
    expect(painted({ NO_COLOR: '1' })).toBe('x');
    expect(painted({ NO_COLOR: '' })).toBe('\x1b[31mx\x1b[39m');
  });

  test('uses colours as FORCE_COLOR says, also in a pipe', () => {
    const painted = (stream: { isTTY?: boolean }, env: Record<string, string>) =>
      makeUi(stream, env).ui.paint.red('x') !== 'x';
    expect(painted({}, {})).toBe(false);
    expect(painted({}, { FORCE_COLOR: '1' })).toBe(true);
    expect(painted({}, { FORCE_COLOR: '3', NO_COLOR: '1', TERM: 'dumb' })).toBe(true);
    expect(painted(terminal, { FORCE_COLOR: '0' })).toBe(false);
    expect(painted(terminal, { FORCE_COLOR: 'false' })).toBe(false);
    expect(painted(terminal, { FORCE_COLOR: '', NO_COLOR: '1' })).toBe(false);
  });

  test('prints plain lines on a dumb terminal', () => {
    const { ui, written } = makeUi(terminal, { TERM: 'dumb' });
    ui.progress('one');
    ui.warn('old');
    expect(written()).toBe('one\nwarning: old\n');
  });
});
