import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { problemsOf, readConf, refusal } from './read-conf.ts';

describe('rejects shell code without running it', () => {
  test('$(command)', () => {
    expect(refusal('BR_DEV=br0\nKERNEL_RELEASE=$(uname -r)')).toMatchInlineSnapshot(
      `"rapido.conf:2: KERNEL_RELEASE: \`$(uname -r)\`: this is shell code, and rapido.conf is not a script; write the value itself, or set the key in the environment for one call"`,
    );
    expect(refusal('VM_CPUS="$(nproc --ignore="$(echo 1)") more"')).toMatchInlineSnapshot(
      `"rapido.conf:1: VM_CPUS: \`$(nproc --ignore="$(echo 1)")\`: this is shell code, and rapido.conf is not a script; write the value itself, or set the key in the environment for one call"`,
    );
    expect(refusal('VM_CPUS="$(nproc"\nBR_DEV=$(x)')).toMatchInlineSnapshot(`
      "rapido.conf:1: VM_CPUS: \`$(nproc"\`: this is shell code, and rapido.conf is not a script; write the value itself, or set the key in the environment for one call
      rapido.conf:2: BR_DEV: \`$(x)\`: this is shell code, and rapido.conf is not a script; write the value itself, or set the key in the environment for one call"
    `);
  });

  test('backticks', () => {
    expect(refusal('KERNEL_RELEASE=`uname -r`')).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_RELEASE: "\`uname -r\`": this is shell code, and rapido.conf is not a script; write the value itself, or set the key in the environment for one call"`,
    );
    expect(refusal('KERNEL_RELEASE="`uname -r"')).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_RELEASE: "\`uname -r"": this is shell code, and rapido.conf is not a script; write the value itself, or set the key in the environment for one call"`,
    );
  });

  test('$((arithmetic))', () => {
    expect(refusal('VM_CPUS=$((2 * 2))')).toMatchInlineSnapshot(
      `"rapido.conf:1: VM_CPUS: \`$((2 * 2))\`: this is shell code, and rapido.conf is not a script; write the number itself"`,
    );
  });

  test('operations on variables', () => {
    expect(refusal('KERNEL_SRC="${LINUX:-/usr/src/linux}"')).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_SRC: \`\${LINUX:-/usr/src/linux}\`: only \${NAME} and $NAME are expanded; write the value itself"`,
    );
    expect(
      refusal('KERNEL_SRC="${A:-${B}}"\nTAP_USER=${USER%x}\nBR_DEV=${#HOME}${}'),
    ).toMatchInlineSnapshot(`
      "rapido.conf:1: KERNEL_SRC: \`\${A:-\${B}}\`: only \${NAME} and $NAME are expanded; write the value itself
      rapido.conf:2: TAP_USER: \`\${USER%x}\`: only \${NAME} and $NAME are expanded; write the value itself
      rapido.conf:3: BR_DEV: \`\${#HOME}\`: only \${NAME} and $NAME are expanded; write the value itself
      rapido.conf:3: BR_DEV: \`\${}\`: only \${NAME} and $NAME are expanded; write the value itself"
    `);
    expect(refusal('KERNEL_SRC="${HOME/linux"\nTAP_USER=${TAP')).toMatchInlineSnapshot(`
      "rapido.conf:1: KERNEL_SRC: \`\${HOME/linux"\`: missing }; add it, or write \\$ for a dollar sign
      rapido.conf:2: TAP_USER: \`\${TAP\`: missing }; add it, or write \\$ for a dollar sign"
    `);
  });

  test('positional and special parameters', () => {
    expect(refusal('TAP_USER=$1\nBR_DEV="br$$"')).toMatchInlineSnapshot(`
      "rapido.conf:1: TAP_USER: \`$1\`: shell parameters are not supported; write \\$ for a dollar sign
      rapido.conf:2: BR_DEV: \`$$\`: shell parameters are not supported; write \\$ for a dollar sign"
    `);
  });

  test("$'…' quoting", () => {
    expect(refusal("TAP_USER=$'a\\tb'")).toMatchInlineSnapshot(
      `"rapido.conf:1: TAP_USER: \`$'\`: this kind of shell quoting is not supported; use "…" or '…'"`,
    );
  });

  test('export, and reads the rest of its line', () => {
    expect(
      refusal('export KERNEL_SRC=/a\ndeclare -x VM_CPUS=many\nexport TAP_USER'),
    ).toMatchInlineSnapshot(`
      "rapido.conf:1: \`export KERNEL_SRC=/a\`: remove the word export: the guest gets the keys that its cut declares
      rapido.conf:2: \`declare -x VM_CPUS=many\`: remove the word declare: the guest gets the keys that its cut declares
      rapido.conf:2: VM_CPUS: "many" is not a positive integer
      rapido.conf:3: \`export TAP_USER\`: remove the word export: the guest gets the keys that its cut declares"
    `);
  });

  test('if, for, while, case, functions: one error for a block', () => {
    expect(
      refusal('if [ -d /a ]; then\n  KERNEL_SRC=/a\nelse\n  KERNEL_SRC=/b\nfi'),
    ).toMatchInlineSnapshot(
      `"rapido.conf:1: \`if [ -d /a ]; then\`: this is shell code, and rapido.conf is not a script; write plain KEY="value" lines; to choose between settings, keep several files and name one with --conf or RAPIDO_CONF"`,
    );
    expect(refusal('for i in a b; do\n  echo "$i"\ndone')).toMatchInlineSnapshot(`
      "rapido.conf:1: \`for i in a b; do\`: this is shell code, and rapido.conf is not a script; write plain KEY="value" lines; to choose between settings, keep several files and name one with --conf or RAPIDO_CONF
      rapido.conf:2: \`echo "$i"\`: syntax error: expected KEY="value" or [section]"
    `);
    expect(refusal('while true; do\ndone')).toMatchInlineSnapshot(
      `"rapido.conf:1: \`while true; do\`: this is shell code, and rapido.conf is not a script; write plain KEY="value" lines; to choose between settings, keep several files and name one with --conf or RAPIDO_CONF"`,
    );
    expect(refusal('case "$HOST" in\nlaptop)\nBR_DEV=a\n;;\nesac')).toMatchInlineSnapshot(
      `"rapido.conf:1: \`case "$HOST" in\`: this is shell code, and rapido.conf is not a script; write plain KEY="value" lines; to choose between settings, keep several files and name one with --conf or RAPIDO_CONF"`,
    );
    expect(refusal('function f {\n}')).toMatchInlineSnapshot(
      `"rapido.conf:1: \`function f {\`: this is shell code, and rapido.conf is not a script; write plain KEY="value" lines; to choose between settings, keep several files and name one with --conf or RAPIDO_CONF"`,
    );
    expect(refusal('f() {\n}')).toMatchInlineSnapshot(
      `"rapido.conf:1: \`f() {\`: this is shell code, and rapido.conf is not a script; write plain KEY="value" lines; to choose between settings, keep several files and name one with --conf or RAPIDO_CONF"`,
    );
    expect(refusal('fi')).toMatchInlineSnapshot(
      `"rapido.conf:1: \`fi\`: syntax error: expected KEY="value" or [section]"`,
    );
  });

  test('tests', () => {
    expect(refusal('[ -d /a ] && KERNEL_SRC=/a')).toMatchInlineSnapshot(
      `"rapido.conf:1: \`[ -d /a ] && KERNEL_SRC=/a\`: syntax error: expected KEY="value" or a section such as [vm1]"`,
    );
    expect(refusal('[[ -n $HOME ]]\n[ -n "$HOME" ]\n((a))')).toMatchInlineSnapshot(`
      "rapido.conf:1: \`[[ -n $HOME ]]\`: syntax error: expected KEY="value" or a section such as [vm1]
      rapido.conf:2: \`[ -n "$HOME" ]\`: syntax error: expected KEY="value" or a section such as [vm1]
      rapido.conf:3: \`((a))\`: syntax error: expected KEY="value" or a section such as [vm1]"
    `);
  });

  test('source and .', () => {
    expect(refusal('source other.conf\n. /etc/other.conf')).toMatchInlineSnapshot(`
      "rapido.conf:1: \`source other.conf\`: other files cannot be included; copy the lines of that file, or name it with --conf or RAPIDO_CONF
      rapido.conf:2: \`. /etc/other.conf\`: other files cannot be included; copy the lines of that file, or name it with --conf or RAPIDO_CONF"
    `);
  });

  test('+= and arrays', () => {
    expect(refusal('QEMU_EXTRA_ARGS+=" -s"')).toMatchInlineSnapshot(
      `"rapido.conf:1: \`QEMU_EXTRA_ARGS+=" -s"\`: += is not supported; write the whole value: QEMU_EXTRA_ARGS="\${QEMU_EXTRA_ARGS} more""`,
    );
    expect(refusal('DYN_DEBUG_MODULES=(rbd libceph)\nBR_DEV[0]=x')).toMatchInlineSnapshot(`
      "rapido.conf:1: \`DYN_DEBUG_MODULES=(rbd libceph)\`: arrays are not supported; write the items in one value, separated by blanks: DYN_DEBUG_MODULES="one two"
      rapido.conf:2: \`BR_DEV[0]=x\`: arrays are not supported; write the items in one value, separated by blanks: BR_DEV="one two""
    `);
    expect(
      refusal('DYN_DEBUG_MODULES=(\n  rbd\n  libceph\n)\nVM_CPUS=many'),
    ).toMatchInlineSnapshot(`
      "rapido.conf:1: \`DYN_DEBUG_MODULES=(\`: arrays are not supported; write the items in one value, separated by blanks: DYN_DEBUG_MODULES="one two"
      rapido.conf:5: VM_CPUS: "many" is not a positive integer"
    `);
  });

  test('a second command on the line', () => {
    expect(refusal('KERNEL_SRC="/a"; export KERNEL_SRC')).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_SRC: \`; export KERNEL_SRC\`: unquoted shell operator; put the value in quotes, and start a comment with #"`,
    );
    expect(refusal('KERNEL_SRC="/a" && echo yes')).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_SRC: \`&& echo yes\`: unquoted shell operator; put the value in quotes, and start a comment with #"`,
    );
    expect(refusal('KERNEL_SRC="/a" | cat')).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_SRC: \`| cat\`: unquoted shell operator; put the value in quotes, and start a comment with #"`,
    );
    expect(refusal('KERNEL_SRC=/a; export KERNEL_SRC')).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_SRC: \`; export KERNEL_SRC\`: unquoted shell operator; put the value in quotes, and start a comment with #"`,
    );
    expect(refusal('BLKTESTS_AUTORUN_CMD = ./check && shutdown')).toMatchInlineSnapshot(
      `"rapido.conf:1: BLKTESTS_AUTORUN_CMD: \`&& shutdown\`: unquoted shell operator; put the value in quotes, and start a comment with #"`,
    );
    expect(refusal('VM_CPUS = 4 ; four')).toMatchInlineSnapshot(
      `"rapido.conf:1: VM_CPUS: \`; four\`: unquoted shell operator; put the value in quotes, and start a comment with #"`,
    );
    expect(refusal('KERNEL_SRC="/a" /b')).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_SRC: \`/b\`: text after the closing quote; put the whole value inside the quotes, and start a comment with #"`,
    );
  });

  test('does not show the value of a secret', () => {
    expect(refusal('CIFS_PW=hunter;2\nexport CIFS_PW=hunter2')).toMatchInlineSnapshot(`
      "rapido.conf:1: CIFS_PW: (not shown): unquoted shell operator; put the value in quotes, and start a comment with #
      rapido.conf:2: the line of CIFS_PW: remove the word export: the guest gets the keys that its cut declares"
    `);
    expect(
      refusal('CIFS_PW: hunter2\necho "hunter2" > CIFS_PW\nCIFS_PW=hunter2\nVM_CPUS=${CIFS_PW}'),
    ).toMatchInlineSnapshot(`
      "rapido.conf:1: the line of CIFS_PW: syntax error: expected KEY="value" or [section]
      rapido.conf:2: the line of CIFS_PW: syntax error: expected KEY="value" or [section]
      rapido.conf:4: VM_CPUS: "********" is not a positive integer"
    `);
  });

  test('commands', () => {
    expect(refusal('echo hello\nset -e\nrm -rf /')).toMatchInlineSnapshot(`
      "rapido.conf:1: \`echo hello\`: syntax error: expected KEY="value" or [section]
      rapido.conf:2: \`set -e\`: syntax error: expected KEY="value" or [section]
      rapido.conf:3: \`rm -rf /\`: syntax error: expected KEY="value" or [section]"
    `);
  });
});

