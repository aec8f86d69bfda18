import { type Definition, GROUP } from '../cli/definition.ts';
import { collect, OPTION, once } from '../cli/options.ts';

export const run: Definition = (call) =>
  call
    .command('run', {
      group: GROUP.run,
      takesRest: true,
      hint: 'the command follows `--`; `rapido run --help` shows examples',
      examples: `
  rapido run -- python3 -c 'print(1)'           with the programs and files of this host
  rapido run simple-example -- uname -a
  rapido run simple-example --driver zram -x 'modprobe zram && grep . /sys/block/zram0/*'
  rapido run simple-example --timeout 10m --junit out.xml -f ./my-test.sh
  git bisect run rapido run simple-example --bisect --build 'make -j8' -- ./reproducer
  rapido run --with nfsd-xfs nfs-client -x 'dd if=/dev/zero of=/mnt/nfs/file bs=1M count=8'
Durations: 90s, 10m, 2h; plain numbers are seconds.
Exit status: the command's own; 1: a script or a test failed; 120: the kernel crashed or the VM died;
121: the command succeeded, but the kernel reported a problem; 124: time limit; 125: rapido or the host failed;
130: interrupted.`,
    })
    .description('boot a target, run one command in it, and report pass or fail')
    .argument('[name]', 'a target (default: host); `rapido list` shows all')
    .usage('[options] [name] [-- command and arguments]')
    .option('-x, --exec <command>', 'run a shell command', once('-x'))
    .option(
      '-f, --file <script>',
      'copy this script from the host into the VM and run it',
      once('-f'),
    )
    .addOption(OPTION.install)
    .addOption(OPTION.include)
    .addOption(OPTION.driver)
    .addOption(OPTION.kernel)
    .addOption(OPTION.cpus)
    .addOption(OPTION.memory)
    .addOption(OPTION.disk)
    .addOption(OPTION.net)
    .addOption(OPTION.forward)
    .addOption(OPTION.share)
    .addOption(OPTION.append)
    .addOption(OPTION.qemuArg)
    .option(
      '--timeout <duration>',
      'fail the run after this long, not counting builds (e.g. 90s, 10m; default: none)',
    )
    .option(
      '--boot-timeout <duration>',
      "fail if init hasn't started after this long (default: 1m, 5m under TCG)",
    )
    .option(
      '--silence <duration>',
      'fail if neither console nor command prints anything for this long, once init is up (default: off)',
    )
    .option('--keep-going', 'carry on after an oops (the run still fails)')
    .option(
      '--resume-after-crash',
      'after a crash, reboot and run the remaining tests (test suites only)',
    )
    .option('--kmemleak', 'search for memory leaks in the kernel at the end (needs kmemleak)')
    .option('--dump-on-crash', 'after a crash or at a limit, store the memory of the VM; see dump')
    .option(
      '--expected <file>',
      'file of known splats to ignore: one PATTERN [@ TEST] # REASON per line',
    )
    .option('--shard <i/n>', 'run only the Ith of N equal parts of the tests that are named')
    .option('--times <run>', 'with --shard, balance the parts by the times of this result')
    .option('--ktap', 'parse the output as KTAP: one result per test')
    .option(
      '--with <target[:vm]>',
      "also boot this target, before NAME, and wait until it's ready (repeatable)",
      collect,
    )
    .option('--results <dir>', 'store results under this directory')
    .option('--junit <file>', 'also write JUnit XML to this file')
    .option('--html <file>', 'also write a page with the result, for a browser')
    .option('--json', "print the result as JSON instead of the command's output")
    .option('--console', "print the VM's console to stderr")
    .option('-q, --quiet', "print only the command's output")
    .option(
      '--build <command>',
      'first run this command in the kernel tree, without a shell, then make modules_install if the kernel has modules',
    )
    .option('--bisect', 'use git-bisect exit statuses: 0 good, 1 bad, 125 skip, 128 abort')
    .addOption(OPTION.dryRun)
    .action(async (name, _options, command) => {
      const { runRun } = await import('../run/run.ts');
      const options = command.optsWithGlobals();
      const { readRawArguments } = await import('../sys/raw-arguments.ts');
      const words = call.rest === undefined ? undefined : readRawArguments(call.rest);
      call.finish(await runRun(name, { ...options, command: words }, await call.ui()));
    });
