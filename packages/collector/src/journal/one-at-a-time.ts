/** The same function, but each call begins when the one before has ended, well or not. */
export function oneAtATime<T>(run: (argument: T) => Promise<void>): (argument: T) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (argument) => {
    const turn = last.then(() => run(argument));
    last = turn.catch(() => undefined);
    return turn;
  };
}
