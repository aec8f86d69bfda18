import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, UserError } from '../errors.ts';
import { unpackedSize } from '../formats/cpio/format.ts';
import { type CpioEntry, writeCpio } from '../formats/cpio/write.ts';
import type { ModuleTree } from '../formats/kmod/modules.ts';
import { readHostId } from '../host/host-id.ts';
import { SYSTEM_DIRECTORIES } from '../host/programs.ts';
import { freeElsewhere } from '../sys/free-elsewhere.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { statIfReachable } from '../sys/stat.ts';
import { removeLitter, replaceFile, temporaryNameFor } from '../sys/temporary.ts';
import { type ChangesRecord, changesLayer } from './changes-layer.ts';
import { resolveGuestPath } from './guest-path.ts';
import { endMembers, headerMembers, type ImageHeader, isSameImage } from './image-header.ts';
import type { ImageSources } from './image-sources.ts';
import {
  findLayer,
  type Layer,
  type LayerKind,
  type LayerRecipe,
  obtainLayer,
  pruneLayers,
  type RecipeName,
} from './layer-cache.ts';
import { type ModulesRecord, modulesLayer } from './modules-layer.ts';
import { digestMembers, overlayMembers } from './overlay.ts';
import type { ImagePlan } from './plan.ts';
import type { StartedListing } from './tree-listing.ts';
import { type TreesRecord, treesLayer } from './trees-layer.ts';
import { canDracutInstall, type UserspaceRecord, userspaceLayer } from './userspace-layer.ts';

export interface BuildOptions {
  /** Returns the path of the image, if it depends on the header; the default is the path in the plan. */
  placeFor?: (header: ImageHeader) => string;
  /** rapido's cache directory. */
  cache: string;
  /** Rebuilds every layer. */
  rebuild: boolean;
  /** The kernel's modules, from which the plan was made. */
  moduleTree: ModuleTree;
  /** The listing of the plan's trees, if one was started. */
  listing: StartedListing | undefined;
  onProgress: (step: string) => void;
  /** Called with every line that dracut prints. */
  onDracutLine?: ((line: string) => void) | undefined;
}

export interface BuiltImage {
  path: string;
  bytes: number;
  layers: BuiltLayer[];
  /** The image existed already and is up to date. */
  unchanged: boolean;
  warnings: string[];
}

export interface BuiltLayer {
  kind: LayerKind;
  bytes: number;
  /** Why it was made, or undefined if it was reused. */
  madeBecause: string | undefined;
}

/**
 * Builds the image of a plan. The previous image stays intact until the new one replaces it. If
 * anything fails, no files of the attempt remain.
 */
export async function buildImage(plan: ImagePlan, options: BuildOptions): Promise<BuiltImage> {
  const directory = join(options.cache, 'layers');
  makePrivateDirectory(directory);
  pruneLayers(directory, Date.now());
  const opened: Layer[] = [];
  const cache: Cache = {
    obtain: async (recipe) => {
      const layer = await obtainLayer(directory, recipe, {
        rebuild: options.rebuild,
        onWait: (kind) =>
          options.onProgress(`waiting for another rapido that makes the ${kind} layer`),
      });
      opened.push(layer);
      return layer;
    },
    find: <Record>(name: RecipeName) => {
      const layer = findLayer<Record>(directory, name);
      if (layer !== undefined) opened.push(layer);
      return layer;
    },
  };
  try {
    return writeImage(plan, await obtainLayers(plan, options, cache), options);
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT', 'EFBIG'].includes(errorCode(error) ?? '')) throw error;
    throw new UserError('no space left on the device', {
      cause: error,
      hint: `free space on the filesystems of ${options.cache} and ${dirname(plan.output)}; the previous image is unchanged`,
    });
  } finally {
    for (const layer of opened) closeSync(layer.fd);
  }
}

/** Layers that stay open until the image is written. */
interface Cache {
  obtain: <Record>(recipe: LayerRecipe<Record>) => Promise<Layer<Record>>;
  /** The last layer that was made, whether it is up to date or not. */
  find: <Record>(name: RecipeName) => Layer<Record> | undefined;
}

interface Layers {
  userspace: Layer<UserspaceRecord>;
  modules: Layer<ModulesRecord>;
  trees: Layer<TreesRecord> | undefined;
  /** The files that changed since the trees layer was made. */
  changes: Layer<ChangesRecord> | undefined;
}

