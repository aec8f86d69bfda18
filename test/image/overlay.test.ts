import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  digestMembers,
  type OverlayRequest,
  overlayMembers,
  planOverlay,
  quoteForShell,
} from '../../src/image/overlay.ts';
import { EMPTY_OVERLAY } from './empty-overlay.ts';

const textOf = (request: Partial<OverlayRequest>, path: string): string => {
  const entry = planOverlay({ ...EMPTY_OVERLAY, ...request }).find((found) => found.path === path);
  return entry !== undefined && 'data' in entry ? String(entry.data) : `no ${path}`;
};

describe('planOverlay', () => {
  it('passes modules, scripts and variables to init, as shell words', () => {
    const request = {
      loadModules: ['virtio_pci', '9p'],
      loadForDisks: { virtio: ['virtio_pci', 'virtio_blk'], nvme: [] },
      zram: { TEST_DEV: 1073741824, 'a.b': 4096 },
      autorun: [
        { name: 'simple-example.sh', content: Buffer.from('') },
        { name: 'it is mine;$(x)', content: Buffer.from('') },
      ],
      directory: '/home/me/my tests',
      conf: { TEXT: 'it\'s "quoted" $HOME\n' },
    };
    expect(textOf(request, '/rapido/boot.sh')).toMatchInlineSnapshot(`
      "RAPIDO_CUT='small'
      RAPIDO_MODULES='virtio_pci 9p'
      RAPIDO_MODULES_virtio='virtio_pci virtio_blk'
      RAPIDO_MODULES_nvme=''
      RAPIDO_MODULES_shares=''
      RAPIDO_ZRAM='TEST_DEV=1073741824 a.b=4096'
      RAPIDO_AUTORUN=('00-simple-example.sh' '01-it_is_mine_x_')
      RAPIDO_DIRECTORY='/home/me/my tests'
      export TEXT='it'\\''s "quoted" $HOME
      '
      "
    `);
  });

  it('mounts no tmpfs over a tree', () => {
    const mounted = (...occupied: string[]): string[] =>
      textOf({ occupied }, '/rapido/fstab')
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '');
    expect(mounted()).toContain('/tmp');
    expect(mounted('/tmp/tests')).not.toContain('/tmp');
    expect(mounted('/tmp/tests')).toContain('/run');
    expect(mounted('/tmpfiles')).toContain('/tmp');
  });
});

describe('overlayMembers', () => {
  const entries = planOverlay(EMPTY_OVERLAY);

  it('adds its own /etc/passwd only if dracut made none', () => {
    const paths = (provided: string[]): unknown[] =>
      overlayMembers(entries, provided, {}).map(({ path }) => path);
    expect(paths([])).toContain('etc/passwd');
    expect(paths(['etc/passwd'])).not.toContain('etc/passwd');
    expect(paths(['etc/passwd'])).toContain('etc/group');
  });

  it('never replaces a link by a directory', () => {
    const members = overlayMembers(entries, [], { sbin: 'usr/sbin' });
    expect(members.find(({ path }) => path === 'sbin')).toBeUndefined();
  });

  it('hides files with secrets from ordinary users', () => {
    const boot = overlayMembers(entries, [], {}).find(({ path }) => path === 'rapido/boot.sh');
    expect((boot?.mode ?? 0) & ~constants.S_IFMT).toBe(0o600);
  });

  it('changes its digest if anything in it differs', () => {
    const digest = (request: Partial<OverlayRequest>): string =>
      digestMembers(overlayMembers(planOverlay({ ...EMPTY_OVERLAY, ...request }), [], {}));
    expect(digest({})).toBe(digest({}));
    expect(digest({ conf: { A: 'b' } })).not.toBe(digest({}));
    expect(digest({ programs: ['/opt/x'] })).not.toBe(digest({ programs: ['/opt/y'] }));
    expect(digest({ contents: { '/a': 'b' } })).not.toBe(digest({ contents: { '/a': 'c' } }));
  });
});

it('quotes any text so that a real shell reads it back', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((t) => !t.includes('\0'));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (texts) => {
      const script = `printf '%s\\0' ${texts.map(quoteForShell).join(' ')}`;
      const printed = execFileSync('bash', ['-c', script], { encoding: 'utf8' });
      expect(printed.split('\0').slice(0, -1)).toEqual(texts);
    }),
    { numRuns: 20 },
  );
});
