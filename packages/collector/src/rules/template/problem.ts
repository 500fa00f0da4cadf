/** A template that does not parse or does not expand; the message is worded as Go's text/template words it. */
export class TemplateProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TemplateProblem";
  }
}
