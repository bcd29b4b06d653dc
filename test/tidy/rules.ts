/** The rules of docs/STYLE.md that a program can check: each returns the breaks of one file. */
import ts from 'typescript';
import { commentsOf, sentencesOf } from './comments.js';
import { CONTRACT_ONLY } from './exceptions.js';
import { type Finding, lineOf, type SourceFile, visitNodes } from './source-file.js';

const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 500;
const COLUMNS_MAX = 100;

/**
 * Words that begin a relative clause or a loose phrase where a sentence needs a subject or a verb:
 * "Of the metadata." or "Who takes fewer records ...".
 */
const HEADLESS_OPENING =
  /^(What|Whatever|Whether|Who|Whoever|Whom|Whose|Where|Which|Of|How|Why|From|At|By|In which|In what|For whom|To whom) /;
/**
 * Docstrings name the value that they describe; "When ..." and "As ..." leave the reader to guess
 * it.
 */
const HEADLESS_DOCSTRING = /^(When|As|In|For|To|With|Without|On|After|Before|Since|Until) /;
/** Phrases that a reader stumbles over, each with the words to use in its place. */
const UNCLEAR_PHRASES: readonly (readonly [phrase: RegExp, plain: string])[] = [
  [
    /(?<!here )\b(is|are|was|were) no (?!longer|more|further|other|larger|older)[A-Za-z]/,
    '"is not a"',
  ],
  [/\b(is|are|was|were) (not )?to (?!blame)[a-z]/, '"must", "should" or "will"'],
  [/\banew\b/, '"again"'],
  [/\bby now\b/, '"now"'],
  [/\b(tell|tells|told) of\b/, '"reports" or "learns of"'],
  [/\bmend(s|ed|ing)?\b/, '"repair" or "fix"'],
  [/\b(set|put|kept|moved|sets|puts) aside\b/, '"quarantined"'],
  [/\b(what|who) else\b/, '"other"'],
];
const OVERLAP_RULE = /\bOverlap: /;

export type Rule = (file: SourceFile) => Finding[];

export const RULES = {
  'function-length': functionLength,
  'file-length': fileLength,
  'line-length': lineLength,
  'private-keyword': privateKeyword,
  'increment-operator': incrementOperator,
  'headless-sentence': headlessSentence,
  'plain-phrase': plainPhrase,
  'overlap-rule': overlapRule,
  'contract-type': contractType,
} satisfies Record<string, Rule>;

/**
 * Functions have at most 70 lines; the callback of `describe` is a list of tests, not a function.
 */
function functionLength(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  visitNodes(file.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    if (isDescribeCallback(node)) return;
    const first = lineOf(file, node.getStart(file.tree));
    const lines = lineOf(file, node.end) - first + 1;
    if (lines <= FUNCTION_LINES_MAX) return;
    findings.push({
      path: file.path,
      line: first,
      problem: `this function has ${lines} lines; at most ${FUNCTION_LINES_MAX} are accepted`,
    });
  });
  return findings;
}

function fileLength(file: SourceFile): Finding[] {
  const lines = file.text.trimEnd().split('\n').length;
  if (lines <= FILE_LINES_MAX) return [];
  const problem = `this file has ${lines} lines; at most ${FILE_LINES_MAX} are accepted`;
  return [{ path: file.path, line: 1, problem }];
}

/**
 * Lines have at most 100 columns, unless a string, a template or a regular expression crosses the
 * limit.
 */
function lineLength(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const starts = file.tree.getLineStarts();
  file.text.split('\n').forEach((text, index) => {
    if (text.length <= COLUMNS_MAX) return;
    const limit = (starts[index] ?? 0) + COLUMNS_MAX;
    if (isInLiteral(file, limit)) return;
    const problem = `this line has ${text.length} columns; at most ${COLUMNS_MAX} are accepted`;
    findings.push({ path: file.path, line: index + 1, problem });
  });
  return findings;
}

