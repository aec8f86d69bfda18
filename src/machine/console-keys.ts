/** The actions of the keys after Ctrl-a. */
export interface ConsoleActions {
  send: (typed: Buffer) => void;
  leave: () => void;
  stop: () => void;
  help: () => void;
}

/** The same prefix key as in QEMU and screen. */
const CTRL_A = 0x01;

/** Passes on what is typed, except Ctrl-a and the key after it. Ctrl-a typed twice sends one Ctrl-a. */
export function createConsoleKeys(actions: ConsoleActions): (typed: Buffer) => void {
  let hasPrefix = false;
  const commands: Readonly<Record<string, () => void>> = {
    d: actions.leave,
    x: actions.stop,
    h: actions.help,
    '?': actions.help,
    a: () => actions.send(Buffer.from([CTRL_A])),
    '\x01': () => actions.send(Buffer.from([CTRL_A])),
  };
  return (typed) => {
    let from = 0;
    for (let at = 0; at < typed.length; at++) {
      if (hasPrefix) {
        hasPrefix = false;
        commands[String.fromCharCode(typed[at] ?? 0)]?.();
        from = at + 1;
      } else if (typed[at] === CTRL_A) {
        if (at > from) actions.send(typed.subarray(from, at));
        hasPrefix = true;
        from = at + 1;
      }
    }
    if (from < typed.length) actions.send(typed.subarray(from));
  };
}
