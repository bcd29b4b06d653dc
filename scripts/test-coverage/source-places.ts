/**
 * The places of a TypeScript file whose coverage is reported: the start of each statement, and the
 * start of each piece of code about errors. A place has a line, from 1, and a column, from 0.
 */
import ts from 'typescript';

/** Matches names of functions and methods that refuse or fail something. */
const REFUSAL = /^#?(fail|refus|reject)/i;
/** Matches names of classes of errors. */
const ERROR_CLASS = /(?<!^Assertion)(Error|Faults|Refusal)$/;

/** A line, from 1, and a column, from 0. */
export interface Place {
  readonly line: number;
  readonly column: number;
  /** Line that a report shows, when it is another one. */
  readonly shownLine?: number;
}

/** Tells whether tests reached a place of a file. */
export type IsReached = (file: string, place: Place) => boolean;

interface SourcePlaces {
  readonly statements: readonly Place[];
  readonly errors: readonly Place[];
}

/** Returns the places of a file: of all statements, and of the code about errors. */
export function sourcePlaces(file: string, text: string): SourcePlaces {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const places: { statements: Place[]; errors: Place[] } = { statements: [], errors: [] };
  const placeOf = (node: ts.Node): Place => {
    const { line, character } = source.getLineAndCharacterOfPosition(node.getStart());
    return { line: line + 1, column: character };
  };
  const visit = (node: ts.Node): void => {
    if (isTypeOnly(node)) return;
    if (isStatement(node)) places.statements.push(placeOf(node));
    const start = errorStart(node);
    if (start !== undefined)
      places.errors.push({ ...placeOf(start), shownLine: placeOf(node).line });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return places;
}

function isTypeOnly(node: ts.Node): boolean {
  return ts.isInterfaceDeclaration(node) || ts.isTypeNode(node) || ts.isImportDeclaration(node);
}

function isStatement(node: ts.Node): boolean {
  // The root of the tree has no parent, whatever its type says.
  const parent = node.parent as ts.Node | undefined;
  if (parent !== undefined && ts.isArrowFunction(parent) && node === parent.body)
    return !ts.isBlock(node);
  return (
    ts.isStatement(node) &&
    !ts.isBlock(node) &&
    !ts.isEmptyStatement(node) &&
    !ts.isTypeAliasDeclaration(node) &&
    !ts.isFunctionDeclaration(node) &&
    !ts.isClassDeclaration(node) &&
    !ts.isExportDeclaration(node)
  );
}

/**
 * Returns the node at whose start a piece of code about errors begins; undefined for other nodes.
 */
function errorStart(node: ts.Node): ts.Node | undefined {
  if (ts.isThrowStatement(node)) {
    return isPassedOn(node) || isAssertion(node) ? undefined : node;
  }
  if (ts.isCatchClause(node)) return node.block.statements[0];
  if (ts.isNewExpression(node)) return ERROR_CLASS.test(nameOf(node.expression)) ? node : undefined;
  if (!ts.isCallExpression(node)) return undefined;
  const name = nameOf(node.expression);
  const [handler] = node.arguments;
  if (name === 'catch' && handler !== undefined && ts.isArrowFunction(handler)) {
    return ts.isBlock(handler.body) ? handler.body.statements[0] : handler.body;
  }
  // The start of the call may be a long chain of calls: the last name is the one that refuses.
  if (!REFUSAL.test(name)) return undefined;
  return ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
}

/**
 * True for `throw error` of the error that a catch clause caught: an error that the clause does not
 * handle goes on as it would without the clause.
 */
function isPassedOn({ expression, parent }: ts.ThrowStatement): boolean {
  if (!ts.isIdentifier(expression)) return false;
  for (let around = parent; !ts.isFunctionLike(around) && !ts.isSourceFile(around); ) {
    if (ts.isCatchClause(around)) {
      const caught = around.variableDeclaration?.name;
      if (caught !== undefined && ts.isIdentifier(caught) && caught.text === expression.text)
        return true;
    }
    around = around.parent;
  }
  return false;
}

/** True for a throw that only a bug reaches, as a failed `assert` does. */
function isAssertion({ expression }: ts.ThrowStatement): boolean {
  return ts.isNewExpression(expression) && nameOf(expression.expression) === 'AssertionError';
}

function nameOf(expression: ts.Expression): string {
  if (ts.isPropertyAccessExpression(expression)) return expression.name.text;
  return ts.isIdentifier(expression) ? expression.text : '';
}
