import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

/** Listens at a port: `listener PORT`, in the background where more follows. Port 0: fails. */
const LISTENER = `
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  int s = socket(AF_INET, SOCK_STREAM, 0);
  puts("listener begins");
  fflush(stdout);
  if (at.sin_port == 0) return 3;
  if (argc > 2 && daemon(1, 1) != 0) return 4;
  sleep(1);
  if (bind(s, (struct sockaddr *)&at, sizeof at) != 0 || listen(s, 5) != 0) return 5;
  pause();
}
`;

/** Each line of its output shows what one function did, or printed before it ended its subshell. */
const SCRIPT = `#!/bin/bash
set -eu
. /rapido/lib.sh

load_modules ext4=CONFIG_EXT4_FS loop
(load_modules loop nosuch=CONFIG_NO_SUCH) 2>&1 || echo "status $?"
(load_modules nosuch) 2>&1 || :
is_mounted /sys && echo '/sys is mounted'
is_mounted /nowhere || echo '/nowhere is not'
mount_once configfs /sys/kernel/config
mount_once configfs /sys/kernel/config
is_mounted /sys/kernel/config && echo 'configfs is mounted'
(mount_once nosuchfs /mnt) 2> /dev/null || echo 'nosuchfs is not'

echo "SCRATCH is \${RAPIDO_DISKS[SCRATCH]} of $(< /sys/block/zram0/size)"
first='' second='' found=''
add_zram first 128M
add_zram second 64M
echo "$first $second $(< /sys/block/zram2/size)"
(add_zram found nonsense) 2>&1 || :
find_disk found size 262144 && echo "of 128M is $found"
find_disk found size '1 2*' || echo 'no other'
make_filesystem ext4 "$first" -L label
mount_filesystem ext4 "$first" '/mnt/a place' -o noatime
is_mounted '/mnt/a place' && echo 'a place is mounted'
make_filesystem ext4 "$second"
(make_filesystem ext4 /dev/nothing) 2>&1 || :

mount_disk KEPT ext4 /mnt/kept
echo 'still here' > /mnt/kept/file
umount /mnt/kept
mount_disk KEPT ext4 /mnt/kept
cat /mnt/kept/file
umount /mnt/kept
(mount_disk KEPT vfat /mnt/kept) 2>&1 || :
(mount_disk NONE ext4 /mnt/kept) 2>&1 || :
mount_disk SCRATCH ext4 /mnt/scratch
is_mounted /mnt/scratch && echo 'scratch is mounted'

count=0
third() { ((++count == 3)); }
wait_for 10 'the third time' third && echo "called $count times"
(RAPIDO_EMULATED=0; . /rapido/lib.sh; wait_for 1 'the moon' test -b /dev/moon) 2>&1 || :

start_daemon tcp:2049 listener 2049
start_daemon tcp:445 listener 445 background
is_listening tcp:445 && is_listening tcp:2049 && echo 'both listen'
is_listening tcp:80 || is_listening udp:2049 || echo 'nothing else does'
(start_daemon tcp:80 listener 0) 2>&1 || :

echo $'10.0.0.1 rapido1 rapido-server\\n10.0.0.2 rapido2' >> /etc/hosts
(refuse_this_vm rapido-server MY_SERVER) 2>&1 || :
refuse_this_vm rapido2 MY_SERVER && echo 'rapido2 is another'
find_address address rapido2 && echo "at $address"
(find_address address nowhere) 2>&1 || :
`;

describe('the library of autorun scripts', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);

  it('loads, mounts, makes devices and filesystems, waits, starts daemons, and reports failures', async () => {
    const listener = join(home.directory, 'listener');
    execFileSync('gcc', ['-x', 'c', '-o', listener, '-'], { input: LISTENER });
    const cut = addCut(home, 'lib-user', {
      binaries: ['mkfs.ext4', 'getent', listener],
      zram: { SCRATCH: '96M' },
      drivers: ['ext4', 'loop'],
      optionalDrivers: ['configfs'],
    });
    const ran = await run([
      cut,
      '--disk',
      'size:64M,serial=KEPT',
      '-f',
      home.write('lib-user.sh', SCRIPT),
    ]);
    expect(ran.stdout.split('\n')).toEqual([
      "lib-user: the module nosuch is not in this kernel (CONFIG_NO_SUCH), or not among the cut's drivers",
      'status 1',
      "lib-user: the module nosuch is not in this kernel, or not among the cut's drivers",
      '/sys is mounted',
      '/nowhere is not',
      'configfs is mounted',
      'nosuchfs is not',
      'SCRATCH is /dev/zram0 of 196608',
      '/dev/zram1 /dev/zram2 131072',
      "lib-user: could not create a nonsense zram device; check the size, CONFIG_ZRAM in the kernel, and zram in the cut's drivers",
      'of 128M is /dev/zram1',
      'no other',
      'a place is mounted',
      'The file /dev/nothing does not exist and no size was specified.',
      'lib-user: mkfs.ext4 /dev/nothing failed',
      'still here',
      'lib-user: the disk with serial KEPT has no mountable vfat, and is not empty; use another disk, or wipe it',
      'lib-user: no disk has the serial NONE, and no zram device has that name',
      'scratch is mounted',
      'called 3 times',
      'lib-user: the moon: not there after 1 s',
      'both listen',
      'nothing else does',
      'listener begins',
      'lib-user: listener does not listen at tcp:80',
      'lib-user: rapido-server is this VM itself: boot the server first, or set MY_SERVER to another server',
      'rapido2 is another',
      'at 10.0.0.2',
      'lib-user: nowhere has no known address',
      '',
    ]);
    expect({ status: ran.status, stderr: ran.stderr }).toMatchObject({ status: 0 });
    expect(ran.result?.vm?.memory).toBe((512 + 96) * 1024 * 1024);
    expect(ran.file('guest/listener.log').toString()).toBe('listener begins\n');
  });
});
