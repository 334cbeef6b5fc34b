import type { SoakResult } from './run-soak.ts';

/** The promises that the facade broke in a soak; none when all is well. */
export function brokenPromises(result: SoakResult): readonly string[] {
  const { toldDeletedButPresent, toldNotDeletedButGone, counts } = result.comparison;
  const nothing = counts.nothing.gone + counts.nothing.present;
  return [
    ...(toldDeletedButPresent.length > 0 ? [`${toldDeletedButPresent.length} told deleted but present`] : []),
    ...(toldNotDeletedButGone.length > 0 ? [`${toldNotDeletedButGone.length} told not deleted but gone`] : []),
    ...(nothing > 0 ? [`${nothing} told nothing`] : []),
    ...(result.complaints.length > 0 ? [`${result.complaints.length} warnings or errors were printed`] : []),
    ...(result.exitCode === 0 ? [] : [`the facade ended with code ${result.exitCode}`]),
    ...(result.openConnections > 0 ? [`${result.openConnections} connections to the sandbox stayed open`] : []),
  ];
}
