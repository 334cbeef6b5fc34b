/** Thrown while a plan is made for a document that has something no plan covers: the executor takes it then. */
export class Uncovered extends Error {
  override readonly name = 'Uncovered';
}

/** Thrown by a plan that meets a value which the executor would report as an error: it writes the answer then. */
export class OddValue extends Error {
  override readonly name = 'OddValue';
}
