import { nearest } from "./nearest.ts";

/** The environment variables that begin with PLAYTIME_ and are no settings: what is wrong, or a sentence each. */
export type Strays = { problem?: string; remarks: string[] };

/**
 * Looks through the variables that begin with PLAYTIME_. A wrong key of a section that exists is a problem, as in the
 * config file: a misspelt setting would silently do nothing. Any other name is a remark. `sections`: the keys of each
 * section, those of the original service that do nothing included. `ignored`: sections whose keys are never a problem.
 */
export function strayVariables(
  env: NodeJS.ProcessEnv,
  sections: Record<string, readonly string[]>,
  ignored: readonly string[],
): Strays {
  const remarks: string[] = [];
  const known = Object.entries(sections).flatMap(([section, keys]) => keys.map((key) => `${section}_${key}`));
  for (const [variable, value = ""] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || ofOthers.has(variable) || isOfKubernetes(variable, value)) continue;
    const isStandIn = variable.startsWith(standInPrefix);
    const begin = isStandIn ? standInPrefix : prefix;
    const name = variable.slice(begin.length);
    if (known.includes(name)) continue;
    const section = Object.keys(sections).find((one) => name.startsWith(`${one}_`));
    if (section !== undefined && !ignored.includes(section)) {
      const keys = (sections[section] ?? []).map((key) => `${begin}${section}_${key}`);
      const problem = `the environment variable ${variable}: there is no such setting; did you mean ${nearest(variable, keys)}? Expected one of ${keys.join(", ")}.`;
      return { problem, remarks };
    }
    remarks.push(
      section === undefined
        ? `The environment variable ${variable} is not a setting and does nothing. The nearest one is ${begin}${nearest(name, known)}.`
        : `The environment variable ${variable} belonged to the Django service and does nothing here.`,
    );
  }
  return { remarks };
}

const prefix = "PLAYTIME_";
/** Of containers, see config.ts. */
const standInPrefix = "PLAYTIME_DEFAULT_";

/** Read elsewhere: by us before there are settings, and by docker-compose.yml. */
const ofOthers = new Set(["PLAYTIME_CONFIG", "PLAYTIME_IMAGE"]);

/**
 * Kubernetes gives each pod variables named after its services. A service that is called `playtime` or `playtime-server`
 * brings PLAYTIME_SERVER_PORT=tcp://10.0.0.1:8000 and the like.
 * Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
export function isOfKubernetes(variable: string, value: string): boolean {
  return (
    /_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(variable) ||
    /_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(variable) ||
    (variable.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(value))
  );
}
