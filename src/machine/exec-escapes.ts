/** The actions of escape sequences, as in ssh(1): `~` as the first key of a line, and the key after it. */
export interface EscapeActions {
  send: (typed: Buffer) => void;
  /** `~.` */
  leave: () => void;
  /** `~?` */
  help: () => void;
}

const TILDE = 0x7e;
const LINE_ENDS = [0x0a, 0x0d];

/** Passes on what is typed, except escape sequences. `~~` sends one `~`; `~` and any other key are both sent. */
export function createEscapes(actions: EscapeActions): (typed: Buffer) => void {
  let isAtLineStart = true;
  let hasTilde = false;
  const escapes: Readonly<Record<string, () => void>> = {
    '.': actions.leave,
    '?': actions.help,
  };
  return (typed) => {
    const passed: number[] = [];
    const flush = (): void => {
      if (passed.length > 0) actions.send(Buffer.from(passed.splice(0)));
    };
    for (const key of typed) {
      if (hasTilde) {
        hasTilde = false;
        const act = escapes[String.fromCharCode(key)];
        if (act !== undefined) {
          flush();
          act();
          continue;
        }
        passed.push(...(key === TILDE ? [TILDE] : [TILDE, key]));
      } else if (isAtLineStart && key === TILDE) {
        hasTilde = true;
        continue;
      } else passed.push(key);
      isAtLineStart = LINE_ENDS.includes(key);
    }
    flush();
  };
}
