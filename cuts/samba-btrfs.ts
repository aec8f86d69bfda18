import { defineSamba } from './_samba.ts';

export default defineSamba('btrfs', 'Samba: an SMB share on btrfs');
