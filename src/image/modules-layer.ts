import { closeSync, constants, openSync } from 'node:fs';
import { type CpioEntry, writeCpio } from '../formats/cpio/write.ts';
import {
  buildModulesLayer,
  type LayerFile,
  type ModulesPlan,
  type ModuleTree,
} from '../formats/kmod/modules.ts';
import { type FileSignatures, findChangedFile, signFiles } from '../sys/file-signature.ts';
import { type DirectoryLinks, directoryMaker, resolveGuestPath } from './guest-path.ts';
import type { LayerRecipe } from './layer-cache.ts';

/** The record of a modules layer. */
export interface ModulesRecord {
  files: FileSignatures;
  /** The symbol lists against which the modules were checked. */
  checked: FileSignatures;
}

export function modulesLayer(
  tree: ModuleTree,
  plan: ModulesPlan,
  links: DirectoryLinks,
): LayerRecipe<ModulesRecord> {
  return {
    kind: 'modules',
    ingredients: { directory: plan.directory, modules: plan.modules, links },
    findChange: ({ record }) => {
      const changed = findChangedFile(record.files) ?? findChangedFile(record.checked);
      return changed === undefined ? undefined : `${changed} changed`;
    },
    make: async (path) => {
      const startedMs = Date.now();
      const files = await buildModulesLayer(tree, plan);
      const fd = openSync(path, 'wx', 0o600);
      try {
        const members = moduleMembers(files, links);
        const { unpacked } = writeCpio(fd, members, { outputName: path });
        const record = {
          files: signFiles(plan.dependsOn, startedMs),
          checked: signFiles(Object.values(plan.symbolLists), startedMs),
        };
        return { record, unpacked };
      } finally {
        closeSync(fd);
      }
    },
  };
}

function* moduleMembers(
  files: readonly LayerFile[],
  links: DirectoryLinks,
): Generator<CpioEntry, void, undefined> {
  const makeDirectories = directoryMaker(links);
  for (const file of files) {
    const path = resolveGuestPath(file.path, links);
    yield* makeDirectories(path);
    yield { ...file, path, mode: constants.S_IFREG | file.mode };
  }
}