/** Members are hidden with `#`; the keyword stays for constructors, which have no other way. */
function privateKeyword(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  visitNodes(file.tree, (node) => {
    if (!ts.canHaveModifiers(node) || ts.isConstructorDeclaration(node)) return;
    const modifier = ts
      .getModifiers(node)
      ?.find(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
    if (modifier === undefined) return;
    const line = lineOf(file, modifier.getStart(file.tree));
    findings.push({ path: file.path, line, problem: 'hide this member with # instead of private' });
  });
  return findings;
}

function incrementOperator(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  visitNodes(file.tree, (node) => {
    if (!ts.isPrefixUnaryExpression(node) && !ts.isPostfixUnaryExpression(node)) return;
    const { operator } = node;
    const isIncrement = operator === ts.SyntaxKind.PlusPlusToken;
    if (!isIncrement && operator !== ts.SyntaxKind.MinusMinusToken) return;
    const line = lineOf(file, node.getStart(file.tree));
    const problem = isIncrement ? 'write += 1 instead of ++' : 'write -= 1 instead of --';
    findings.push({ path: file.path, line, problem });
  });
  return findings;
}

/** Sentences of comments have a subject and a verb. */
function headlessSentence(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  for (const comment of commentsOf(file)) {
    sentencesOf(comment).forEach((sentence, index) => {
      const isHeadless =
        HEADLESS_OPENING.test(sentence) ||
        (comment.isDocstring && index === 0 && HEADLESS_DOCSTRING.test(sentence));
      if (!isHeadless || sentence.endsWith('?')) return;
      const line = lineOf(file, comment.position);
      const opening = sentence.split(' ').slice(0, 6).join(' ');
      const problem = `"${opening} ..." has no subject or no verb; begin with what it is`;
      findings.push({ path: file.path, line, problem });
    });
  }
  return findings;
}

/** Comments, names of tests and messages avoid the phrases that readers stumbled over. */
function plainPhrase(file: SourceFile): Finding[] {
  return file.text.split('\n').flatMap((text, index) =>
    UNCLEAR_PHRASES.flatMap(([phrase, plain]) => {
      const found = phrase.exec(text)?.[0];
      if (found === undefined) return [];
      return [
        { path: file.path, line: index + 1, problem: `write ${plain} in place of "${found}"` },
      ];
    }),
  );
}

/**
 * A class of a library whose methods are async says which calls may overlap, and what orders them.
 */
function overlapRule(file: SourceFile): Finding[] {
  if (!file.path.startsWith('libs/') || /\.test\.ts$|\/testing\//.test(file.path)) return [];
  const header = commentsOf(file).find(({ position }) => position === 0);
  const findings: Finding[] = [];
  visitNodes(file.tree, (node) => {
    if (!ts.isClassDeclaration(node) || !node.members.some(isAsync)) return;
    const docstring = ts
      .getJSDocCommentsAndTags(node)
      .map((part) => part.getText(file.tree))
      .join('\n');
    if (OVERLAP_RULE.test(docstring) || OVERLAP_RULE.test(header?.paragraphs.join('\n') ?? '')) {
      return;
    }
    const line = lineOf(file, node.getStart(file.tree));
    const problem = `class ${node.name?.text ?? ''} has async methods; state its rule as "Overlap: ..."`;
    findings.push({ path: file.path, line, problem });
  });
  return findings;
}

function isAsync(member: ts.ClassElement): boolean {
  if (!ts.canHaveModifiers(member)) return false;
  return ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) === true;
}

function isDescribeCallback(node: ts.Node): boolean {
  const { parent } = node;
  if (parent === undefined || !ts.isCallExpression(parent)) return false;
  return /^(describe|suite)\b/.test(parent.expression.getText());
}

function isInLiteral(file: SourceFile, position: number): boolean {
  let isLiteral = false;
  visitNodes(file.tree, (node) => {
    if (node.getStart(file.tree) >= position || node.end < position) return;
    isLiteral ||=
      ts.isStringLiteral(node) ||
      ts.isTemplateExpression(node) ||
      ts.isNoSubstitutionTemplateLiteral(node) ||
      ts.isRegularExpressionLiteral(node);
  });
  return isLiteral;
}

/**
 * Classes of the contract implement the type of the port that they describe, so that a member is in
 * both or in neither, but for those that describe something that no port has.
 */
function contractType(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  if (!file.path.endsWith('.dto.ts')) return findings;
  visitNodes(file.tree, (node) => {
    if (!ts.isClassDeclaration(node) || node.name === undefined) return;
    const name = node.name.text;
    const isImplementing = (node.heritageClauses ?? []).some(
      ({ token }) => token === ts.SyntaxKind.ImplementsKeyword,
    );
    if (isImplementing !== Object.hasOwn(CONTRACT_ONLY, name)) return;
    const problem = isImplementing
      ? `class ${name} implements a type: remove its reason`
      : `class ${name} implements no type of a port, and CONTRACT_ONLY has no reason for it`;
    findings.push({ path: file.path, line: lineOf(file, node.getStart(file.tree)), problem });
  });
  return findings;
}
