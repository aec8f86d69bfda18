import fc from 'fast-check';
import { expect, test } from 'vitest';
import { untilEndMark } from '../../src/vm/until-end-mark.ts';

const MARK = Buffer.from(`\0rapido-end:${'0123456789abcdef'.repeat(2)}\0`);

async function* each(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

interface Heard {
  hasCome: boolean;
  output: Buffer;
  /** What had been delivered when each chunk was requested, and at the end. */
  deliveredBefore: number[];
  marks: number;
}

async function hear(
  chunks: readonly Buffer[],
  markNow: () => Buffer | undefined = () => MARK,
): Promise<Heard> {
  const delivered: Buffer[] = [];
  const deliveredBefore: number[] = [];
  const size = (): number => delivered.reduce((sum, chunk) => sum + chunk.length, 0);
  let marks = 0;
  async function* watched(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) {
      deliveredBefore.push(size());
      yield chunk;
    }
    deliveredBefore.push(size());
  }
  const hasCome = await untilEndMark(
    watched(),
    markNow,
    async (chunk) => {
      delivered.push(Buffer.from(chunk));
    },
    () => {
      marks++;
    },
  );
  return { hasCome, output: Buffer.concat(delivered), deliveredBefore, marks };
}

/** Any bytes, with many beginnings of the mark and near misses among them. */
const output = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.nat(MARK.length - 1).map((size) => MARK.subarray(0, size)),
      fc.nat(MARK.length - 1).map((size) => MARK.subarray(size + 1)),
      fc
        .constantFrom('\0', '\0\0\0', '\0rapido-end:', 'rapido-end:')
        .map((text) => Buffer.from(text)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat(parts))
  .filter((bytes) => !bytes.includes(MARK));

/** Cut anywhere, down to single bytes and empty chunks. */
function cut(data: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (data.length + 1)).sort((a, b) => a - b);
  const ends = [...sorted, data.length];
  return ends.map((end, index) => data.subarray(index === 0 ? 0 : ends[index - 1], end));
}

const places = fc.oneof(
  fc.array(fc.nat(500), { maxLength: 10 }),
  fc.constant(Array.from({ length: 500 }, (_, index) => index)),
);

test('all before the first mark is the output, however it is split, and nothing after it', async () => {
  await fc.assert(
    fc.asyncProperty(output, output, places, async (before, after, cuts) => {
      const data = Buffer.concat([before, MARK, after]);
      fc.pre(data.indexOf(MARK) === before.length);
      const heard = await hear(cut(data, cuts));
      expect(heard.output.equals(before)).toBe(true);
      expect(heard).toMatchObject({ hasCome: true, marks: 1 });
    }),
    { numRuns: 400 },
  );
});

test('without a mark, everything is output, and is known to be incomplete', async () => {
  await fc.assert(
    fc.asyncProperty(output, places, async (bytes, cuts) => {
      const heard = await hear(cut(bytes, cuts));
      expect(heard.output.equals(bytes)).toBe(true);
      expect(heard).toMatchObject({ hasCome: false, marks: 0 });
    }),
    { numRuns: 400 },
  );
});

test('text that looks like the mark before there is one is ordinary output', async () => {
  await fc.assert(
    fc.asyncProperty(output, output, places, async (before, after, cuts) => {
      const forged = cut(Buffer.concat([before, MARK, after]), cuts);
      let asked = 0;
      // There is a mark once all of that has come.
      const heard = await hear([...forged, Buffer.concat([Buffer.from('last'), MARK])], () =>
        ++asked > forged.length ? MARK : undefined,
      );
      const whole = Buffer.concat([...forged, Buffer.from('last')]);
      expect(heard.output.equals(whole)).toBe(true);
      expect(heard).toMatchObject({ hasCome: true, marks: 1 });
    }),
    { numRuns: 200 },
  );
});

test('holds back only what may be the beginning of the mark', async () => {
  await fc.assert(
    fc.asyncProperty(output, places, async (bytes, cuts) => {
      const chunks = cut(bytes, cuts);
      const { deliveredBefore } = await hear(chunks);
      let come = 0;
      for (const [index, chunk] of chunks.entries()) {
        come += chunk.length;
        const held = bytes.subarray(deliveredBefore[index + 1], come);
        if (index < chunks.length - 1)
          expect(MARK.subarray(0, held.length).equals(held)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

test('passes on a prompt without a newline at once', async () => {
  const { deliveredBefore } = await hear([Buffer.from('login: '), Buffer.from('more')]);
  expect(deliveredBefore).toEqual([0, 7, 11]);
});

test('requests no chunk before the previous one is handled', async () => {
  const order: string[] = [];
  async function* chunks(): AsyncGenerator<Buffer> {
    for (const text of ['one', 'two']) {
      order.push(`asked for ${text}`);
      yield Buffer.from(text);
    }
  }
  const deliver = async (chunk: Buffer): Promise<void> => {
    await new Promise((next) => setTimeout(next, 10));
    order.push(`dealt with ${chunk}`);
  };
  await untilEndMark(
    chunks(),
    () => MARK,
    deliver,
    () => {},
  );
  expect(order).toEqual(['asked for one', 'dealt with one', 'asked for two', 'dealt with two']);
});

test('reports the mark only after all before it was handled', async () => {
  const order: string[] = [];
  const deliver = async (chunk: Buffer): Promise<void> => {
    await new Promise((next) => setTimeout(next, 10));
    order.push(String(chunk));
  };
  await untilEndMark(
    each([Buffer.concat([Buffer.from('last'), MARK])]),
    () => MARK,
    deliver,
    () => {
      order.push('mark');
    },
  );
  expect(order).toEqual(['last', 'mark']);
});

test('reads a writer to the end after the mark, so that it is not blocked', async () => {
  let asked = 0;
  async function* chunks(): AsyncGenerator<Buffer> {
    for (const chunk of [MARK, Buffer.from('a'), MARK, Buffer.from('b')]) {
      asked++;
      yield chunk;
    }
  }
  let marks = 0;
  const deliver = async (): Promise<void> => expect.unreachable();
  expect(
    await untilEndMark(
      chunks(),
      () => MARK,
      deliver,
      () => marks++,
    ),
  ).toBe(true);
  expect([asked, marks]).toEqual([4, 1]);
});
