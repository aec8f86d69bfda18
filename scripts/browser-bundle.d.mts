import type { Plugin } from 'esbuild';
import type { PluginOption } from 'vite';

export const browserBundles: Plugin;
export const browserBundlesInTests: PluginOption;
