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
Exit status: that of the command; 120 kernel crash or lost VM; 121 the command succeeded, but the kernel
reported a problem; 124 time limit; 125 error of rapido or of this host; 130 interrupted.`,
    })
    .description('build, boot, run a command unattended, and report a verdict')
    .argument('[name]', 'a target, by default host; `rapido list` shows all')
    .usage('[options] [name] [-- command and arguments]')
    .option('-x, --exec <command>', 'run a shell command', once('-x'))
    .option('-f, --file <script>', 'run a script from this host', once('-f'))
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
      'time limit for the VMs of the run, for example 90s, 10m (default: none)',
    )
    .option(
      '--boot-timeout <duration>',
      "time limit until the guest's init runs (default: 1m, emulated 5m)",
    )
    .option('--silence <duration>', 'time limit without any output (default: none)')
    .option('--keep-going', 'do not stop at a kernel oops; the run still fails')
    .option('--resume-after-crash', 'after a crash, boot again and run the remaining tests')
    .option(
      '--expected <file>',
      'list of expected kernel reports, one per line: PATTERN [@ TEST] # REASON',
    )
    .option('--ktap', 'parse the output as KTAP: one result per test')
    .option('--with <cut[:vm]>', 'boot this target as a server for the run (repeatable)', collect)
    .option('--results <dir>', 'store the results below this directory')
    .option('--junit <file>', 'also write JUnit XML to this file')
    .option('--html <file>', 'also write a page with the result, for a browser')
    .option('--json', "print the result as JSON instead of the command's output")
    .option('--console', "print the VM's console to stderr")
    .option('-q, --quiet', "print only the command's output")
    .option(
      '--build <command>',
      'first build the kernel tree with this command and install its modules',
    )
    .option(
      '--bisect',
      'exit with a status for `git bisect run`: 0 good, 1 bad, 125 skip, 128 stop',
    )
    .addOption(OPTION.dryRun)
    .action(async (name, _options, command) => {
      const { runRun } = await import('../run/run.ts');
      const options = command.optsWithGlobals();
      const { readRawArguments } = await import('../sys/raw-arguments.ts');
      const words = call.rest === undefined ? undefined : readRawArguments(call.rest);
      call.finish(await runRun(name, { ...options, command: words }, await call.ui()));
    });
