import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Cut } from '../../src/cut/cut.ts';
import { readOption } from '../../src/formats/kconfig/kconfig.ts';
import { architectureOf } from '../../src/host/architecture.ts';
import {
  dependenciesOf,
  describeMissing,
  findMissingOptions,
  formatFragment,
  type KernelOption,
  type OptionGroup,
  optionsOfCut,
  optionsOfEveryVm,
  parseDriver,
} from '../../src/image/kernel-options.ts';
import { hostKernel } from '../support/kernel-tree.ts';
import { CHECKOUT } from '../support/workspace.ts';

const directory = join(CHECKOUT, 'cuts');
const targets = readdirSync(directory).filter((file) => /^[a-z].*\.ts$/.test(file));

const readCut = async (file: string): Promise<Cut> => (await import(join(directory, file))).default;

/** A driver that conf names: any of these. */
const driversOf = (cut: Cut): string[] => [
  ...(cut.drivers ?? []).map((driver) => (driver.includes('${') ? 'xfs' : driver)),
  ...(cut.zram === undefined ? [] : ['zram']),
];

/** The groups that `rapido kconfig` prints for a cut. */
function groupsOf(cut: Cut, architecture: 'x64' | 'arm64' = 'x64'): OptionGroup[] {
  return [
    ...optionsOfEveryVm(architectureOf(architecture)),
    { purpose: 'cut', options: optionsOfCut(cut, driversOf(cut)), isRequired: true },
  ];
}

const requiredOf = (groups: readonly OptionGroup[]): KernelOption[] =>
  groups.filter(({ isRequired }) => isRequired).flatMap(({ options }) => options);

const without = (lines: readonly string[], names: readonly string[]): string =>
  lines.filter((line) => !names.some((name) => line === `${name}=y`)).join('\n');

const NO_MODULES = (): boolean => false;

describe.each(targets)('the fragment for %s', (file) => {
  test('has all that it requires', async () => {
    const groups = groupsOf(await readCut(file));
    const fragment = formatFragment(groups);
    const all = groups.flatMap(({ options }) => options);
    expect(findMissingOptions(fragment.join('\n'), all, NO_MODULES)).toEqual([]);
    expect(new Set(fragment.filter((line) => line.endsWith('=y'))).size).toBe(
      fragment.filter((line) => line.endsWith('=y')).length,
    );
  });

  test('without a single one of these, the kernel is refused, and the option is named', async () => {
    const groups = groupsOf(await readCut(file));
    const fragment = formatFragment(groups);
    for (const { name } of requiredOf(groups)) {
      const missing = findMissingOptions(without(fragment, [name]), requiredOf(groups), NO_MODULES);
      expect(missing.map(describeMissing)).toEqual([
        expect.stringMatching(new RegExp(`^${name} is not set; it provides \\S`)),
      ]);
    }
  });

  test('without a dependency, kconfig drops what depends on it: both are named', async () => {
    const required = requiredOf(groupsOf(await readCut(file)));
    const fragment = formatFragment(groupsOf(await readCut(file)));
    const dependencies = new Set(required.flatMap(({ name }) => dependenciesOf(name)));
    for (const dependency of dependencies) {
      const dropped = required.filter(({ name }) => dependenciesOf(name).includes(dependency));
      const config = without(fragment, [dependency, ...dropped.map(({ name }) => name)]);
      const text = findMissingOptions(config, required, NO_MODULES).map(describeMissing).join('\n');
      for (const { name } of dropped) expect(text).toContain(`${name} is not set`);
      expect(text).toMatch(new RegExp(`\\b${dependency}\\b`));
    }
  });

  test('names an option for each of its drivers', async () => {
    const unknown = driversOf(await readCut(file)).filter(
      (driver) => parseDriver(driver).option === undefined,
    );
    expect(unknown).toEqual([]);
  });

  test('asks nothing of a distribution that its kernel does not have', async (context) => {
    const kernel = hostKernel();
    if (kernel?.config === undefined) return context.skip('the configuration is not known');
    const config = readFileSync(kernel.config, 'utf8');
    const required = requiredOf(groupsOf(await readCut(file)));
    expect(findMissingOptions(config, required, () => true)).toEqual([]);
  });
});

test('the fragment for arm64 has its own console', () => {
  const fragment = formatFragment(groupsOf({ summary: '' }, 'arm64'));
  expect(fragment).toContain('CONFIG_SERIAL_AMBA_PL011_CONSOLE=y');
  expect(fragment.join('\n')).not.toMatch(/8250|ACPI|PVH/);
});

test('an option without a prompt is printed as the option that selects it', () => {
  const fragment = formatFragment([
    {
      purpose: 'nfsd',
      options: optionsOfCut({ summary: '', drivers: ['nfsd'] }, ['nfsd']),
      isRequired: true,
    },
  ]);
  // NFSD depends on FSNOTIFY, which INOTIFY_USER selects.
  expect(fragment).toContain('CONFIG_INOTIFY_USER=y');
});

test('a module counts if it is in the image', () => {
  const [option] = optionsOfCut({ summary: '' }, ['ext4']);
  const check = (modules: readonly string[]) =>
    findMissingOptions('CONFIG_EXT4_FS=m\n', option ? [option] : [], (name) =>
      modules.includes(name),
    ).map(describeMissing);
  expect(check(['ext4'])).toEqual([]);
  expect(check([])).toEqual([
    'CONFIG_EXT4_FS is a module (=m), but ext4 is not in the image; it provides the driver ext4',
  ]);
});

test('what is missing is named with what it depends on', () => {
  const options = optionsOfCut({ summary: '', kernelOptions: { CONFIG_NFS_V4: 'NFS 4' } }, []);
  const config = 'CONFIG_INET=y\nCONFIG_NET=y\nCONFIG_MULTIUSER=y\nCONFIG_FILE_LOCKING=y\n';
  expect(findMissingOptions(config, options, NO_MODULES).map(describeMissing)).toEqual([
    'CONFIG_NFS_V4 is not set (nor CONFIG_NETWORK_FILESYSTEMS, CONFIG_NFS_FS, on which it depends); it provides NFS 4',
  ]);
});

test.each([
  ['CONFIG_A=y', 'y'],
  ['\nCONFIG_A=m\n', 'm'],
  ['CONFIG_B=y\nCONFIG_A="text"\n', '"text"'],
  ['# CONFIG_A is not set\n', undefined],
  ['CONFIG_AA=y\nXCONFIG_A=y\n', undefined],
  ['', undefined],
])('the value of an option: %j', (text, value) => {
  expect(readOption(text, 'CONFIG_A')).toBe(value);
});
