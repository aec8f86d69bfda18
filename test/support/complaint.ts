import { UserError } from '../../src/errors.ts';
import { formatError } from '../../src/ui/report-error.ts';

/**
 * What the user reads when an action fails by their mistake, with each directory of `places` shown
 * under its name. Whatever is no mistake of the user's is thrown.
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
  throw new Error('nothing was refused');
}
