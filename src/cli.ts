import { Command, CommanderError, Option } from '@commander-js/extra-typings';
import type { GlobalOptions } from './commands/context.ts';
import { EXIT, explainSystemError, UsageError, UserError } from './errors.ts';
import type { CutExtras } from './image/resolve-request.ts';
import { failureStatus } from './results/bisect.ts';
import { cleanUpAfterFailure } from './sys/failure.ts';
import { requireWritten, watchOwnOutput } from './ui/own-output.ts';
import { reportError } from './ui/report-error.ts';

declare const __RAPIDO_VERSION__: string;
const VERSION = typeof __RAPIDO_VERSION__ === 'string' ? __RAPIDO_VERSION__ : 'development';

/** Options that several commands take: what an image is to hold besides, and what its VM is to be. */
const OPTIONS = {
  install: new Option(
    '-i, --install <program>',
    'add a program with its libraries (repeatable)',
  ).argParser(collect),
  include: new Option('--include <src[:dst]>', 'add a file or directory (repeatable)').argParser(
    collect,
  ),
  driver: new Option('--driver <module>', 'add a kernel module (repeatable)').argParser(collect),
  cpus: new Option('--cpus <count>', 'virtual CPUs'),
  memory: new Option('--memory <size>', 'memory, for example 2G'),
  disk: new Option(
    '--disk <disk>',
    'a disk: FILE, /dev/NAME or size:10G, with options (repeatable)',
  ).argParser(collect),
  net: new Option('--net <kind>', 'which network: tap, user or none'),
  forward: new Option(
    '--forward <host:guest>',
    'a port of this host that leads to one of the VM, with --net user (repeatable)',
  ).argParser(collect),
};

/** Runs a command line, without the program's name. @returns the exit status */
export async function main(argv: readonly string[]): Promise<number> {
  watchOwnOutput();
  try {
    const status = await perform(argv);
    await requireWritten();
    return status;
  } catch (error) {
    if (error instanceof CommanderError)
      return failureStatus(ownWords(argv), { ordinary: EXIT.usage });
    const explained = explainSystemError(error);
    reportError(explained, process.stderr, VERSION);
    if (!(explained instanceof UserError)) return failureStatus(ownWords(argv), {});
    const { exitCode: ordinary, dependsOn } = explained;
    return failureStatus(ownWords(argv), { ordinary, mayBeSkipped: dependsOn !== undefined });
  }
}

/**
 * Reports an error that came where nobody expects one, after what must not be left as it is has been put in
 * order. @returns the exit status of the process, which must end now
 */
export function fail(error: unknown, argv: readonly string[]): number {
  cleanUpAfterFailure(error);
  reportError(explainSystemError(error), process.stderr, VERSION);
  return failureStatus(ownWords(argv), {});
}

async function perform(argv: readonly string[]): Promise<number> {
  const own = ownWords(argv);
  const rest = own.length === argv.length ? undefined : argv.slice(own.length + 1);
  let status: number = EXIT.ok;
  const program = buildProgram(rest, (exitStatus) => {
    status = exitStatus;
  });
  await program.parseAsync(own, { from: 'user' }).catch((error) => {
    // Help that was asked for.
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
  });
  return status;
}

/** What stands before `--`. */
function ownWords(argv: readonly string[]): readonly string[] {
  const separator = argv.indexOf('--');
  return separator === -1 ? argv : argv.slice(0, separator);
}

/**
 * The table of commands. Each imports what it needs only when it is called.
 * @param rest what follows `--`; undefined: there was none
 */
