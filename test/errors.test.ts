import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { explainSystemError, UserError } from '../src/errors.ts';

describe('explainSystemError', () => {
  it('names the file and the error of the system', () => {
    try {
      readFileSync('/no/such/file');
    } catch (error) {
      expect(explainSystemError(error)).toMatchObject({
        name: 'UserError',
        message: '/no/such/file: no such file or directory (open)',
      });
    }
    expect.assertions(1);
  });

  it('explains a missing current directory', () => {
    const error = Object.assign(new Error('uv_cwd'), { code: 'ENOENT', syscall: 'uv_cwd' });
    expect(explainSystemError(error)).toMatchObject({
      message: 'the current directory no longer exists',
    });
  });

  it('leaves bugs and UserErrors unchanged', () => {
    for (const error of [new TypeError('x is not a function'), new UserError('mine'), 'text']) {
      expect(explainSystemError(error)).toBe(error);
    }
  });
});
