import { type DriveOptions, drive, type Load } from "./load.ts";
import { cpuMicros, median, rssMb } from "./measure.ts";
import { bare, type Target } from "./targets.ts";

export type Row = {
  scenario: string;
  target: string;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Of the rate of a bare node:http server in the same round. */
  shareOfBare: number | undefined;
  /** Times the rate of the server that it is compared with, in the same round. */
  toOther: number | undefined;
  /** CPU time per request, of the server and of Postgres. */
  serverMicros: number | undefined;
  postgresMicros: number | undefined;
  /** Both together, times the CPU time that a bare node:http server took per request in the same round. */
  timesBareCpu: number | undefined;
  rssMb: number | undefined;
};

type Measured = Load & { server: number | undefined; postgres: number | undefined; rssMb: number | undefined };

export type Comparison = {
  scenario: string;
  targets: readonly Target[];
  /** The target that the others are compared with. */
  other: string;
  /** How many at once; several numbers are measured one after the other. */
  connections: readonly number[];
  rounds: number;
  seconds: number;
  /** For so long a server is warmed up at most. */
  warmSeconds: number;
  postgresPid: number | undefined;
  /** Makes the requests of a round, enough for so many; `check` looks at what a target has done with them. */
  prepare: (count: number) => Promise<Prepared>;
};
export type Prepared = {
  file: string;
  before?: (target: Target) => Promise<void>;
  check?: (target: Target, requests: number) => Promise<void>;
};

/**
 * Every target once a round, each round beginning with another one, after all are warm. Medians, and medians of the
 * ratios inside the rounds.
 */
export async function compare(comparison: Comparison): Promise<Row[]> {
  const { connections, rounds, seconds } = comparison;
  const fastest = await warmUp(comparison);
  // More than can be sent, since a list that begins again would bring deliveries that change nothing.
  const count = Math.ceil(fastest * seconds * 2);
  const rows: Row[] = [];
  for (const atOnce of connections) {
    const all: Round[] = [];
    for (let index = 0; index < rounds; index += 1) all.push(await round(comparison, { count, atOnce, index }));
    rows.push(...summary(comparison, atOnce, all));
  }
  return rows;
}

/** What was measured of each target, by its name. */
type Round = Map<string, Measured>;

function summary(
  { scenario, targets, other, connections }: Comparison,
  atOnce: number,
  rounds: readonly Round[],
): Row[] {
  const of = (name: string, value: (one: Measured) => number | undefined) =>
    median(rounds.map((one) => one.get(name)).map((one) => one && value(one)));
  const ratio = (name: string, to: string) =>
    name === bare || name === to
      ? undefined
      : median(rounds.map((one) => (one.has(to) ? rate(one.get(name)) / rate(one.get(to)) : undefined)));
  return targets.map(({ name }) => ({
    scenario: connections.length === 1 ? scenario : `${scenario}, ${atOnce} connection${atOnce === 1 ? "" : "s"}`,
    target: name,
    requestsPerSecond: of(name, rate) ?? 0,
    p50Ms: of(name, (one) => one.p50Ms) ?? 0,
    p99Ms: of(name, (one) => one.p99Ms) ?? 0,
    shareOfBare: ratio(name, bare),
    toOther: ratio(name, other),
    serverMicros: of(name, (one) => one.server),
    postgresMicros: name === bare ? undefined : of(name, (one) => one.postgres),
    timesBareCpu: name === bare ? undefined : median(rounds.map((one) => timesCpu(one.get(name), one.get(bare)))),
    rssMb: of(name, (one) => one.rssMb),
  }));
}

function timesCpu(one: Measured | undefined, base: Measured | undefined): number | undefined {
  if (one?.server === undefined || one.postgres === undefined || !base?.server) return undefined;
  return (one.server + one.postgres) / base.server;
}

const rate = (one: Load | undefined) => (one ? one.requests / one.seconds : 0);

const warmRequests = 20_000;

/** Code runs ten times faster once it is compiled. Answers with the highest rate, the bare server's left aside. */
async function warmUp({ targets, connections, warmSeconds, prepare }: Comparison): Promise<number> {
  const atOnce = Math.min(32, Math.max(...connections));
  const prepared = await prepare(warmRequests * 4);
  const rates: number[] = [];
  for (const { name, server } of targets) {
    let last: Load | undefined;
    for (let sent = 0, times = 0; sent < warmRequests && times < warmSeconds; times += 1) {
      last = await drive(server.url, prepared.file, { connections: atOnce, seconds: 1 });
      sent += last.requests;
    }
    if (name !== bare) rates.push(rate(last));
  }
  return Math.max(...rates);
}

type RoundOptions = { count: number; atOnce: number; index: number };

async function round(
  { targets, prepare, seconds, postgresPid }: Comparison,
  { count, atOnce, index }: RoundOptions,
): Promise<Round> {
  const prepared = await prepare(count);
  const first = index % targets.length;
  const measured: Round = new Map();
  for (const target of [...targets.slice(first), ...targets.slice(0, first)]) {
    await prepared.before?.(target);
    const one = await measure(target, prepared.file, { connections: atOnce, seconds, postgresPid });
    await prepared.check?.(target, one.requests);
    measured.set(target.name, one);
  }
  return measured;
}

async function measure(
  { server: { url, pid } }: Target,
  file: string,
  { postgresPid, ...load }: DriveOptions & Pick<Comparison, "postgresPid">,
): Promise<Measured> {
  const cpu = () => Promise.all([pid, postgresPid].map((one) => (one === undefined ? undefined : cpuMicros(one))));
  const before = await cpu();
  const driven = await drive(url, file, load);
  const after = await cpu();
  const [server, postgres] = after.map((micros, index) => {
    const earlier = before[index];
    return micros === undefined || earlier === undefined ? undefined : (micros - earlier) / driven.requests;
  });
  return { ...driven, server, postgres, rssMb: await rssMb(pid) };
}
