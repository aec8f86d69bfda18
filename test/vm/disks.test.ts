import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecognisedFormat } from '../../src/vm/disk-format.ts';
import {
  type DiskFacts,
  type DiskRequest,
  describeDisk,
  disksParameter,
  mergeDisks,
  noteDisks,
  parseDisk,
  parseDisks,
  planDisks,
  refuseDisksInUse,
} from '../../src/vm/disks.ts';
import { planVm } from '../../src/vm/plan.ts';
import { qemuCommandLine } from '../../src/vm/qemu-arguments.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeSpec } from './vm-spec.ts';

const PLACE = { where: '--disk', base: '/disks', home: '/home/me' };
const GIB = 1024 ** 3;

const read = (...texts: string[]): DiskRequest[] => texts.map((text) => parseDisk(text, PLACE));

const RAW: RecognisedFormat = { format: 'raw', otherFiles: undefined };

/** Plans disks whose files all exist, by default raw and all different. */
function plan(requests: readonly DiskRequest[], facts: Record<string, Partial<DiskFacts>> = {}) {
  const all = new Map(
    requests.flatMap(({ source }) =>
      'path' in source
        ? [
            [
              source.path,
              { identity: `file ${source.path}`, recognised: RAW, ...facts[source.path] },
            ],
          ]
        : [],
    ) as [string, DiskFacts][],
  );
  return planDisks(requests, all, (position) => `/cache/scratch/disk${position}`);
}

/** What a VM's command line has for disks. */
function diskArguments(...texts: string[]): string[] {
  const disks = plan(read(...texts));
  const argv = qemuCommandLine(planVm(makeSpec({ disks })));
  const own = argv.slice(argv.indexOf('-drive'), argv.indexOf('-pidfile'));
  return own.flatMap((word, index) => (index % 2 === 0 ? [`${word} ${own[index + 1]}`] : []));
}

describe('arguments for QEMU', () => {
  test('a file: its format is always given, and a full host is an error in the guest', () => {
    expect(diskArguments('disk.img')).toMatchInlineSnapshot(`
      [
        "-drive file=/disks/disk.img,if=none,id=rapido-disk1,format=raw,cache=writeback,discard=ignore,readonly=off,rerror=report,werror=report",
        "-device virtio-blk-pci,drive=rapido-disk1,serial=disk1",
      ]
    `);
  });

  test('a block device, read-only, by its serial', () => {
    expect(diskArguments('/dev/sdb,readonly,serial=TEST_DEV')).toMatchInlineSnapshot(`
      [
        "-drive file=/dev/sdb,if=none,id=rapido-disk1,format=raw,cache=writeback,discard=ignore,readonly=on,rerror=report,werror=report",
        "-device virtio-blk-pci,drive=rapido-disk1,serial=TEST_DEV",
      ]
    `);
  });

  test('a scratch disk: nothing is flushed, freed space is returned', () => {
    expect(diskArguments('size:10G,serial=SCRATCH_DEV')).toMatchInlineSnapshot(`
      [
        "-drive file=/cache/scratch/disk1,if=none,id=rapido-disk1,format=raw,cache=unsafe,discard=unmap,readonly=off,rerror=report,werror=report",
        "-device virtio-blk-pci,drive=rapido-disk1,serial=SCRATCH_DEV",
      ]
    `);
  });

  test('every option', () => {
    expect(
      diskArguments('~/a.qcow2,format=qcow2,cache=none,discard,bus=nvme,serial=LOG'),
    ).toMatchInlineSnapshot(`
      [
        "-drive file=/home/me/a.qcow2,if=none,id=rapido-disk1,format=qcow2,cache=none,discard=unmap,readonly=off,rerror=report,werror=report",
        "-device nvme,drive=rapido-disk1,serial=LOG",
      ]
    `);
  });

  test('several, in order; a comma in a path is doubled on both sides', () => {
    expect(diskArguments('a,,b c.img', 'size:1G,bus=nvme')).toMatchInlineSnapshot(`
      [
        "-drive file=/disks/a,,b c.img,if=none,id=rapido-disk1,format=raw,cache=writeback,discard=ignore,readonly=off,rerror=report,werror=report",
        "-device virtio-blk-pci,drive=rapido-disk1,serial=disk1",
        "-drive file=/cache/scratch/disk2,if=none,id=rapido-disk2,format=raw,cache=unsafe,discard=unmap,readonly=off,rerror=report,werror=report",
        "-device nvme,drive=rapido-disk2,serial=disk2",
      ]
    `);
  });

  test('the guest gets buses and serials', () => {
    const disks = plan(read('a.img,serial=TEST_DEV', 'size:1G,bus=nvme'));
    const { parameters } = planVm(makeSpec({ disks }));
    expect(parameters.filter((word) => word.startsWith('rapido.disks='))).toEqual([
      'rapido.disks=virtio/TEST_DEV,nvme/disk2',
    ]);
  });

  test('the guest gets disks among QEMU arguments of the user', () => {
    const given = ['-drive', 'file=a,if=none,id=a', '-device', 'virtio-blk-pci,drive=a,serial=X'];
    expect(disksParameter([], given)).toBe('virtio/X');
    expect(disksParameter([], ['-drive', 'file=a,if=virtio'])).toBe('virtio/');
    expect(disksParameter([], ['-device', 'nvme,drive=b,serial=Y'])).toBe('nvme/Y');
    const two = ['-device', 'virtio-blk-pci,drive=a', '-device', 'virtio-blk-pci,drive=b'];
    expect(disksParameter([], two)).toBe('virtio/');
    expect(disksParameter([], ['-device', 'virtio-rng-pci', '-nographic'])).toBeUndefined();
  });
});