async function obtainLayers(plan: ImagePlan, options: BuildOptions, cache: Cache): Promise<Layers> {
  const { links } = plan;
  const { obtain } = cache;
  const modulesObtained = obtain(modulesLayer(options.moduleTree, plan.modules, links));
  // The promise is awaited below. Until then, a rejection must not count as unhandled.
  modulesObtained.catch(() => {});
  // The trees layer comes first, because dracut installs the libraries of the programs in the trees.
  const { trees, changes } = await obtainTrees(plan, options, cache);
  const libraries = (trees?.record.libraries ?? []).filter(canDracutInstall);
  const install = [...new Set([...plan.userspace.install, ...libraries])].sort();
  const staging = temporaryNameFor(join(options.cache, 'staging', plan.image.cut));
  removeLitter(dirname(staging));
  try {
    // Wait for both, even if one fails: no process and no temporary file may remain.
    const [userspace, modules] = await Promise.allSettled([
      obtain(userspaceLayer({ ...plan.userspace, install }, links, staging, options)),
      modulesObtained,
    ]);
    if (userspace.status === 'rejected') throw userspace.reason;
    if (modules.status === 'rejected') throw modules.reason;
    return { userspace: userspace.value, modules: modules.value, trees, changes };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function obtainTrees(
  { trees: planned, links }: ImagePlan,
  { listing: listed }: BuildOptions,
  { obtain, find }: Cache,
): Promise<Pick<Layers, 'trees' | 'changes'>> {
  if (planned.length === 0) return { trees: undefined, changes: undefined };
  const ingredients = { trees: planned, links };
  const before = find<ChangesRecord>({ kind: 'changes', ingredients });
  const recipe = treesLayer(ingredients, { listed, changesBefore: before?.record });
  const trees = await obtain(recipe);
  const changes = recipe.changes();
  if (changes === 'as before') return { trees, changes: before };
  return {
    trees,
    changes:
      changes.length === 0
        ? undefined
        : await obtain(changesLayer(recipe, changes, trees.id, links)),
  };
}

function writeImage(plan: ImagePlan, layers: Layers, { placeFor }: BuildOptions): BuiltImage {
  const overlay = overlayMembers(plan.overlay, layers.userspace.record.provided, plan.links);
  const inOrder = [layers.userspace, layers.modules, layers.trees, layers.changes].filter(
    (layer) => layer !== undefined,
  );
  const header: ImageHeader = {
    version: 9,
    image: plan.image,
    parts: {
      userspace: layers.userspace.id,
      modules: layers.modules.id,
      trees: layers.trees?.id ?? '',
      changes: layers.changes?.id ?? '',
      overlay: digestMembers(overlay),
    },
    moduleFiles: layers.modules.record.files,
    sources: sourcesOf(plan, layers),
    unpacked: inOrder.reduce((sum, { unpacked }) => sum + unpacked, unpackedSizeOf(overlay)),
  };
  const path = placeFor?.(header) ?? plan.output;
  const unchanged = isSameImage(path, header);
  if (!unchanged) {
    removeLitter(dirname(path));
    freeElsewhere(path, () =>
      replaceFile(path, (temporary) => writeParts(temporary, header, inOrder, overlay)),
    );
  }
  return {
    path,
    bytes: statIfReachable(path)?.size ?? 0,
    layers: inOrder.map(({ kind, bytes, madeBecause }) => ({ kind, bytes, madeBecause })),
    unchanged,
    warnings: warningsOf(layers, plan),
  };
}

function sourcesOf(
  { userspace, trees: planned, scripts }: ImagePlan,
  { userspace: layer, trees, changes }: Layers,
): ImageSources {
  // dracut itself and the cache of the linker determine the content of an image, but are not part of it.
  const library = userspace.local ? dirname(userspace.dracut) : '/usr/lib/dracut';
  const programs = Object.entries(layer.record.files).filter(
    ([path]) =>
      path !== userspace.dracut && path !== '/etc/ld.so.cache' && !path.startsWith(`${library}/`),
  );
  return {
    host: readHostId(),
    scripts,
    programs: Object.fromEntries(programs),
    trees: { planned, listing: (changes ?? trees)?.record.listing },
  };
}

function unpackedSizeOf(members: readonly CpioEntry[]): number {
  return members.reduce(
    (sum, member) => sum + unpackedSize('data' in member ? member.data.length : 0),
    0,
  );
}

/** Libraries and interpreters that programs and scripts in the trees need, and the image lacks. */
function warningsOf({ trees, userspace }: Layers, { links, image }: ImagePlan): string[] {
  if (trees === undefined) return [];
  const { unresolved, interpreters } = trees.record;
  const copied = new Set(Object.keys(userspace.record.files).map((path) => path.slice(1)));
  const isThere = (program: string): boolean =>
    image.mountsHost ||
    (program.startsWith('/')
      ? copied.has(resolveGuestPath(program, links))
      : SYSTEM_DIRECTORIES.some((directory) => copied.has(join(directory, program).slice(1))));
  return [
    ...unresolved.map((library) => `not found: ${library}`),
    ...interpreters
      .filter(({ program }) => !isThere(program))
      .map(({ program, usedBy }) => `${usedBy} needs ${program}, which is not in the image`),
  ];
}

/** The kernel unpacks the archives in order; a later file replaces an earlier one. */
function writeParts(
  path: string,
  header: ImageHeader,
  layers: readonly Layer[],
  overlay: readonly CpioEntry[],
): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeCpio(fd, headerMembers(header), { outputName: path });
    for (const layer of layers) copyArchive(layer, fd);
    writeCpio(fd, overlay, { outputName: path });
    writeCpio(fd, endMembers(header), { outputName: path });
  } finally {
    closeSync(fd);
  }
}

/** Small enough to stay in the CPU cache between reading and writing. */
const COPY_BYTES = 256 * 1024;

function copyArchive(layer: Layer, output: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, layer.bytes));
  for (let position = 0; position < layer.bytes; ) {
    const wanted = Math.min(buffer.length, layer.bytes - position);
    const length = readSync(layer.fd, buffer, 0, wanted, position);
    if (length === 0) throw new Error(`the ${layer.kind} layer ends early`);
    for (let written = 0; written < length; ) {
      written += writeSync(output, buffer, written, length - written);
    }
    position += length;
  }
}
