import { type Definition, GROUP } from '../cli/definition.ts';
import { collect, OPTION, once } from '../cli/options.ts';

export const run: Definition = (call) =>
  call
    .command('run', {
      group: GROUP.run,
      takesRest: true,
      hint: 'the command goes after `--`; `rapido run --help` shows examples',
      examples: `
  rapido run simple-example -- uname -a
  rapido run simple-example --driver zram -x 'modprobe zram && grep . /sys/block/zram0/*'
  rapido run simple-example --timeout 10m --junit out.xml -f ./my-test.sh
  git bisect run rapido run simple-example --bisect --build 'make -j8' -- ./reproducer
  rapido run --with nfsd-xfs nfs-client -x 'dd if=/dev/zero of=/mnt/nfs/file bs=1M count=8'
Exit status: the command's own; 120 the kernel crashed or the VM died; 121 the command succeeded but
the kernel complained; 124 timed out; 125 rapido could not do it; 130 interrupted.`,
    })
    .description('cut, boot, run a command with nobody watching, and judge how it went')
    .argument('<name>', 'a target of `rapido list`')
    .usage('[options] <name> [-- command and arguments]')
    .option('-x, --exec <text>', 'run this text with a shell', once('-x'))
    .option('-f, --file <script>', 'run this script of the host', once('-f'))
    .addOption(OPTION.install)
    .addOption(OPTION.include)
    .addOption(OPTION.driver)
    .addOption(OPTION.cpus)
    .addOption(OPTION.memory)
    .addOption(OPTION.disk)
    .addOption(OPTION.net)
    .addOption(OPTION.forward)
    .option('--timeout <duration>', 'longest time for the VM, for example 90s, 10m (default: none)')
    .option(
      '--boot-timeout <duration>',
      "longest time to the guest's init (default: 1m, emulated 5m)",
    )
    .option('--silence <duration>', 'longest time without any output (default: none)')
    .option('--keep-going', 'let the kernel go on after an oops; the run fails all the same')
    .option('--resume-after-crash', 'boot again after a crash, and go on with the other tests')
    .option(
      '--expected <file>',
      'kernel reports that are excused: PATTERN [@ TEST] # REASON a line',
    )
    .option('--ktap', 'read the output as KTAP, a result for each test')
    .option('--with <cut[:vm]>', 'boot this server first, take it down after (repeatable)', collect)
    .option('--results <dir>', 'keep the results there, in a directory for each run')
    .option('--junit <file>', 'write JUnit XML there, too')
    .option('--json', 'print the result as JSON; the output of the command goes to files only')
    .option('--console', "show the VM's console on stderr")
    .option('-q, --quiet', 'print nothing but what the command prints')
    .option('--build <command>', 'build the kernel of KERNEL_SRC first, and install its modules')
    .option('--bisect', 'exit as `git bisect run` wants it: 0, 1, 125 cannot test, 128 stop')
    .addOption(OPTION.dryRun)
    .action(async (name, _options, command) => {
      const { runRun } = await import('../run/run.ts');
      const options = command.optsWithGlobals();
      const { readRawArguments } = await import('../sys/raw-arguments.ts');
      const words = call.rest === undefined ? undefined : readRawArguments(call.rest);
      call.finish(await runRun(name, { ...options, command: words }, await call.ui()));
    });
