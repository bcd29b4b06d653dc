export { LineAnswers } from './line-answers.js';
export { SubmittedLines } from './submitted-lines.js';
