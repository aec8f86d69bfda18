import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A test of a made-up tree: a shell script whose output may match its `.out` file or not. */
export interface MadeTest {
  /** `generic/001` */
  name: string;
  groups?: readonly string[];
  /** A bash script, which may use `notrun REASON` and `$seqres`. */
  script: string;
  /** Its expected output after the head. Default: none. */
  expected?: string;
}

/**
 * Makes a tree like a built xfstests, with a `check` that supports the options, configuration, output and files
 * of the real one as far as the tests of rapido need them.
 */
export function makeXfstestsTree(directory: string, tests: readonly MadeTest[]): string {
  const write = (name: string, text: string, mode = 0o644): void => {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
  };
  write('check', CHECK, 0o755);
  write('ltp/fsstress', '#!/bin/sh\n', 0o755);
  write('ltp/fsstress.c', 'int main(void) { return 0; }\n');
  write('src/leftover.o', 'an object file');
  write('.git/HEAD', 'ref: refs/heads/master\n');
  const directories = new Set(tests.map(({ name }) => dirname(name)));
  for (const group of directories) {
    const listed = tests.filter(({ name }) => dirname(name) === group);
    const lines = listed.map(({ name, groups }) =>
      [name.slice(group.length + 1), ...(groups ?? ['auto', 'quick'])].join(' '),
    );
    write(`tests/${group}/group.list`, `${lines.join('\n')}\n`);
  }
  for (const { name, script, expected = '' } of tests) {
    const head = `QA output created by ${name.replace(/^.*\//, '')}`;
    write(`tests/${name}`, `#!/bin/bash\n${TEST_HEAD}echo '${head}'\n${script}\n`, 0o755);
    write(`tests/${name}.out`, `${head}\n${expected}`);
  }
  return directory;
}

const TEST_HEAD = `notrun() { echo "$*" > "$seqres.notrun"; exit 0; }
`;

/** Prints like the real one: name, time of the last run and result on one line, in steps. */
const CHECK = `#!/bin/bash
options=() excluded=() groups=() names=() tried=() notrun=() failed=()
while (($# > 0)); do
  case $1 in
  -g) groups+=($2); shift ;;
  -E) while read -r name _; do excluded+=("$name"); done < <(sed 's/#.*//' "$2"); shift ;;
  -overlay) export OVERLAY=yes ;;
  -*) echo "Usage: $0 [options] [testlist]"; exit 1 ;;
  *) break ;;
  esac
  shift
done
. ./local.config || exit 1
: "\${RESULT_BASE:=$PWD/results}"
mkdir -p "$RESULT_BASE"
for name in "$@"; do
  if [[ -f tests/$name ]]; then names+=("$name"); else echo "$name - unknown test, ignored"; fi
done
if (($# == 0)); then
  for list in tests/*/group.list; do
    dir=\${list%/*} dir=\${dir#tests/}
    while read -r number of; do
      for group in "\${groups[@]:-auto}"; do
        [[ " $of " == *" $group "* ]] && names+=("$dir/$number")
      done
    done < "$list"
  done
fi
[[ -f $RESULT_BASE/check.time ]] || : > "$RESULT_BASE/check.time"
echo "FSTYP         -- $FSTYP"
echo "PLATFORM      -- Linux/x86_64 made-up"
echo "MKFS_OPTIONS  -- $MKFS_OPTIONS $SCRATCH_DEV"
echo "MOUNT_OPTIONS -- $MOUNT_OPTIONS $SCRATCH_DEV $SCRATCH_MNT"
echo
for name in "\${names[@]}"; do
  export seqres=$RESULT_BASE/$name
  mkdir -p "\${seqres%/*}"
  printf '%-11s' "$name"
  if [[ " \${excluded[*]} " == *" $name "* ]]; then
    echo '       [expunged]'
    continue
  fi
  tried+=("$name")
  last=$(sed -n "s|^$name ||p" "$RESULT_BASE/check.time")
  if [[ -n $last ]]; then printf ' %ss ... ' "$last"; else printf '       '; fi
  rm -f "$seqres".{notrun,out.bad}
  echo "run fstests $name at $(date '+%F %T')" > /dev/kmsg
  start=$SECONDS
  "tests/$name" > /tmp/made.out 2>&1
  status=$?
  if [[ -f $seqres.notrun ]]; then
    printf '[not run] '
    cat "$seqres.notrun"
    notrun+=("$name")
    continue
  fi
  bad=0
  if ((status != 0)); then
    printf '[failed, exit status %s]' "$status"
    bad=1
  fi
  if cmp -s "tests/$name.out" /tmp/made.out; then
    if ((!bad)); then
      printf ' %ss' $((SECONDS - start))
      echo "$name $((SECONDS - start))" >> /tmp/made.time
    fi
    echo
  else
    echo "- output mismatch (see $seqres.out.bad)"
    mv /tmp/made.out "$seqres.out.bad"
    diff -u "tests/$name.out" "$seqres.out.bad" | sed 's/^\\(.\\)/    \\1/'
    bad=1
  fi
  ((bad)) && failed+=("$name")
done
[[ -f /tmp/made.time ]] && cat /tmp/made.time >> "$RESULT_BASE/check.time"
((\${#tried[@]} > 0)) && echo "Ran: \${tried[*]}"
((\${#notrun[@]} > 0)) && echo "Not run: \${notrun[*]}"
if ((\${#failed[@]} > 0)); then
  echo "Failures: \${failed[*]}"
  echo "Failed \${#failed[@]} of \${#tried[@]} tests"
else
  echo "Passed all \${#tried[@]} tests"
fi
echo
exit $((\${#failed[@]} > 0))
`;
