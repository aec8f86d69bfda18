import { describe, expect, it } from 'vitest';
import type { HostRoot } from '../../src/host/host-root.ts';
import {
  hostDirectories,
  hostMountEntries,
  placeBelowMounts,
} from '../../src/image/host-mounts.ts';

const ROOT: HostRoot = {
  directories: ['/etc', '/usr', '/home/me/my linux'],
  links: { bin: 'usr/bin', lib32: 'usr/lib32' },
  empty: ['/srv'],
  directory: '/home/me/my linux',
  hasDirectory: true,
};
const LINKS = { bin: 'usr/bin', sbin: 'usr/sbin', lib: 'usr/lib' };

describe('the mounts of a guest with the files of the host', () => {
  const fstab = (modules: string | undefined): string => {
    const entries = hostMountEntries(ROOT, { modules, release: '6.1.0' }, LINKS);
    const found = entries.find(({ path }) => path === '/rapido/host.fstab');
    return found !== undefined && 'data' in found ? String(found.data) : '';
  };

  it('have the modules of the kernel under test, and those of no other kernel', () => {
    expect(fstab('/linux/mods/lib/modules/6.1.0')).toMatchInlineSnapshot(`
      "/usr/lib/modules /rapido/root/modules none bind 0 0
      root0 /rapido/root/0/lower 9p trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro 0 0
      overlay /etc overlay lowerdir=/rapido/root/0/lower,upperdir=/rapido/root/0/upper,workdir=/rapido/root/0/work,X-mount.mkdir 0 0
      root1 /rapido/root/1/lower 9p trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro 0 0
      overlay /usr overlay lowerdir=/rapido/root/1/lower,upperdir=/rapido/root/1/upper,workdir=/rapido/root/1/work,X-mount.mkdir 0 0
      root2 /rapido/root/2/lower 9p trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro 0 0
      overlay /home/me/my\\040linux overlay lowerdir=/rapido/root/2/lower,upperdir=/rapido/root/2/upper,workdir=/rapido/root/2/work,X-mount.mkdir 0 0
      /rapido/root/modules /usr/lib/modules none bind,X-mount.mkdir 0 0
      modules /usr/lib/modules/6.1.0 9p trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro,X-mount.mkdir 0 0
      "
    `);
  });

  it('keep the modules of the image for a kernel without a module directory', () => {
    expect(fstab(undefined).trim().split('\n').at(-1)).toBe(
      '/rapido/root/modules /usr/lib/modules none bind,X-mount.mkdir 0 0',
    );
  });

  it('use the directories that the VM offers', () => {
    const modules = '/linux/mods/lib/modules/6.1.0';
    expect(hostDirectories(ROOT, { modules })).toEqual([
      { tag: 'root0', path: '/etc' },
      { tag: 'root1', path: '/usr' },
      { tag: 'root2', path: '/home/me/my linux' },
      { tag: 'modules', path: modules },
    ]);
  });

  it('do not hide files of the image', () => {
    const place = placeBelowMounts(ROOT, LINKS);
    expect(place('/sbin/poweroff')).toBe('/rapido/root/1/upper/sbin/poweroff');
    expect(place('/etc/hosts')).toBe('/rapido/root/0/upper/hosts');
    expect(place('/rapido/session')).toBe('/rapido/session');
    expect(place('/etcetera')).toBe('/etcetera');
  });

  it('leave links of dracut alone, and add the others', () => {
    const entries = hostMountEntries(ROOT, { modules: undefined, release: '6.1.0' }, LINKS);
    expect(entries.filter((entry) => 'target' in entry)).toEqual([
      { path: '/lib32', target: 'usr/lib32' },
    ]);
    expect(entries).toContainEqual({ path: '/srv', directory: true });
  });
});
