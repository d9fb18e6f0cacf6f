-- Whether it came while its connection was paused: then nobody read what it held.
alter table accepted_requests add column is_paused boolean not null default false;
