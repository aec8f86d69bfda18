import { removeRemainsOfKilledTests } from './remains.ts';

export default removeRemainsOfKilledTests;
