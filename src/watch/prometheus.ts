/** What Prometheus reads: numbers with names, in its text format. https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function textOf(families: Family[]): string {
  return families.map(familyText).join("");
}

export const textType = "text/plain; version=0.0.4; charset=utf-8";

export type Family = { name: string; type: "counter" | "gauge" | "histogram"; help: string; samples: Sample[] };
export type Sample = { value: number; labels?: Labels; suffix?: string };
export type Labels = Record<string, string>;

/** Only grows while the process lives; the name ends in `_total`. A bare number is the one sample without labels. */
export const counter = (name: `${string}_total`, help: string, of: number | Sample[]): Family => ({
  name,
  type: "counter",
  help,
  samples: typeof of === "number" ? [{ value: of }] : of,
});

export const gauge = (name: string, help: string, of: number | Sample[]): Family => ({
  name,
  type: "gauge",
  help,
  samples: typeof of === "number" ? [{ value: of }] : of,
});

export const histogram = (name: string, help: string, of: Record<string, Histogram>, label: string): Family => ({
  name,
  type: "histogram",
  help,
  samples: Object.entries(of).flatMap(([value, { samples }]) => samples({ [label]: value })),
});

export type Histogram = { observe: (value: number) => void; samples: (labels: Labels) => Sample[] };

/** A histogram: each value counts at the first of the rising `bounds` that it does not exceed. */
export function createHistogram(bounds: readonly number[]): Histogram {
  const edges = [...bounds, Number.POSITIVE_INFINITY];
  const counts = edges.map(() => 0);
  let sum = 0;

  return {
    observe: (value) => {
      let index = 0;
      while (value > (edges[index] ?? value)) index += 1;
      counts[index] = (counts[index] ?? 0) + 1;
      sum += value;
    },
    samples: (labels) => {
      let count = 0;
      const buckets = edges.map((edge, index) => {
        count += counts[index] ?? 0;
        return { suffix: "_bucket", labels: { ...labels, le: numberText(edge) }, value: count };
      });
      return [...buckets, { suffix: "_sum", labels, value: sum }, { suffix: "_count", labels, value: count }];
    },
  };
}

function familyText({ name, type, help, samples }: Family): string {
  const lines = samples.map(
    ({ suffix = "", labels = {}, value }) => `${name}${suffix}${labelsText(labels)} ${numberText(value)}\n`,
  );
  return `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelsText(labels: Labels): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`);
  return texts.length > 0 ? `{${texts.join(",")}}` : "";
}

const escaped = (character: string) => (character === "\n" ? "\\n" : `\\${character}`);
const numberText = (value: number) => (value === Number.POSITIVE_INFINITY ? "+Inf" : String(value));
