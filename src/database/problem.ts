/** A problem with the database that the operator must solve. The message says what is wrong and what to do, in a sentence or two. */
export class DatabaseProblem extends Error {
  override name = "DatabaseProblem";
}