describe('rejects what is not KEY=value', () => {
  test('an unclosed quote; the lines below are still read', () => {
    expect(
      refusal('KERNEL_SRC="/home/me\nBR_DEV="rapido-br"\nVM_CPUS=many'),
    ).toMatchInlineSnapshot(`
      "rapido.conf:1: KERNEL_SRC: \`"/home/me\`: unterminated quote
      rapido.conf:3: VM_CPUS: "many" is not a positive integer"
    `);
    expect(refusal("TAP_USER='me")).toMatchInlineSnapshot(
      `"rapido.conf:1: TAP_USER: \`'me\`: unterminated quote"`,
    );
    expect(refusal("TAP_USER = it's me")).toMatchInlineSnapshot(
      `"rapido.conf:1: TAP_USER: \`'s me\`: unterminated quote"`,
    );
  });

  test('a blank after the backslash at the end of a line', () => {
    expect(refusal('DYN_DEBUG_MODULES="rbd \\ \n  libceph"')).toMatchInlineSnapshot(
      `"rapido.conf:1: DYN_DEBUG_MODULES: \`\\\`: blank after the backslash, so the line does not continue; remove the blank"`,
    );
    expect(refusal('DYN_DEBUG_MODULES = rbd \\ \nBR_DEV=x')).toMatchInlineSnapshot(
      `"rapido.conf:1: DYN_DEBUG_MODULES: \`\\\`: blank after the backslash, so the line does not continue; remove the blank"`,
    );
  });

  test('a key without a value, a value without a key, an invalid key', () => {
    expect(refusal('KERNEL_SRC\n= /a\nkernel-src = /a\n"TAP_USER"="me"')).toMatchInlineSnapshot(`
      "rapido.conf:1: \`KERNEL_SRC\`: no value; write KERNEL_SRC="value"
      rapido.conf:2: \`= /a\`: no key before the =
      rapido.conf:3: \`kernel-src = /a\`: kernel-src is not a valid key: keys consist of capital letters, digits and _
      rapido.conf:4: \`"TAP_USER"="me"\`: "TAP_USER" is not a valid key: keys consist of capital letters, digits and _"
    `);
  });

  test('a name that is not set, with the reason if there is one', () => {
    expect(refusal('CEPH_SRC="${NO_SUCH_NAME}/ceph"')).toMatchInlineSnapshot(
      `"rapido.conf:1: CEPH_SRC: \`\${NO_SUCH_NAME}\`: NO_SUCH_NAME is not set; set it in a line above or in the environment, or write \\$ for a dollar sign"`,
    );
    expect(refusal('CEPH_SRC="${KERNEL_SCR}/ceph"')).toMatchInlineSnapshot(
      `"rapido.conf:1: CEPH_SRC: \`\${KERNEL_SCR}\`: KERNEL_SCR is not set (did you mean \${KERNEL_SRC}?)"`,
    );
    expect(refusal('CEPH_SRC="${KERNEL_SRC}/ceph"')).toMatchInlineSnapshot(
      `"rapido.conf:1: CEPH_SRC: \`\${KERNEL_SRC}\`: KERNEL_SRC is not set; set KERNEL_SRC in a line above"`,
    );
    expect(refusal('CEPH_SRC="${KERNEL_SRC}/ceph"\nKERNEL_SRC=/a')).toMatchInlineSnapshot(
      `"rapido.conf:1: CEPH_SRC: \`\${KERNEL_SRC}\`: KERNEL_SRC is not set; line 2 sets it: move that line above this one"`,
    );
  });

  test('does not report a name again if its own line was rejected', () => {
    expect(
      refusal('KERNEL_SRC=$(pwd)\nKERNEL_INSTALL_MOD_PATH=${KERNEL_SRC}/mods'),
    ).toMatchInlineSnapshot(
      `"rapido.conf:1: KERNEL_SRC: \`$(pwd)\`: this is shell code, and rapido.conf is not a script; write the value itself, or set the key in the environment for one call"`,
    );
    expect(
      refusal('KERNEL_SRC=(a)\nKERNEL_INSTALL_MOD_PATH=${KERNEL_SRC}/mods'),
    ).toMatchInlineSnapshot(
      `"rapido.conf:1: \`KERNEL_SRC=(a)\`: arrays are not supported; write the items in one value, separated by blanks: KERNEL_SRC="one two""`,
    );
  });

  test('a section other than [vmN]', () => {
    expect(
      refusal('[vm0]\n[VM1]\n[vm 2]\n[vm01]\n[network]\n[vm1.x]\n[]\n[vm1'),
    ).toMatchInlineSnapshot(`
      "rapido.conf:1: unknown section [vm0] (did you mean [vm1]?)
      rapido.conf:2: unknown section [VM1] (did you mean [vm1]?)
      rapido.conf:3: \`[vm 2]\`: syntax error: expected KEY="value" or a section such as [vm1]
      rapido.conf:4: unknown section [vm01] (did you mean [vm1]?)
      rapido.conf:5: unknown section [network]; sections are [vm1], [vm2] and so on, below all other keys
      rapido.conf:6: unknown section [vm1.x] (did you mean [vm1]?)
      rapido.conf:7: \`[]\`: syntax error: expected KEY="value" or a section such as [vm1]
      rapido.conf:8: \`[vm1\`: syntax error: expected KEY="value" or a section such as [vm1]"
    `);
  });
});

test('reports all errors at once, in the order of the lines', () => {
  const text = 'VM_CPUS=many\nexport A=1\nKERNEL_SRC=$(pwd)\n[vm1]\nMAC=01:00:00:00:00:00\n';
  expect(problemsOf(() => readConf(text, { env: { VM_ACCEL: 'fast' } }))).toMatchInlineSnapshot(`
    [
      "environment: VM_ACCEL: "fast": expected auto, kvm or tcg, for example VM_ACCEL="auto"",
      "rapido.conf:1: VM_CPUS: "many" is not a positive integer",
      "rapido.conf:2: \`export A=1\`: remove the word export: the guest gets the keys that its cut declares",
      "rapido.conf:3: KERNEL_SRC: \`$(pwd)\`: this is shell code, and rapido.conf is not a script; write the value itself, or set the key in the environment for one call",
      "rapido.conf:5: MAC: "01:00:00:00:00:00": expected a unicast MAC address: six bytes in hexadecimal, the first one even; for a second tap, add @TAP, for example MAC="b8:ac:24:45:c5:01"",
    ]
  `);
  try {
    readConf(text);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ message: '4 problems in rapido.conf', exitCode: 2 });
  }
});