describe('DISKS of the conf', () => {
  test('are separated by a comma and a blank; relative paths are relative to the conf', () => {
    const disks = parseDisks('test disk.qcow2,serial=TEST_DEV, size:10G,serial=SCRATCH_DEV', PLACE);
    expect(disks.map(({ source, serial }) => ({ source, serial }))).toEqual([
      { source: { path: '/disks/test disk.qcow2' }, serial: 'TEST_DEV' },
      { source: { bytes: 10 * GIB }, serial: 'SCRATCH_DEV' },
    ]);
  });

  test('reports all mistakes at once, each with a hint', async () => {
    const text = 'a,seral=X, b,format=qcow3,cache=nono, size:10GB, size:512, c,serial=a b,bus=scsi';
    expect(await complaintOf(() => parseDisks(text, PLACE))).toMatchInlineSnapshot(`
      "rapido: error: 7 mistakes in the disks of a VM
        - --disk: a,seral=X: there is no option seral; did you mean serial?
        - --disk: b,format=qcow3,cache=nono: format=qcow3: possible values are raw, qcow2, qcow, qed, vmdk, vdi, vhdx, vpc, parallels; did you mean format=qcow2?
        - --disk: b,format=qcow3,cache=nono: cache=nono: possible values are none, writeback, writethrough, directsync, unsafe; did you mean cache=none?
        - --disk: size:10GB: "10GB" is not a valid size: use a number with a unit, such as 512M, 10G or 1T
        - --disk: size:512: 512 is less than 1M; did you mean 512G?
        - --disk: c,serial=a b,bus=scsi: serial=a b: a serial has 1 to 20 letters, digits, "_", "-" or "."
        - --disk: c,serial=a b,bus=scsi: bus=scsi: possible values are virtio, nvme
        hint: FILE, /dev/NAME or size:10G, then options separated by commas without blanks: disk.qcow2,serial=TEST_DEV,readonly; in DISKS, separate disks with a comma and a blank"
    `);
  });

  test('a forgotten blank', async () => {
    const text = 'a.img,serial=A,size:1G';
    expect(await complaintOf(() => parseDisks(text, PLACE))).toContain(
      'separate size:1G from the disk before it with a comma and a blank',
    );
  });

  test.each([
    ['serial=', 'a serial has 1 to 20'],
    ['serial=123456789012345678901', 'a serial has 1 to 20'],
    ['readonly=yes', 'it takes no value'],
    ['readonly,readonly', 'readonly was given twice'],
    ['file=/etc/shadow', 'there is no option file'],
  ])('rejects %s', async (option, why) => {
    expect(await complaintOf(() => parseDisk(`a.img,${option}`, PLACE))).toContain(why);
  });

  test.each([
    ['size:1G,readonly', 'would be empty'],
    ['size:1G,format=qcow2', 'is always raw'],
    ['size:1048577', 'multiple of 512'],
    ['', 'a path or a size is missing'],
  ])('rejects "%s"', async (text, why) => {
    expect(await complaintOf(() => parseDisk(text, PLACE))).toContain(why);
  });

  test('passes a path on as it is, whatever its content, and never as another option of QEMU', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const [drive = ''] = diskArguments(`x${name.replaceAll(',', ',,')},readonly`);
        // As QEMU parses it: a comma ends a value, two commas are one.
        const value = /^-drive file=((?:[^,]|,,)*)/.exec(drive)?.[1];
        expect(value?.replaceAll(',,', ',')).toBe(resolve('/disks', `x${name}`));
        expect(drive).toContain(',readonly=on,');
      }),
    );
  });

  test('a serial is rejected or one word for the kernel and QEMU', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 25 }), (serial) => {
        const text = `a.img,serial=${serial}`;
        let drive: string[];
        try {
          drive = diskArguments(text);
        } catch (error) {
          expect(error).toMatchObject({ exitCode: 2 });
          return;
        }
        expect(drive.at(-1)).toMatch(
          /^-device virtio-blk-pci,drive=rapido-disk1,serial=[\w.-]{1,20}$/,
        );
      }),
    );
  });
});

