import { defineSamba } from './_samba.ts';

export default defineSamba('xfs', 'Samba: an SMB share on XFS');
