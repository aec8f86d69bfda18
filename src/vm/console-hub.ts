import type { Socket } from 'node:net';

/** Shows the console of a detached VM to any number of viewers (`rapido console`). */
export interface ConsoleHub {
  /** Sends a part of the console to all viewers. */
  show: (chunk: Buffer) => void;
  /** Adds a viewer, who sees the console from now on and may type. */
  attach: (viewer: Socket, typed: Buffer) => void;
}

/** How many unread bytes a viewer may have before it is disconnected. */
const LONGEST_LAG = 4 * 1024 * 1024;

/** @param type receives what any viewer types */
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
