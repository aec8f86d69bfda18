/**
 * Formats of a dump (DumpGuestMemoryFormat in qapi/dump.json). `kdump-zlib` is compressed, and what drgn and crash open;
 * gdb opens only `elf`.
 */
export const DUMP_FORMATS = ['kdump-zlib', 'elf'] as const;

export type DumpFormat = (typeof DUMP_FORMATS)[number];
