import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findContradiction } from '../../src/vm/event-order.ts';
import { type GuestEvent, parseGuestMessage } from '../../src/vm/guest-events.ts';

test.each<[string, GuestEvent]>([
  ['{"event":"init","uptime":"2.47"}', { event: 'init', uptime: 2.47 }],
  ['{"event":"init","uptime":"12"}', { event: 'init', uptime: 12 }],
  ['{"event":"autorun-start","script":"01-a.sh"}', { event: 'autorun-start', script: '01-a.sh' }],
  [
    '{"event":"autorun-end","script":"01-a.sh","status":"127"}',
    { event: 'autorun-end', script: '01-a.sh', status: 127 },
  ],
  ['{"event":"command-start"}', { event: 'command-start' }],
  ['{"event":"command-end","status":"3"}', { event: 'command-end', status: 3 }],
  [
    '{"event":"exec-terminal","id":"3","made":"1"}',
    { event: 'exec-terminal', id: '3', made: true },
  ],
  [
    '{"event":"exec-terminal","id":"3","made":"0"}',
    { event: 'exec-terminal', id: '3', made: false },
  ],
  ['{"event":"exec-no-channel","id":"3"}', { event: 'exec-no-channel', id: '3' }],
  ['{"event":"prompt"}', { event: 'prompt' }],
  ['{"event":"no-console"}', { event: 'no-console' }],
  ['{"event":"no-log"}', { event: 'no-log' }],
  ['{"event":"leak-scan","scanned":"1"}', { event: 'leak-scan', scanned: true }],
  [
    '{"event":"power-off","taint":"unknown","left":"unknown"}',
    { event: 'power-off', taint: undefined, left: undefined },
  ],
  [
    '  {"event":"power-off","taint":"512","left":"0"}\r',
    { event: 'power-off', taint: 512, left: 0 },
  ],
])('%s is an event, with the key that came along', (line, event) => {
  const keyed = line.replace('{', '{"key":"0f",');
  expect(parseGuestMessage(keyed)).toEqual({ key: '0f', event });
  expect(parseGuestMessage(line)).toBeUndefined();
});

test('drops unknown fields of an event', () => {
  const line = '{"key":"","event":"prompt","status":"0","__proto__":{"event":"init"}}';
  expect(parseGuestMessage(line)).toEqual({ key: '', event: { event: 'prompt' } });
});

test.each([
  // no JSON, or not an object
  '',
  ' ',
  'login: ',
  '{',
  '{"event":"prompt"',
  '{"event":"prompt"} x',
  '\0\xff',
  'null',
  '7',
  '"prompt"',
  '[]',
  '["prompt"]',
  '{}',
  // no such event
  '{"event":"panic"}',
  '{"event":"Prompt"}',
  '{"event":["prompt"]}',
  '{"event":"constructor"}',
  // fields that are missing, of a wrong type, or an invalid number
  '{"event":"init"}',
  '{"event":"init","uptime":2.47}',
  '{"event":"init","uptime":"-1"}',
  '{"event":"init","uptime":"1e9"}',
  '{"event":"init","uptime":"9999999999"}',
  '{"event":"init","uptime":"1.12345678"}',
  '{"event":"init","uptime":"Infinity"}',
  '{"event":"init","uptime":""}',
  '{"event":"autorun-start"}',
  '{"event":"autorun-start","script":1}',
  '{"event":"autorun-end","script":"a.sh"}',
  '{"event":"autorun-end","script":"a.sh","status":0}',
  '{"event":"autorun-end","script":"a.sh","status":"256"}',
  '{"event":"autorun-end","script":"a.sh","status":"0.5"}',
  '{"event":"autorun-end","script":"a.sh","status":"-0"}',
  '{"event":"autorun-end","script":["a.sh"],"status":"0"}',
  '{"event":"command-end"}',
  '{"event":"command-end","status":"-1"}',
  '{"event":"power-off"}',
  '{"event":"power-off","taint":"","left":"0"}',
  '{"event":"power-off","taint":"512.5","left":"0"}',
  '{"event":"power-off","taint":"0","left":"many"}',
  '{"key":1,"event":"prompt"}',
])('%j is not an event', (line) => {
  expect(parseGuestMessage(line)).toBeUndefined();
  const keyed = line.startsWith('{') ? line.replace('{', '{"key":"0f",') : line;
  if (!line.includes('key')) expect(parseGuestMessage(keyed)).toBeUndefined();
});

describe('the order of the messages of a run', () => {
  const words = (text: string): GuestEvent[] =>
    text.split(' ').map((event) => ({ event, script: 'a', status: 0 }) as unknown as GuestEvent);

  test.each([
    'init power-off',
    'init autorun-start autorun-end autorun-start autorun-end command-start command-end power-off',
    'init command-start command-end no-log power-off',
    'init autorun-start autorun-end no-directory power-off',
    'init no-channel no-log power-off',
    'init autorun-start autorun-end command-start command-end leak-scan no-log power-off',
  ])('%s, or a part of it after a crash', (text) => {
    const whole = words(text);
    for (let size = 0; size <= whole.length; size++) {
      expect(findContradiction(whole.slice(0, size))).toBeUndefined();
    }
  });

  test.each([
    ['init init', 'init after init'],
    ['command-start', 'command-start after nothing'],
    ['init command-end power-off', 'command-end after init'],
    ['init command-start command-end command-end power-off', 'command-end after command-end'],
    ['init command-start power-off', 'power-off after command-start'],
    ['init power-off command-start', 'command-start after power-off'],
    ['init autorun-start command-start', 'command-start after autorun-start'],
    ['init leak-scan command-start', 'command-start after leak-scan'],
    ['init no-log command-start', 'command-start after no-log'],
  ])('rejects %s', (text, contradiction) => {
    expect(findContradiction(words(text))?.reverse().join(' after ')).toBe(contradiction);
  });
});

describe('anything that a guest sends', () => {
  const event = fc.constantFrom('init', 'autorun-start', 'autorun-end', 'prompt', 'power-off');
  const forged = fc.record(
    {
      key: fc.string(),
      event,
      uptime: fc.jsonValue(),
      script: fc.jsonValue(),
      status: fc.jsonValue(),
    },
    { requiredKeys: ['key', 'event'] },
  );
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    forged.map((record) => JSON.stringify(record)),
  );

  test('is an event with its fields, or ignored; never an error', () => {
    fc.assert(
      fc.property(line, (text) => {
        const parsed = parseGuestMessage(text)?.event;
        if (parsed?.event === 'init') expect(parsed.uptime).toBeGreaterThanOrEqual(0);
        if (parsed?.event === 'autorun-start') expect(parsed.script).toBeTypeOf('string');
        if (parsed?.event === 'autorun-end') {
          expect(parsed.script).toBeTypeOf('string');
          expect(parsed.status).toSatisfy((status: number) => status >= 0 && status <= 255);
        }
      }),
      { numRuns: 500 },
    );
  });
});