test('a disk of the command line replaces that of the conf with the same serial', () => {
  const merged = mergeDisks(
    read('a.img,serial=TEST_DEV', 'size:1G', 'b.img,serial=LOG'),
    read('other.img,serial=TEST_DEV', 'size:2G'),
  );
  expect(plan(merged).map(describeDisk)).toMatchInlineSnapshot(`
    [
      "a scratch disk of 1G (virtio, serial disk1)",
      "/disks/b.img (raw, virtio, serial LOG)",
      "/disks/other.img (raw, virtio, serial TEST_DEV)",
      "a scratch disk of 2G (virtio, serial disk4)",
    ]
  `);
});

describe('the format of a disk', () => {
  const formatOf = (text: string, recognised: RecognisedFormat) =>
    plan(read(text), { '/disks/d': { recognised } })[0]?.format;
  const backed: RecognisedFormat = { format: 'qcow2', otherFiles: 'it names a backing file' };

  test('is the detected one, unless the user names another', () => {
    expect(formatOf('d', { format: 'vhdx', otherFiles: undefined })).toBe('vhdx');
    expect(formatOf('d,format=raw', { format: 'vhdx', otherFiles: undefined })).toBe('raw');
  });

  test('must be named for an image that refers to other files: a guest can write such a header', async () => {
    expect(await complaintOf(() => formatOf('d', backed))).toMatchInlineSnapshot(`
      "rapido: error: these disks cannot be used
        - --disk: /disks/d: it looks like qcow2, and it names a backing file; a guest could have written this header: add format=qcow2 if it is one, else format=raw"
    `);
    expect(formatOf('d,format=qcow2', backed)).toBe('qcow2');
    expect(formatOf('d,format=raw', backed)).toBe('raw');
  });
});

describe('rejects together:', () => {
  test('one file twice, also with two names', async () => {
    const same = { '/disks/a': { identity: '8:16' }, '/disks/b': { identity: '8:16' } };
    expect(await complaintOf(() => plan(read('a', 'a')))).toContain('/disks/a: it was given twice');
    expect(await complaintOf(() => plan(read('a', 'b'), same))).toContain(
      '/disks/b: it is the same as /disks/a',
    );
  });

  test('one serial twice, also if one follows from the position', async () => {
    expect(await complaintOf(() => plan(read('a,serial=X', 'b,serial=X')))).toContain(
      'another disk has the serial X',
    );
    expect(await complaintOf(() => plan(read('a,serial=disk2', 'b')))).toContain('serial disk2');
  });

  test('more than fit on the bus', async () => {
    const many = Array.from({ length: 21 }, (_, index) => `disk ${index}`);
    expect(await complaintOf(() => plan(read(...many)))).toContain('a VM can have 20 at most');
  });
});

describe('a disk of another VM', () => {
  const running = (...texts: string[]) => [
    { number: 2, hostname: 'server', disks: noteDisks(plan(read(...texts))) },
  ];

  test('is rejected, and the VM is named', async () => {
    const refused = () => refuseDisksInUse(plan(read('a', 'b')), running('b,readonly'));
    expect(await complaintOf(refused)).toMatchInlineSnapshot(`
      "rapido: error: a disk is in use
        - /disks/b: in use by the running VM 2 (server)
        hint: stop that VM first; VMs can share a disk if each of them has it with readonly"
    `);
  });

  test('can be shared if both only read', () => {
    expect(() =>
      refuseDisksInUse(plan(read('a,readonly')), running('a,readonly', 'b')),
    ).not.toThrow();
  });
});
