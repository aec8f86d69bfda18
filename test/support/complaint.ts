import { UserError } from '../../src/errors.ts';
import { formatError } from '../../src/ui/report-error.ts';

/**
 * Runs an action that must throw a UserError, and returns the error as the user sees it, with each directory
 * of `places` replaced by its name. Other errors are thrown.
 */
export async function complaintOf(
  action: () => unknown,
  places: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return Object.entries(places).reduce(
      (text, [name, directory]) => text.replaceAll(directory, name),
      formatError(error, 'test').join('\n'),
    );
  }
  throw new Error('the action did not fail');
}
