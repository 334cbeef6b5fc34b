/** A clause for a subject has two: "What was sent is finished". A fragment, such as "What happened", has one or none. */
const verb =
  '\\b(is|are|was|were|has|have|had|can|cannot|may|must|will|do|does|did|gets?|goes|stays?|costs?|counts?)\\b';

/** Words and phrases that plain English does without, in either case, and what to write instead. */
export const words: readonly (readonly [RegExp, string])[] = [
  // Who does it?
  [/\bwhoever\b/, 'name the actor'],
  [/\b(no|some|any|every)body\b/, 'name the actor: the caller, the client, the operator'],
  [/\b(is|are|was|were|be|been|being) said\b/, 'an error is returned, a line is logged'],
  [/\btold\b/, 'returned, reported or logged; "told apart" is "distinguished"'],
  [/\b(hears?|heard) (of|from)\b/, 'receives, or is notified of'],
  [/\bis for \S+ to \w+/, 'name the actor: "Truto decides"'],

  // Name the thing.
  [/\bwhatever\b/, 'name the thing, or write "any"'],
  [/\bwhat (finds|found|dies|died|came|comes)\b/, 'name the thing: "requests that cannot be sent in time"'],
  [
    new RegExp(`^[\\s*_]*(what|who)\\b[^?,:]*${verb}[^?,:]* ${verb}[^?]*\\.\\s*$`),
    'name the thing: begin the sentence with a noun',
  ],
  [/\bbec(a|o)mes? of\b/, 'the outcome of'],
  [/\b(finds?|found|has|have|had) no place\b/, 'there is no permit, or no room'],
  [/\bnews\b/, 'an update, a result'],
  [/\btroubles?\b/, 'a problem, an error or a status'],

  // The field's word.
  [/\bfarewells?\b/, 'drain'],
  [/\b(take|takes|took|taking) leave\b|\bleave of\b/, 'drain, or close the connection'],
  [/\bmeets? (its|their) end\b/, 'is cut off'],
  [/\bmend(s|ed|ing)?\b/, 'fix'],
  [/\bpardon(s|ed)?\b/, 'allow, or ignore'],
  [/\bsteer(s|ed|ing)?\b/, 'control'],
  [/\bnewcomers?\b/, 'new connections, or new contributors'],
  [/\b(un)?fores(aw|een)\b/, 'unexpected'],
  [/\bhopeless\b/, 'cannot succeed'],
  [/\bimpatient\b/, 'fails fast'],
  [/\bstrange\b/, 'unknown, or unexpected'],
  [/\bat (its|their) turn\b/, 'next in the queue'],

  // The usual word.
  [/\bfor nothing\b/, 'at no cost'],
  [/\bof late\b/, 'recent'],
  [/\bask(s|ed)? (\w+ )?of\b/, 'requested from'],
  [/\bto be had\b/, 'available'],
  [/\bof (ours|yours)\b/, 'our, your'],
  [/\bbut for\b/, 'except'],
  [/\b(every \w+|anything|none) but\b/, 'except'],
  [/\bbeside\b/, 'next to, with, or in addition to'],
  [/\b(go|goes|going|went) on\b/, 'continue'],
  [/\b(has|have) no read of\b/, 'cannot read'],
  [/\b(is|are|was|were) no (argument|host|overload|resource|setting|valid)\b/, '"is not a", "is not valid"'],
  [/\ball the same\b/, 'anyway'],
  [/\b(lest|upon|thereof|whereof|hence)\b/, 'a word of today: "so that", "on", "of it", "so"'],
];

/** How many words a sentence of a document or a description has at most. */
export const maxWords = 30;
