/** All are one text, except `openqa`, which is a directory. This file loads no exporter: the help needs the names. */
export const EXPORT_FORMATS = [
  'junit',
  'tap',
  'ktap',
  'kcidb',
  'squad',
  'openqa',
  'github',
] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];
