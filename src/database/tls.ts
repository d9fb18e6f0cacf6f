import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Address, targetOf } from "./address.ts";
import { type Host, isSocket } from "./target.ts";

const askMs = 2_000;

/**
 * Why encryption is not possible, where waiting does not help; undefined when encryption is not the reason. `code`: of the
 * error that ended the try.
 */
export async function tlsProblem(address: Address, code: string): Promise<string | undefined> {
  const { hosts, sslmode } = targetOf(address);
  if (sslmode === "disable" || sslmode === "prefer") return undefined;
  if (/^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT)/.test(code))
    return (
      `the server's certificate does not pass (${code}). With SSLMODE = "${sslmode}" a known authority must have signed it` +
      `${sslmode === "verify-full" ? " for the name in [POSTGRES] HOST" : ""}; one of your own is named in NODE_EXTRA_CA_CERTS=file.pem`
    );
  const answers = await Promise.all(hosts.filter((host) => !isSocket(host)).map(speaksTls));
  if (!answers.includes(false) || answers.includes(true)) return undefined;
  return `the server does not encrypt, and SSLMODE is "${sslmode}". Switch TLS on there (ssl = on), or set SSLMODE = "disable"`;
}

/**
 * Asks as every client does first; undefined when there is no answer.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
 */
async function speaksTls({ host, port }: Host): Promise<boolean | undefined> {
  const socket = connect({ host, port });
  try {
    const answer = new Promise<boolean | undefined>((resolve) => {
      socket.once("connect", () => socket.write(sslRequest));
      socket.once("data", (bytes) => resolve(bytes[0] === 0x4e ? false : bytes[0] === 0x53 ? true : undefined));
      socket.once("error", () => resolve(undefined));
      socket.once("close", () => resolve(undefined));
    });
    return await Promise.race([answer, sleep(askMs, undefined, { ref: false })]);
  } finally {
    socket.destroy();
  }
}

/** Postgres' SSLRequest: the length 8, and the code 80877103. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
