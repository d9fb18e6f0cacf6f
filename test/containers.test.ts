import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { settings } from "../src/config.ts";
import { memory } from "../src/database/embedded/guarded.ts";
import { lean, quiet } from "../src/database/embedded/server.ts";
import { heapFlags } from "./support/heap-flags.ts";

const text = (file: string) => readFileSync(file, "utf8");

test("the variables that image and compose file set are settings", () => {
  const known = Object.entries(settings).flatMap(([section, keys]) =>
    Object.keys(keys).map((key) => `${section}_${key}`),
  );
  const set = [
    ...`${text("Dockerfile")}${text("docker-compose.yml")}`.matchAll(/PLAYTIME_(?:DEFAULT_)?([A-Z_]+)\s*[=:]/g),
  ];
  assert.ok(set.length >= 4);
  const elsewhere = ["IMAGE"];
  for (const [variable, name = ""] of set.filter(([, name = ""]) => !elsewhere.includes(name)))
    assert.ok(known.includes(name), variable);
});

test("image, npm start and the systemd unit run Node with the same heap flags", () => {
  assert.equal(heapFlags.length, 2);
  const program = `${heapFlags.join(" ")} --import ./src/typescript.mjs src/main.ts`;
  assert.equal(JSON.parse(text("package.json")).scripts.start, `node ${program}`);
  for (const page of ["configs/README.md", "configs/README.ru.md"])
    assert.ok(text(page).includes(`ExecStart=/usr/bin/node ${program}\n`), page);
});

test("the containers' database is as lean as the embedded one, but where it serves others too", () => {
  const { services } = parse(text("docker-compose.yml"), { merge: true });
  const inContainer = [...String(services.db.command).matchAll(/-c (\S+)/g)].map(([, setting = ""]) => setting);
  const embedded = [...lean, ...quiet];
  assert.deepEqual(inContainer.filter((setting) => !embedded.includes(setting)).sort(), [
    // A backup tool, psql, and the service in a second container while it is updated.
    "maintenance_work_mem=16MB",
    "max_connections=20",
    "max_wal_size=128MB",
    "superuser_reserved_connections=2",
  ]);
  assert.deepEqual(embedded.filter((setting) => !inContainer.includes(setting)).sort(), [
    "lc_messages=C",
    // How its log reaches us; the image has its own way.
    "log_destination=stderr",
    "log_line_prefix=",
    "logging_collector=off",
    "maintenance_work_mem=8MB",
    "max_connections=12",
    "max_wal_size=64MB",
  ]);
  assert.deepEqual(services.db.environment, memory);
});

test("the stack can take over the Django service's: the same project, service, image and volume", () => {
  const compose = text("docker-compose.yml");
  for (const line of [
    "name: playtime-service",
    "  db:",
    "    image: postgres:17",
    "      - database:/var/lib/postgresql/data",
    "  database:",
  ])
    assert.ok(`\n${compose}`.includes(`\n${line}\n`), line);
});

test("the image is built with nothing but the compiler, its types and what runs", () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(text("package.json"));
  const [, left = ""] = /npm uninstall ((?:\\\n|[^&\n])+)/.exec(text("Dockerfile")) ?? [];
  const all = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
  const needed = ["postgres", "smol-toml", "typescript", "@types/node"];
  assert.deepEqual(
    left
      .split(/[\s\\]+/)
      .filter((name) => name !== "")
      .sort(),
    all.filter((name) => !needed.includes(name)).sort(),
  );
});

test("an image by name takes the place of the one that is built, and .env.example shows how", () => {
  const { services } = parse(text("docker-compose.yml"), { merge: true });
  assert.deepEqual(
    [services.playtime.image, services.playtime.build],
    ["$" + "{PLAYTIME_IMAGE:-playtime-service-playtime}", "."],
  );
  assert.match(text(".env.example"), /^#PLAYTIME_IMAGE=ghcr\.io\/OWNER\/playtime-service:1$/m);
});

test("everything that the image is built from is let in by .dockerignore, and secrets are not", () => {
  const [all, ...letIn] = text(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  assert.equal(all, "*");
  const copied = [...text("Dockerfile").matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = ""]) =>
    names.split(" "),
  );
  assert.deepEqual(letIn.sort(), [...new Set(copied)].map((name) => `!${name}`).sort());
});
