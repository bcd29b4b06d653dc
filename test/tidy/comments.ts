import ts from 'typescript';
import type { SourceFile } from './source-file.js';

/** A comment's text without its markers, as paragraphs. */
export interface Comment {
  readonly isDocstring: boolean;
  /** Position of the comment's first character in the file. */
  readonly position: number;
  readonly end: number;
  /** Each paragraph in one line; lists and tables are paragraphs of their own. */
  readonly paragraphs: readonly string[];
}

/** All comments of a file; line comments on neighbouring lines are one comment. */
export function commentsOf(file: SourceFile): Comment[] {
  const comments: Comment[] = [];
  let lines: { position: number; end: number; texts: string[] } | undefined;
  const endLines = () => {
    if (lines !== undefined) comments.push(comment(false, lines.position, lines.end, lines.texts));
    lines = undefined;
  };
  for (const range of rangesOf(file)) {
    const text = file.text.slice(range.pos, range.end);
    if (range.kind === ts.SyntaxKind.SingleLineCommentTrivia) {
      const isNext =
        lines !== undefined && /^\n[ \t]*$/.test(file.text.slice(lines.end, range.pos));
      if (!isNext) endLines();
      lines ??= { position: range.pos, end: range.end, texts: [] };
      lines.texts.push(text.slice(2));
      lines.end = range.end;
    } else {
      endLines();
      const body = text.slice(2, -2).split('\n');
      const isDocstring = text.startsWith('/**');
      const texts = body.map((line) => line.replace(/^\s*\*?/, ''));
      comments.push(comment(isDocstring, range.pos, range.end, texts));
    }
  }
  endLines();
  return comments;
}

/** The sentences of a comment, without code in backticks. */
export function sentencesOf({ paragraphs }: Comment): string[] {
  return paragraphs.flatMap((paragraph) =>
    paragraph
      .replaceAll(/`[^`]*`/g, 'CODE')
      .split(/(?<=[.!?])\s+(?=[A-Z])/)
      .map((sentence) => sentence.trim())
      .filter((sentence) => sentence !== ''),
  );
}

function comment(isDocstring: boolean, position: number, end: number, texts: string[]): Comment {
  const paragraphs: string[] = [];
  let isOpen = false;
  for (const text of texts) {
    const line = text.trim();
    if (line === '') isOpen = false;
    else if (isOpen && !/^([-*|@]|\d+\. )/.test(line)) {
      paragraphs.push(`${paragraphs.pop() ?? ''} ${line}`);
    } else {
      paragraphs.push(line.replace(/^[-*] /, ''));
      isOpen = true;
    }
  }
  return { isDocstring, position, end, paragraphs };
}

/** Comment ranges in their order, each once. */
function rangesOf(file: SourceFile): ts.CommentRange[] {
  const found = new Map<number, ts.CommentRange>();
  const collect = (ranges: readonly ts.CommentRange[] | undefined) => {
    for (const range of ranges ?? []) found.set(range.pos, range);
  };
  const visit = (node: ts.Node) => {
    const children = node.getChildren(file.tree);
    if (children.length === 0 && node.kind !== ts.SyntaxKind.JsxText) {
      collect(ts.getLeadingCommentRanges(file.text, node.pos));
      collect(ts.getTrailingCommentRanges(file.text, node.end));
    }
    for (const child of children) {
      if (!ts.isJSDoc(child)) visit(child);
    }
  };
  visit(file.tree);
  return [...found.values()].toSorted((left, right) => left.pos - right.pos);
}
