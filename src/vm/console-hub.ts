import type { Socket } from 'node:net';

/** Shows the console of a detached VM to whoever has come to see it. */
export interface ConsoleHub {
  /** A part of the console. */
  show: (chunk: Buffer) => void;
  /** Somebody who sees it from now on, and may type. */
  attach: (viewer: Socket, typed: Buffer) => void;
}

/** How much a viewer may be behind before it is let go, in bytes. */
const LONGEST_LAG = 4 * 1024 * 1024;

/** @param type gets what any of them types */
export function createConsoleHub(type: (keys: Buffer) => void): ConsoleHub {
  const viewers = new Set<Socket>();
  return {
    show: (chunk) => {
      for (const viewer of viewers) {
        if (viewer.writableLength > LONGEST_LAG) viewer.destroy();
        else viewer.write(chunk);
      }
    },
    attach: (viewer, typed) => {
      viewers.add(viewer);
      viewer.on('close', () => viewers.delete(viewer));
      viewer.on('data', type);
      if (typed.length > 0) type(typed);
      viewer.resume();
    },
  };
}
