-- The rows that let someone in. Kept readable: an HMAC needs the secret itself.
create table connections (
  kind text not null check (kind in ('battlemetrics', 'script')),
  path text not null check (char_length(path) between 1 and 255 and path not in ('.', '..') and position('/' in path) = 0),
  secret text check (secret <> ''),
  enabled boolean not null default true,
  fixed_game_id integer check (fixed_game_id >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (kind, path)
);

-- What is known of one player in one game, in seconds. A delivery changes only columns without an index, and pages
-- keep some room, so that its update stays inside the page (heap-only): four times less to write.
create table playtimes (
  steam_id bigint not null check (
    steam_id between 7600000000000000 and 7699999999999999
    or steam_id between 76000000000000000 and 76999999999999999
    or steam_id between 760000000000000000 and 769999999999999999
  ),
  game_id integer not null check (game_id >= 0),
  steam_seconds integer check (steam_seconds >= 0),
  steam_status text not null default 'unchecked'
    check (steam_status in ('ok', 'private', 'hidden', 'not-owned', 'unavailable', 'unchecked')),
  steam_checked_at timestamptz,
  bm_seconds integer check (bm_seconds >= 0),
  bm_signed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (steam_id, game_id)
) with (fillfactor = 85);
