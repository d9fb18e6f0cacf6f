/** Names of rows in `panel_settings`. Their values: how `admin/password.ts` writes a hash. */
export const passwordName = "password";
export const configPasswordName = "password-of-config";
