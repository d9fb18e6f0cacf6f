-- What was changed in the panel or by a command, for the logs of the running services. No secret is in it.
create table changes (
  id bigint primary key generated always as identity,
  at timestamptz not null default now(),
  what text not null,
  -- What it concerns: a connection as kind/path, a Steam ID, or empty.
  subject text not null,
  -- From where: the address of a browser, or the command line.
  origin text not null
);
create index on changes (at);
