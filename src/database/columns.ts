import type { Parser } from "../parse.ts";
import type { Sql } from "./connect.ts";
import { arrayOf, quotedArrayOf } from "./rows.ts";

/** A column of a table, described once for everything that reads or writes it. */
export type Column<Value = unknown> = {
  /** Its name in the database, in tables for spreadsheets and in backups. */
  column: string;
  type: "bool" | "date" | "int4" | "int8" | "text" | "timestamptz";
  /** Reads a value from a backup. */
  parse: Parser<Value>;
  /** A time that came from outside. A time in the future would count as newer than everything that comes later, so it is stored as now. */
  isTold?: true;
  /** The column that a backup without this one holds instead. */
  formerly?: string;
};

/** By the names that the columns have in code. */
export type Columns = Readonly<Record<string, Column>>;
export type RowOf<Described extends Columns> = { [Name in keyof Described]: ReturnType<Described[Name]["parse"]> };

/** For `select`: every column under its name in code. An int8 comes as text, as a number would lose digits. */
export function selected(sql: Sql, columns: Columns) {
  return separated(
    sql,
    Object.entries(columns).map(([name, one]) => sql`${valueIn(sql, one)} as ${sql(name)}`),
  );
}

/** For `insert into` and for lists of values: the names in the database. */
export function namesOf(sql: Sql, columns: Columns) {
  return separated(
    sql,
    Object.values(columns).map(({ column }) => sql`${sql(column)}`),
  );
}

/** A row as a JSON array, as text. */
export function jsonArray(sql: Sql, columns: Columns) {
  const values = Object.values(columns).map((one) => valueIn(sql, one));
  return sql`json_build_array(${separated(sql, values)})::text`;
}

/** Makes a reader for rows of a backup. The reader throws Malformed, with the column's name. */
export function rowParser<Described extends Columns>(columns: Described) {
  const all = Object.entries(columns);
  return (given: Record<string, unknown>): RowOf<Described> => {
    const row: Record<string, unknown> = {};
    for (const [name, { column, parse, formerly = column }] of all)
      row[name] = parse(given[column in given ? column : formerly], column);
    // RowOf is derived from what each `parse` returns.
    return row as RowOf<Described>;
  };
}

/** Inserts rows, with one parameter per column however many rows there are. */
export function insertRows<Described extends Columns>(
  sql: Sql,
  table: string,
  columns: Described,
  rows: readonly RowOf<Described>[],
) {
  const all = Object.entries(columns);
  const values = all.map(([, { column, isTold }]) => {
    const value = sql(column);
    return isTold ? sql`case when ${value} is not null then least(${value}, now()) end` : sql`${value}`;
  });
  const arrays = all.map(([name, { type }]) => {
    const array = type === "text" ? quotedArrayOf : arrayOf;
    return sql`${array(rows, (row) => plain(row[name]))}::${sql(type)}[]`;
  });
  const names = namesOf(sql, columns);
  return sql`
    insert into ${sql(table)} (${names})
    select ${separated(sql, values)} from unnest(${separated(sql, arrays)}) as given (${names})`;
}

const nothing = (sql: Sql) => sql``;
type Fragment = ReturnType<typeof nothing>;

function valueIn(sql: Sql, { column, type }: Column): Fragment {
  return type === "int8" ? sql`${sql(column)}::text` : sql`${sql(column)}`;
}

function separated(sql: Sql, parts: Fragment[]): Fragment {
  return parts.reduce((all, part) => sql`${all}, ${part}`);
}

function plain(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
