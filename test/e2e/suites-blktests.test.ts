import { afterAll, describe, expect, test } from 'vitest';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

/**
 * A `check` of our own that prints as the one of blktests does. A test is a file tests/GROUP/NUMBER with
 * a shell function `test`, or `test_device` for each of TEST_DEVS, and its output in NUMBER.out.
 */
const CHECK = `#!/bin/bash
# Like the real one, it applies EXCLUDE only to tests that it finds by itself.
_found_test() {
	[[ $2 == 0 && " \${EXCLUDE[*]-} " == *" $1 "* ]] || echo "$1"
}
. ./config
say() {
	printf '%-60s' "$1 (\${DESCRIPTION-})"
	[[ -z \${2-} ]] && echo || echo " [$2]"
}
one() {
	local bad=$OUTPUT/$1.out.bad seconds status=passed
	SKIP_REASON=
	mkdir -p "\${bad%/*}"
	say "$2"
	TIMEFORMAT=%R
	seconds=$({ time "$3" > "$bad" 2>&1; } 2>&1)
	[[ -e /tmp/skip ]] && { say "$2" 'not run'; echo "    $(< /tmp/skip)"; rm /tmp/skip; return; }
	cmp -s "tests/$1.out" "$bad" || status=failed
	say "$2" "$status"
	echo "    runtime    ...  \${seconds}s"
	[[ $status == passed ]] && return
	diff -u "tests/$1.out" "$bad" | while IFS= read -r line; do echo "    $line"; done
	failed=1
}
failed=0
for name in $(for given; do _found_test "$given" 1; done); do
	unset -f test_device run_test
	. "tests/$name"
	if declare -fF test_device > /dev/null; then
		for TEST_DEV in "\${TEST_DEVS[@]}"; do
			one "$name" "$name => \${TEST_DEV##*/}" test_device
		done
	else
		one "$name" "$name" run_test
	fi
done
exit $failed
`;

describe('rapido run blktests-zram, with a made-up tree in the layout of blktests', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  const path = home.write('blk tests/check', CHECK, 0o755);
  const tree = path.replace(/\/check$/, '');
  const add = (name: string, script: string, expected = '') => {
    home.write(`blk tests/tests/${name}`, script);
    home.write(`blk tests/tests/${name}.out`, expected);
    home.write(`blk tests/tests/${name.replace(/\/.*/, '')}/rc`, '');
  };
  add(
    'block/001',
    `DESCRIPTION='what is written is there'
    test_device() {
      dd if=/dev/urandom of=/tmp/data bs=64k count=4 status=none
      dd if=/tmp/data of="$TEST_DEV" oflag=direct bs=64k status=none
      dd if="$TEST_DEV" iflag=direct bs=64k count=4 status=none | cmp - /tmp/data && echo same
    }`,
    'same\n',
  );
  add(
    'block/002',
    `DESCRIPTION='null_blk through configfs'
    run_test() {
      modprobe null_blk nr_devices=0 && mkdir /sys/kernel/config/nullb/mine &&
        echo 1 > /sys/kernel/config/nullb/mine/power && ls /sys/kernel/config/nullb
    }`,
    'features\nmine\n',
  );
  add('block/003', "DESCRIPTION='wrong'; run_test() { echo wrong; }", 'right\n');
  add(
    'nvme/001',
    `DESCRIPTION='a transport that this kernel has'
    run_test() { modprobe --dry-run --quiet "nvme-\${NVMET_TRTYPES:-loop}" && echo there; }`,
    'there\n',
  );
  add('loop/001', "DESCRIPTION='elsewhere'; run_test() { echo 'no moon base' > /tmp/skip; }");
  add('loop/002', "DESCRIPTION='the end'; run_test() { echo c > /proc/sysrq-trigger; }");
  const env = { BLKTESTS_SRC: tree, BLKTESTS_ZRAM_SIZE: '64M' };

  test('reports each test on each device, with unexpected output', async () => {
    const { status, result, file } = await run(
      ['blktests-zram', '--', 'block/001', 'block/002', 'block/003', 'loop/001', 'nvme/001'],
      { env },
    );
    expect({ status, verdict: result?.verdict }).toEqual({ status: 1, verdict: 'fail' });
    const [start, duration] = [expect.any(Number), expect.any(Number)];
    expect(result?.tests).toEqual([
      { name: 'block/001/zram0', status: 'pass', start, duration },
      { name: 'block/001/loop0', status: 'pass', start, duration },
      { name: 'block/002', status: 'pass', start, duration },
      {
        name: 'block/003',
        status: 'fail',
        start,
        duration,
        message: 'the output is not as expected',
        output: expect.stringContaining('-right\n+wrong'),
      },
      { name: 'loop/001', status: 'skip', start, message: 'no moon base' },
      { name: 'nvme/001', status: 'pass', start, duration },
    ]);
    expect(file('guest/blktests/block/003.out.bad').toString()).toBe('wrong\n');
  });

  test('names the test in which the kernel crashed, and continues with the others on request', async () => {
    const { status, result } = await run(
      ['blktests-zram', '--resume-after-crash', '--', 'block/001', 'loop/002', 'block/002'],
      { env },
    );
    expect({ status, verdict: result?.verdict }).toEqual({ status: 120, verdict: 'crash' });
    expect(result?.tests.map(({ name, message }) => [name, message])).toEqual([
      ['block/001/zram0', undefined],
      ['block/001/loop0', undefined],
      ['loop/002', expect.stringMatching(/^crashed: /)],
      ['block/002', undefined],
    ]);
  });
});
