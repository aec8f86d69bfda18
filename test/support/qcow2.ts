/** Bytes of a cluster. */
const CLUSTER = 64 * 1024;

/**
 * An empty qcow2 image, version 2 (docs/interop/qcow2.txt of QEMU): the header, a refcount table, a refcount
 * block, and an L1 table, one cluster each.
 * @param size of the disk in bytes, 512 MiB at most
 */
export function makeQcow2(size: number): Buffer {
  const image = Buffer.alloc(4 * CLUSTER);
  image.write('QFI\xfb', 'latin1');
  image.writeUInt32BE(2, 4); // version
  image.writeUInt32BE(Math.log2(CLUSTER), 20);
  image.writeBigUInt64BE(BigInt(size), 24);
  image.writeUInt32BE(1, 36); // entries of the L1 table
  image.writeBigUInt64BE(BigInt(3 * CLUSTER), 40); // offset of the L1 table
  image.writeBigUInt64BE(BigInt(CLUSTER), 48); // offset of the refcount table
  image.writeUInt32BE(1, 56); // its clusters
  image.writeBigUInt64BE(BigInt(2 * CLUSTER), CLUSTER); // offset of the refcount block
  for (let cluster = 0; cluster < 4; cluster++) image.writeUInt16BE(1, 2 * CLUSTER + 2 * cluster);
  return image;
}
