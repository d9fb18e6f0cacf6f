-- Wrong passwords of the last hour, by who gave them: so that a restart forgets none, and replicas count together.
create table wrong_guesses (
  who text primary key,
  count integer not null,
  at timestamptz not null default now()
);

-- Links that sign in once, as the command line prints them; only a hash of what stands in the link.
create table sign_in_links (
  token_sha256 bytea primary key,
  created_at timestamptz not null default now()
);
