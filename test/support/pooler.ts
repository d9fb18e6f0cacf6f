import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { ServerAddress } from "../../src/database/address.ts";

/** A way to a Postgres that refuses what a connection brings along, as PgBouncer 1.18 does, with its words. */
export async function startPooler({ host, port }: Pick<ServerAddress, "host" | "port">) {
  const sockets = new Set<Socket>();
  let refused = 0;
  const server = createServer((near) => {
    sockets.add(near);
    near.once("data", (hello) => {
      if (hello.includes("statement_timeout")) {
        refused += 1;
        return void near.end(fatal("08P01", "unsupported startup parameter: statement_timeout"));
      }
      const far = host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
      sockets.add(far);
      far.write(hello);
      near.pipe(far).pipe(near);
      far.on("error", () => near.destroy());
      near.on("close", () => far.destroy());
    });
    near.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    refused: () => refused,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html */
function fatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
