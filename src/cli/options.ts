import { Option } from '@commander-js/extra-typings';
import { UsageError } from '../errors.ts';
import { EXPORT_FORMATS } from '../export/format-names.ts';
import { listWithOr } from '../sys/list-words.ts';
import { DUMP_FORMATS } from '../vm/dump-formats.ts';

export const EXPORT_OPTION = new Option(
  '--export <format>',
  'print a run in another format',
).choices(EXPORT_FORMATS);

export const DUMP_FORMAT_OPTION = new Option(
  '--format <format>',
  'format of the dump (default: kdump-zlib)',
).choices(DUMP_FORMATS);

/** Options that several commands share. */
export const OPTION = {
  install: new Option(
    '-i, --install <program>',
    'add a program and its libraries to the image (repeatable)',
  ).argParser(collect),
  include: new Option(
    '--include <src[:dst]>',
    'add a file or directory to the image (repeatable)',
  ).argParser(collect),
  driver: new Option(
    '--driver <module>',
    'add a kernel module to the image (repeatable)',
  ).argParser(collect),
  cpus: new Option('--cpus <count>', 'number of virtual CPUs'),
  memory: new Option('--memory <size>', 'memory size (e.g. 2G)'),
  disk: new Option(
    '--disk <disk>',
    'attach a disk: FILE, /dev/NAME or size:10G[,serial=NAME][,readonly] (repeatable)',
  ).argParser(collect),
  net: new Option('--net <kind>', 'network: tap, user or none'),
  forward: new Option(
    '--forward <host:guest>',
    'forward host port HOST to port GUEST in the VM; append /udp for UDP; implies --net user (repeatable)',
  ).argParser(collect),
  share: new Option(
    '--share <src[:dst][,rw]>',
    'mount a directory of this host in the VM, read-only unless rw (repeatable)',
  ).argParser(collect),
  append: new Option(
    '--append <parameters>',
    'add parameters to the kernel command line (repeatable)',
  ).argParser(collect),
  qemuArg: new Option('--qemu-arg <argument>', 'pass one argument to QEMU (repeatable)').argParser(
    collect,
  ),
  kernel: new Option(
    '--kernel <kernel>',
    'use this kernel: a tree, an image, an unpacked package, or an installed release',
  ),
  dryRun: new Option('--dry-run', 'print what would be done and exit'),
  json: new Option('--json', 'print JSON'),
};

/** A copy of the option that the help of one command lists under a heading of its own. */
export function underHeading<T extends Option>(heading: string, option: T): T {
  const copy: T = Object.assign(Object.create(Object.getPrototypeOf(option)), option);
  copy.helpGroup(heading);
  return copy;
}

/** Argument parser for one of a few words, with an error in the form of our others. @param what "shell" */
export function oneOf<Word extends string>(what: string, words: readonly Word[]) {
  return (text: string): Word => {
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    throw new UsageError(`unknown ${what} ${text} (${listWithOr(words)})`);
  };
}

/** Argument parser of an option that may be repeated. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** Argument parser of an option that must not be repeated: commander would silently use the last value. */
export function once(option: string) {
  return (value: string, previous: string | undefined): string => {
    if (previous === undefined) return value;
    throw new UsageError(`${option}: only one command is allowed`, {
      hint: 'combine them: -x "first && second", or use a script',
    });
  };
}