function buildProgram(rest: readonly string[] | undefined, done: (status: number) => void) {
  const program = new Command('rapido')
    .description('Cut an initramfs out of what a test needs, boot it with the kernel just built.')
    .version(VERSION, '-V, --version')
    .option('--conf <file>', 'the conf file to read, instead of the first found')
    .option('--cut-dir <dir>', 'a directory of your own cuts (repeatable)', collect)
    .option('--debug', 'say more: command lines, why a layer was made')
    .showHelpAfterError('  hint: `rapido --help` shows what there is')
    .configureOutput({ outputError: (text, write) => write(`rapido: ${text}`) })
    .exitOverride()
    .addHelpText('after', EXAMPLES.program);

  const commands: CutExtras['commands'][number][] = [];
  program
    .command('cut')
    .description('build the initramfs of a target')
    .argument('<name>', 'a target of `rapido list`')
    .option('-b, --boot', 'boot it at once')
    .option('-B, --no-boot', 'do not boot it (the default; the original tool booted)')
    .option(
      '-x, --exec <command>',
      'shell command to run after the autorun scripts (repeatable)',
      (command) => {
        commands.push({ command });
        return command;
      },
    )
    .option(
      '-f, --file <script>',
      'script to run after the autorun scripts (repeatable)',
      (file) => {
        commands.push({ file });
        return file;
      },
    )
    .addOption(OPTIONS.install)
    .addOption(OPTIONS.include)
    .addOption(OPTIONS.driver)
    .option('--net <kind>', 'add what a network takes; with -b, which one: tap, user or none')
    .addOption(OPTIONS.cpus)
    .addOption(OPTIONS.memory)
    .addOption(OPTIONS.disk)
    .addOption(OPTIONS.forward)
    .option('-o, --output <file>', 'write the image there')
    .option('--dry-run', 'print what would be done, and stop')
    .option('--rebuild', 'make every layer anew')
    .usage('[options] <name> [-- QEMU arguments]')
    .showHelpAfterError('  hint: `rapido cut --help` shows examples')
    .addHelpText('after', EXAMPLES.cut)
    .action(async (name, _options, command) => {
      const { runCut } = await import('./commands/cut.ts');
      const options = command.optsWithGlobals();
      done(await runCut(name, { ...options, commands, qemuArguments: rest }, await ui()));
    });

  program
    .command('boot')
    .alias('vm')
    .description('boot an image: the one cut last, or that of NAME')
    .argument('[name]', 'a target, or the path of an image')
    .addOption(OPTIONS.cpus)
    .addOption(OPTIONS.memory)
    .addOption(OPTIONS.disk)
    .addOption(OPTIONS.net)
    .addOption(OPTIONS.forward)
    .option('-d, --detach', 'leave it running once its autorun scripts have ended; see ps, stop')
    .option('--dry-run', 'print the QEMU command line, and stop')
    .usage('[options] [name] [-- QEMU arguments]')
    .showHelpAfterError('  hint: QEMU arguments go after `--`; `rapido boot --help` shows examples')
    .addHelpText('after', EXAMPLES.boot)
    .action(async (name, _options, command) => {
      const { runBoot } = await import('./commands/boot.ts');
      const options = command.optsWithGlobals();
      done(await runBoot(name, { ...options, qemuArguments: [...(rest ?? [])] }, await ui()));
    });

  program
    .command('run')
    .description('cut, boot, run a command with nobody watching, and judge how it went')
    .argument('<name>', 'a target of `rapido list`')
    .usage('[options] <name> [-- command and arguments]')
    .option('-x, --exec <text>', 'run this text with a shell', once('-x'))
    .option('-f, --file <script>', 'run this script of the host', once('-f'))
    .addOption(OPTIONS.install)
    .addOption(OPTIONS.include)
    .addOption(OPTIONS.driver)
    .addOption(OPTIONS.cpus)
    .addOption(OPTIONS.memory)
    .addOption(OPTIONS.disk)
    .addOption(OPTIONS.net)
    .addOption(OPTIONS.forward)
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
    .option('--dry-run', 'print what would be done, and stop')
    .showHelpAfterError('  hint: the command goes after `--`; `rapido run --help` shows examples')
    .addHelpText('after', EXAMPLES.run)
    .action(async (name, _options, command) => {
      const { runRun } = await import('./commands/run.ts');
      const options = command.optsWithGlobals();
      const { readRawArguments } = await import('./sys/raw-arguments.ts');
      const words = rest === undefined ? undefined : readRawArguments(rest);
      done(await runRun(name, { ...options, command: words }, await ui()));
    });

  program
    .command('ps')
    .description('list the VMs that run')
    .option('--json', 'as JSON')
    .showHelpAfterError('  hint: `rapido ps --help` shows examples')
    .addHelpText('after', EXAMPLES.ps)
    .action(async (_options, command) => {
      refuseRest(rest, command);
      const { runPs } = await import('./commands/ps.ts');
      done(await runPs(command.optsWithGlobals(), await ui()));
    });

  program
    .command('exec')
    .description('run a command in a running VM; at a terminal without a command, a shell')
    .argument('<vm>', 'number or name of a VM of `rapido ps`')
    .option('-t, --tty', 'give the command a terminal even if rapido has none')
    .option('-T, --no-tty', 'give the command pipes even if rapido has a terminal')
    .usage('[options] <vm> [-- command and arguments]')
    .showHelpAfterError('  hint: the command goes after `--`; `rapido exec --help` shows examples')
    .addHelpText('after', EXAMPLES.exec)
    .action(async (name, _options, command) => {
      const { runExec } = await import('./commands/exec.ts');
      const { readRawArguments } = await import('./sys/raw-arguments.ts');
      const words = rest === undefined ? undefined : readRawArguments(rest);
      done(await runExec(name, words, command.optsWithGlobals(), await ui()));
    });

  program
    .command('console')
    .description('show the console of a detached VM at this terminal; Ctrl-a d leaves it')
    .argument('<vm>', 'number or name of a VM of `rapido ps`')
    .showHelpAfterError('  hint: `rapido console --help` shows examples')
    .addHelpText('after', EXAMPLES.console)
    .action(async (name, _options, command) => {
      refuseRest(rest, command);
      const { runConsole } = await import('./commands/console.ts');
      done(await runConsole(name, command.optsWithGlobals(), await ui()));
    });

  program
    .command('stop')
    .description('power off VMs in order, by force where that takes too long')
    .argument('[vm...]', 'numbers or names of VMs of `rapido ps`')
    .option('-a, --all', 'all that run')
    .showHelpAfterError('  hint: `rapido stop --help` shows examples')
    .addHelpText('after', EXAMPLES.stop)
    .action(async (names, _options, command) => {
      refuseRest(rest, command);
      const { runStop } = await import('./commands/stop.ts');
      done(await runStop(names, command.optsWithGlobals(), await ui()));
    });

  program
    .command('results')
    .description('list the runs that were kept, show one, or compare two')
    .argument('[run]', 'a run: its name, the end of it, latest, latest~1, latest:CUT, or a path')
    .argument('[other]', 'another run, to compare it with')
    .option('--cut <name>', 'only runs of this cut')
    .option('--results <dir>', 'where the runs are')
    .option('--json', 'as JSON')
    .showHelpAfterError('  hint: `rapido results --help` shows examples')
    .addHelpText('after', EXAMPLES.results)
    .action(async (run, other, _options, command) => {
      refuseRest(rest, command);
      const { runResults } = await import('./commands/results.ts');
      const names = [run, other].filter((name) => name !== undefined);
      done(await runResults(names, command.optsWithGlobals(), await ui()));
    });

  program
    .command('list')
    .description('list every target')
    .option('--json', 'as JSON')
    .showHelpAfterError('  hint: `rapido list --help` shows examples')
    .addHelpText('after', EXAMPLES.list)
    .action(async (_options, command) => {
      refuseRest(rest, command);
      const { runList } = await import('./commands/list.ts');
      done(await runList(command.optsWithGlobals(), await ui()));
    });

  program
    .command('conf')
    .description('show every conf key, its value, and where that came from')
    .argument('[key...]', 'only these')
    .option('--json', 'as JSON')
    .showHelpAfterError('  hint: `rapido conf --help` shows examples')
    .addHelpText('after', EXAMPLES.conf)
    .action(async (keys, _options, command) => {
      refuseRest(rest, command);
      const { runConf } = await import('./commands/conf.ts');
      done(await runConf(keys, command.optsWithGlobals(), await ui()));
    });

  program
    .command('setup-network')
    .description('make the bridge and the taps of the VMs, as rapido.conf has them (root)')
    .option('--dry-run', 'print what would be done, and stop')
    .showHelpAfterError('  hint: `rapido setup-network --help` shows examples')
    .addHelpText('after', EXAMPLES.setupNetwork)
    .action(async (_options, command) => {
      refuseRest(rest, command);
      const { runSetupNetwork } = await import('./commands/network.ts');
      done(await runSetupNetwork(command.optsWithGlobals(), await ui()));
    });

  program
    .command('teardown-network')
    .description('take all that away again (root)')
    .option('--dry-run', 'print what would be done, and stop')
    .showHelpAfterError('  hint: `rapido teardown-network --help` shows examples')
    .addHelpText('after', EXAMPLES.teardownNetwork)
    .action(async (_options, command) => {
      refuseRest(rest, command);
      const { runTeardownNetwork } = await import('./commands/network.ts');
      done(await runTeardownNetwork(command.optsWithGlobals(), await ui()));
    });

  program
    .command('setup-ramdisk')
    .description('mount a compressed ramdisk at the image directory (root)')
    .option('--size <size>', 'how much it can hold (default: 2G)')
    .option('--dry-run', 'print what would be done, and stop')
    .showHelpAfterError('  hint: `rapido setup-ramdisk --help` shows examples')
    .addHelpText('after', EXAMPLES.setupRamdisk)
    .action(async (_options, command) => {
      refuseRest(rest, command);
      const { runSetupRamdisk } = await import('./commands/ramdisk.ts');
      done(await runSetupRamdisk(command.optsWithGlobals(), await ui()));
    });

  program
    .command('teardown-ramdisk')
    .description('take that ramdisk away, with all that is on it (root)')
    .option('--dry-run', 'print what would be done, and stop')
    .showHelpAfterError('  hint: `rapido teardown-ramdisk --help` shows examples')
    .addHelpText('after', EXAMPLES.teardownRamdisk)
    .action(async (_options, command) => {
      refuseRest(rest, command);
      const { runTeardownRamdisk } = await import('./commands/ramdisk.ts');
      done(await runTeardownRamdisk(command.optsWithGlobals(), await ui()));
    });

  program
    .command('doctor')
    .description('show what this host has and lacks')
    .showHelpAfterError('  hint: `rapido doctor --help` shows examples')
    .addHelpText('after', EXAMPLES.doctor)
    .action(async (_options, command) => {
      refuseRest(rest, command);
      const { runDoctor } = await import('./commands/doctor.ts');
      done(await runDoctor(command.optsWithGlobals() as GlobalOptions, await ui()));
    });

  return program;
}

