-- A secret that was replaced, and until when it is accepted beside the new one.
alter table connections
  add column old_secret text check (old_secret <> ''),
  add column old_secret_until timestamptz,
  add check ((old_secret is null) = (old_secret_until is null));

-- What an operator set in the panel or by the CLI, and not in the config file.
create table panel_settings (
  name text primary key,
  value text not null
);

-- Who is signed in to the panel; only a hash of what the browser keeps.
create table sessions (
  token_sha256 bytea primary key,
  created_at timestamptz not null default now(),
  used_at timestamptz not null default now()
);

-- How many requests of an hour ended how; path '' stands for those to no connection, kind 'steam' for our calls to Steam.
create table hourly_counts (
  hour timestamptz not null,
  kind text not null check (kind in ('battlemetrics', 'script', 'steam')),
  path text not null,
  outcome text not null,
  count bigint not null,
  primary key (hour, kind, path, outcome)
);

-- The newest requests of each connection that were taken.
create table accepted_requests (
  id bigint primary key generated always as identity,
  kind text not null,
  path text not null,
  at timestamptz not null,
  is_ignored boolean not null,
  steam_id bigint,
  players integer not null,
  duration_ms real not null,
  request_id text
);
create index on accepted_requests (kind, path, id);

-- The newest that were refused; those of one connection and minute with one code are one row.
create table refused_requests (
  kind text not null,
  path text not null,
  minute timestamptz not null,
  code text not null,
  count bigint not null,
  at timestamptz not null,
  reason text not null,
  steam_id bigint,
  duration_ms real not null,
  request_id text,
  primary key (kind, path, minute, code)
);

-- The newest players, page by page. No delivery changes these columns, so that its update stays heap-only.
create index playtimes_newest on playtimes (created_at, steam_id, game_id);
