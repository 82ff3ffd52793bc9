import { decryptKmsKeys } from '../../platform/kms-keys.ts';
import { EnvironmentError } from '../../platform/environment.ts';
import type { Settings } from '../settings.ts';
import { type CheckResult, ok, unreachable, wrong } from './check.ts';

const AWAY = /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|TimeoutError/;

/**
 * Decrypts the keys that AWS KMS has encrypted.
 * @returns the settings with these keys, or `undefined` if there is a problem; no result if there are no such keys
 */
export async function checkKms(
  settings: Settings,
): Promise<{ settings: Settings | undefined; result?: CheckResult }> {
  try {
    const variables = await decryptKmsKeys(settings.variables);
    if (variables === settings.variables) return { settings };
    const rings = Object.keys(variables).filter((name) => variables[name] !== settings.variables[name]);
    return { settings: { ...settings, variables }, result: ok(`AWS KMS decrypts ${rings.join(', ')}`) };
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    const detail = error.problems.join('\n');
    const remedy = "Check AWS's own variables (AWS_REGION, credentials) and the permission kms:Decrypt";
    return {
      settings: undefined,
      result: AWAY.test(detail) ? unreachable(detail, remedy) : wrong(detail, remedy),
    };
  }
}