async function ui() {
  const { createUi } = await import('./ui/terminal.ts');
  return createUi(process.stdout, process.stderr, process.env);
}

function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** For an option whose second value must not quietly replace the first. */
function once(option: string) {
  return (value: string, previous: string | undefined): string => {
    if (previous === undefined) return value;
    throw new UsageError(`${option} was given twice: there can be one command only`, {
      hint: 'put both into one: -x "first && second", or a script',
    });
  };
}

function refuseRest(rest: readonly string[] | undefined, command: { name(): string }): void {
  if (rest === undefined) return;
  throw new UserError(`rapido ${command.name()}: nothing may follow \`--\``, {
    exitCode: EXIT.usage,
    hint: '`rapido boot -- …` passes arguments on to QEMU',
  });
}

const EXAMPLES = {
  program: `
Examples:
  rapido list                        what can be cut
  rapido cut simple-example --boot   cut it, and stand at a prompt in it
  rapido boot                        boot again what was cut last
  rapido doctor                      what this host lacks`,
  cut: `
Examples:
  rapido cut simple-example
  rapido cut simple-example -b -x 'uname -a; dmesg | tail'
  rapido cut simple-example -b -i strace -i ./my-test --driver zram
  rapido cut simple-example --include ~/data:/data --include ./notes.txt:/root/
  rapido cut simple-example -b --cpus 4 --memory 2G --disk size:10G -- -s
  rapido cut simple-example --dry-run`,
  boot: `
Examples:
  rapido boot                        the image that was cut last
  rapido boot simple-example --cpus 4 --memory 2G
  rapido boot --disk test.qcow2,serial=TEST_DEV --disk size:10G,serial=SCRATCH_DEV
  rapido boot -- -gdb tcp:127.0.0.1:1234 -S    QEMU waits for gdb
  rapido boot --dry-run              the QEMU command line
  rapido boot --detach               in the background; prints its number
  rapido boot --detach --forward 2222:22 dropbear    and the ssh command for it
At the prompt: shutdown or exit ends the VM; Ctrl-a x kills it, Ctrl-a h shows more.`,
  run: `
Examples:
  rapido run simple-example -- uname -a
  rapido run simple-example --driver zram -x 'modprobe zram && grep . /sys/block/zram0/*'
  rapido run simple-example --timeout 10m --junit out.xml -f ./my-test.sh
  git bisect run rapido run simple-example --bisect --build 'make -j8' -- ./reproducer
  rapido run --with nfsd-xfs nfs-client -x 'dd if=/dev/zero of=/mnt/nfs/file bs=1M count=8'
Exit status: the command's own; 120 the kernel crashed or the VM died; 121 the command succeeded but
the kernel complained; 124 timed out; 125 rapido could not do it; 130 interrupted.`,
  ps: `
Examples:
  rapido ps
  rapido ps --json | jq -r '.[].number'`,
  exec: `
Examples:
  rapido exec 1                      a shell; exit leaves it, and Enter ~ . if it hangs
  rapido exec 1 -- dmesg
  rapido exec server -- sh -c 'cat > /tmp/file' < file
Exit status: the command's own; 120 the VM ended before it; 125 rapido could not do it.`,
  console: `
Examples:
  rapido console 1`,
  stop: `
Examples:
  rapido stop 1
  rapido stop --all`,
  results: `
Examples:
  rapido results                     the runs, newest first
  rapido results latest
  rapido results --cut fstests-xfs   the runs of one cut
  rapido results latest:fstests-xfs  the last of them
  rapido results latest~1 latest     what changed; exit status 1 if it got worse`,
  list: `
Examples:
  rapido list
  rapido list --json | jq -r '.[].name'
  rapido --cut-dir ~/my-cuts list`,
  conf: `
Examples:
  rapido conf
  rapido conf KERNEL_SRC IMAGE_DIR
  KERNEL_SRC=/other/linux rapido conf KERNEL_SRC`,
  setupNetwork: `
Examples:
  sudo rapido setup-network              a bridge and two taps for the user behind sudo
  rapido setup-network --dry-run
Calling it again is no error; after a change of rapido.conf it changes what is different.`,
  teardownNetwork: `
Examples:
  sudo rapido teardown-network`,
  setupRamdisk: `
Examples:
  sudo rapido setup-ramdisk              for the user behind sudo
  sudo rapido setup-ramdisk --size 8G
It takes memory as it fills. Calling it again is no error.`,
  teardownRamdisk: `
Examples:
  sudo rapido teardown-ramdisk`,
  doctor: `
Examples:
  rapido doctor`,
};
