-- What Steam calls a player; null: Steam knows nobody with this ID. Asked again when it is a week old.
create table player_names (
  steam_id bigint primary key,
  name text,
  checked_at timestamptz not null
);
