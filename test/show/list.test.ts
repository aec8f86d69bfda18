import { expect, test } from 'vitest';
import type { CutOrigin, LoadedCut } from '../../src/cut/load.ts';
import { formatList } from '../../src/show/list.ts';

const ORIGINS = {
  own: { kind: 'user', directory: '/home/me/.config/rapido/cuts' },
  named: { kind: '--cut-dir', directory: '/srv/cuts' },
  builtIn: { kind: 'built-in', directory: '/rapido/dist/cuts' },
} satisfies Record<string, CutOrigin>;

function cut(
  name: string,
  summary: string,
  origin: CutOrigin,
  shadows: CutOrigin[] = [],
): LoadedCut {
  return { name, path: `${origin.directory}/${name}.ts`, origin, shadows, cut: { summary } };
}

test("name and summary, the path of the user's own, and what they hide", () => {
  const cuts = [
    cut('fstests-xfs', 'xfstests on XFS', ORIGINS.builtIn),
    cut('mine', 'My own', ORIGINS.own),
    cut('simple-example', 'Mine is better', ORIGINS.named, [ORIGINS.own, ORIGINS.builtIn]),
  ];
  expect(formatList(cuts)).toMatchInlineSnapshot(`
    [
      "fstests-xfs     xfstests on XFS",
      "mine            My own  (/home/me/.config/rapido/cuts/mine.ts)",
      "simple-example  Mine is better  (/srv/cuts/simple-example.ts; hides the user one; hides the built-in one)",
    ]
  `);
});

test('prints nothing for no cuts', () => {
  expect(formatList([])).toEqual([]);
});
