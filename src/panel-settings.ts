/** Names of rows in `panel_settings` that hold a hash, as `admin/password.ts` writes it; the others are in settings.ts. */
export const passwordName = "password";
export const configPasswordName = "password-of-config";
